/**
 * The least growth of a heap, in bytes, over some rounds of the same work. What a round keeps shows in each of them;
 * what the collector and the compiler do shows in one or the other.
 */
export async function leastGrowth(heapAfterRound: () => Promise<number>, rounds = 2): Promise<number> {
  let least = Infinity
  let before = await heapAfterRound()
  for (let n = 0; n < rounds; n++) {
    const after = await heapAfterRound()
    least = Math.min(least, after - before)
    before = after
  }
  return least
}
