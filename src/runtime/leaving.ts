/** What is still to be sent when a process ends, by rooms that its end knows nothing of. */

export interface Leaving {
  /** In one try, over in `ms`. Never rejects. */
  send(ms: number): Promise<unknown>
  /** Nothing comes after: what could not be sent is lost, and said. */
  lose?(): void
}

const all: Set<Leaving> = new Set()

/** The same one, however often. */
export function onLeaving(one: Leaving): void {
  all.add(one)
}

export function leaving(): readonly Leaving[] {
  return [...all]
}
