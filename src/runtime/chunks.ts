/** When the chunks of streamed answers came: no attribute of a span has it, and metrics are made of it. */

/** Of a call with more the rest is not measured. */
const MAX_CHUNKS = 4096

const gaps: WeakMap<object, number[]> = new WeakMap()

/** Seconds from each chunk of a call to the next. `of`: the context of its span, which copies of it share. */
export const gapsOf = (of: object): readonly number[] => gaps.get(of) ?? []

export function addGap(of: object, seconds: number): void {
  const all = gaps.get(of) ?? []
  gaps.set(of, all)
  if (all.length < MAX_CHUNKS) all.push(seconds)
}
