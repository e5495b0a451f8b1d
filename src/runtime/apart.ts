/**
 * Next.js takes the clock and random numbers for what makes a page another one each time, and gives up a render for all
 * that asks for them. What it knows its render by, it keeps beside its `fetch`: whoever is outside may ask.
 */

interface NextFetch {
  __nextGetStaticStore?(): { exit<T>(fn: () => T): T }
}

export function apart<T>(fn: () => T): T {
  let store: ReturnType<NonNullable<NextFetch['__nextGetStaticStore']>> | undefined
  try {
    store = (globalThis.fetch as NextFetch | undefined)?.__nextGetStaticStore?.()
  } catch {
    // A getter of the user's.
  }
  return store ? store.exit(fn) : fn()
}
