/**
 * What an isolate remembers between requests, by endpoint: plain values only, never a promise, which workerd may not let
 * another request wait for. Bounded, because each tenant may have an endpoint or a key of its own.
 */
const MAX_NAMES = 256

/** The state of this name, made at its first use. The one that was not used for longest goes first, if it may. */
export function remembered<T>(
  states: Map<string, T>,
  name: string,
  fresh: () => T,
  mayGo: (state: T) => boolean = () => true,
): T {
  const state = states.get(name) ?? fresh()
  states.delete(name)
  states.set(name, state)
  if (states.size > MAX_NAMES) {
    for (const [old, one] of states) {
      if (!mayGo(one)) continue
      states.delete(old)
      break
    }
  }
  return state
}
