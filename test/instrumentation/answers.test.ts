/** What is read of each provider's answers: whole, streamed, and cut at any byte. */
import { describe, expect, test } from 'vitest'
import { readAnswer } from '../support/answer-reader.ts'
import { ANSWERS, type Answered, bodyOf, MORE_ANSWERS, type Said } from '../support/answers.ts'

for (const [api, cases] of Object.entries({ ...ANSWERS, ...MORE_ANSWERS })) {
  describe(api, () => {
    test.each(cases.map((one) => [one.name, one] as const))('%s', (_, answered) => {
      expect(readAnswer(answered)).toEqual(answered.said)
      const { length } = bodyOf(answered).bytes
      for (let cut = 1; cut < length; cut++) expect(readAnswer(answered, [cut])).toEqual(answered.said)
      expect(
        readAnswer(
          answered,
          Array.from({ length: length - 1 }, (_, n) => n + 1),
        ),
      ).toEqual(answered.said)
    })
  })
}

/** The places of all fields in a value. */
function* places(value: unknown, above: readonly (string | number)[] = []): Generator<(string | number)[]> {
  if (Object(value) !== value) return
  for (const name of Array.isArray(value) ? value.keys() : Object.keys(value as object)) {
    const place = [...above, name]
    yield place
    yield* places((value as Record<string | number, unknown>)[name], place)
  }
}

const at = (value: unknown, place: readonly (string | number)[]): unknown =>
  place.reduce((inside, name) => (inside as Record<string | number, unknown>)[name], value)

/** The answer with another value at a place; undefined: none. */
function changed(answered: Answered, place: readonly (string | number)[], value: unknown): Answered {
  const body = structuredClone({ json: answered.json, events: answered.events })
  const parent = at(body, place.slice(0, -1)) as Record<string | number, unknown>
  const name = place.at(-1) as string | number
  if (value === undefined && Array.isArray(parent)) parent.splice(name as number, 1)
  else if (value === undefined) delete parent[name]
  else parent[name] = value
  return { ...answered, ...body }
}

/** What no field of this type may be. */
function wrong(value: unknown): unknown[] {
  // What has no text form, and what an attacker makes it seem to be.
  const odd: unknown[] = [{}, [null], { toString: 1, valueOf: 1 }, { length: 1e9 }, true]
  if (typeof value === 'string') return [5, ...odd]
  if (typeof value === 'number') return ['5', -1, 1.5, 1e300, ...odd]
  if (Array.isArray(value)) return [5, 'text', '', {}, [[]], [null], ['text'], true]
  return Object(value) === value ? [5, 'text', '', true, [], [null], {}] : []
}

describe('a field that is absent, null, empty or of another type: nothing throws, and the rest is read', () => {
  for (const [api, cases] of Object.entries({ ...ANSWERS, ...MORE_ANSWERS })) {
    test(api, () => {
      const faults: unknown[] = []
      for (const answered of cases) {
        const full = readAnswer(answered)
        for (const place of places({ json: answered.json, events: answered.events })) {
          if (place.length < 2 || place.at(-1) === ':exception-type') continue
          const without = readAnswer(changed(answered, place, undefined))
          const isList = typeof place.at(-1) === 'number'
          const value = at(answered, place)
          for (const other of [...(isList ? [] : [null]), ...wrong(value)]) {
            const said = readAnswer(changed(answered, place, other))
            for (const name of Object.keys(full) as (keyof Said)[]) {
              const isOthers = JSON.stringify(without[name]) === JSON.stringify(full[name])
              if (isOthers && JSON.stringify(said[name]) !== JSON.stringify(full[name]))
                faults.push(JSON.stringify([answered.name, place.join('.'), other, name, full[name], said[name]]))
            }
          }
        }
      }
      expect(faults).toEqual([])
    })
  }
})
