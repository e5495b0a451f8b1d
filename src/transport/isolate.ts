/**
 * What an isolate remembers between requests, by endpoint: plain values only, never a promise, which workerd may not let
 * another request wait for. Bounded, because each tenant may have an endpoint or a key of its own.
 */
const MAX_NAMES = 256

/** The state of this name, made at its first use. */
export function remembered<T>(states: Map<string, T>, name: string, fresh: () => T): T {
  let state = states.get(name)
  if (!state) {
    if (states.size >= MAX_NAMES) states.clear()
    state = fresh()
    states.set(name, state)
  }
  return state
}
