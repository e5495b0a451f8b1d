/** What the tests of the outbox expect of a ledger. */
import { expect } from 'vitest'
import type { Booked, Ledger } from './ledger.ts'

/** All sessions have arrived, each with so many spans, each span once. */
export function expectWhole(ledger: Ledger, sessions: number, spansEach = 2): void {
  expect(ledger.traces().size).toBe(sessions)
  const counts = [...ledger.taken().values()]
  expect(counts).toHaveLength(sessions * spansEach)
  expect(Math.max(...counts)).toBe(1)
}

/** They came one at a time, and each time later. */
export function expectBackoff(failed: readonly Booked[]): void {
  expect(failed.length).toBeGreaterThan(1)
  const gaps = failed.slice(1).map(({ at }, n) => at - Number(failed[n]?.at))
  for (const [n, gap] of gaps.entries()) expect(gap).toBeGreaterThan(Math.min(500 * 2 ** n, 15_000) / 2 - 20)
}
