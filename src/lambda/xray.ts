/**
 * X-Ray's trace header, `Root=1-<8 hex>-<24 hex>;Parent=<16 hex>;Sampled=1`, as the `traceparent` that says the same but for
 * `Sampled`: that X-Ray keeps one trace of twenty says nothing about sessions.
 */
import type { Config } from '../options/config.ts'

export function traceparentOf(header: unknown): string | undefined {
  if (typeof header !== 'string') return undefined
  const fields = Object.fromEntries(header.split(';').map((pair) => pair.trim().split('=', 2)))
  const root = /^1-([0-9a-f]{8})-([0-9a-f]{24})$/i.exec(fields.Root)
  if (!root || !/^[0-9a-f]{16}$/i.test(fields.Parent)) return undefined
  return `00-${root[1]}${root[2]}-${fields.Parent}-01`.toLowerCase()
}

/** One a Config: whatever is kept for a Config is kept for the invocations of this one, too. */
const withOwnSampler: WeakMap<Config, Config> = new WeakMap()

/** The Config of a session whose caller is X-Ray's: its own sampler decides. */
export function decidedHere(config: Config): Config {
  const decided = withOwnSampler.get(config) ?? { ...config, parentBased: false }
  withOwnSampler.set(config, decided)
  return decided
}
