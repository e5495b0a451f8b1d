/** What `fc.assert` is told: how often a property is tried, and from which seed. */
interface Tries {
  numRuns: number
  seed?: number
  /** A counterexample as it was found: shrinking one takes minutes where a try takes long. Its `path` plays it again. */
  endOnFailure: true
}

/**
 * The same tries each time, so that a run is red by what has changed; with `RUNS` in the environment as many as that,
 * from another seed each time.
 */
export function tries(numRuns: number): Tries {
  const { RUNS } = process.env
  return RUNS ? { numRuns: Number(RUNS), endOnFailure: true } : { numRuns, seed: 1, endOnFailure: true }
}
