/** The version of this package, as its `package.json` says it (a test compares them). */
export const VERSION: string = '0.1.0'
