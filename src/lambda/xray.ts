/** X-Ray's trace header, `Root=1-<8 hex>-<24 hex>;Parent=<16 hex>;Sampled=1`, as the `traceparent` that says the same. */

export function traceparentOf(header: unknown): string | undefined {
  if (typeof header !== 'string') return undefined
  const fields = Object.fromEntries(header.split(';').map((pair) => pair.trim().split('=', 2)))
  const root = /^1-([0-9a-f]{8})-([0-9a-f]{24})$/i.exec(fields.Root)
  if (!root || !/^[0-9a-f]{16}$/i.test(fields.Parent)) return undefined
  return `00-${root[1]}${root[2]}-${fields.Parent}-0${fields.Sampled === '1' ? 1 : 0}`.toLowerCase()
}
