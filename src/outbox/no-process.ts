/** In place of `process.ts` where a bundler knows that there is no process: on Workers, and on Vercel's edge. */
import type * as process from './process.ts'

export const leaveTo: typeof process.leaveTo = () => {}
export const attend: typeof process.attend = () => {}
export const afterFreeze: typeof process.afterFreeze = () => ({})
