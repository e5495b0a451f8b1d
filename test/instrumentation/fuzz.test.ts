/**
 * Answers that nobody would send, cut anywhere, through every reader: nothing throws, what is kept is bounded, and the
 * client gets its bytes. `npm run fuzz` tries 100,000, with another seed each time.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createAgentOps } from '../../src/index.ts'
import { traced } from '../../src/instrumentation/fetch.ts'
import { bedrockInvoke, cohere, interactions, llmCalls, ollama, openaiMore } from '../../src/instrumentation/index.ts'
import { readerFor } from '../../src/instrumentation/streams.ts'
import { wireOf } from '../../src/instrumentation/wires/registry.ts'
import { Answer, type Wire } from '../../src/instrumentation/wires/wire.ts'
import { ANSWERS, type Answered, bodyOf, MORE_ANSWERS } from '../support/answers.ts'
import { toCollector } from '../support/collected.ts'

const runs = Number(process.env.FUZZ ?? 0)
const limits = (share: number): fc.Parameters<unknown> =>
  runs
    ? { numRuns: runs / share }
    : { numRuns: 20_000, seed: 18, interruptAfterTimeLimit: 6_000, markInterruptAsFailure: false }

const wires = [cohere, ollama, interactions, openaiMore, bedrockInvoke]
const MORE = wires.flat() as Wire[]
const CASES = Object.values({ ...ANSWERS, ...MORE_ANSWERS }).flat()
const READERS = [...new Set(CASES.map(({ path }) => wireOf(new URL(`http://127.0.0.1${path}`), MORE)?.wire as Wire))]

type Parent = Record<string | number, unknown>

/** Every value inside, by what holds it. */
function holders(value: unknown, found: [Parent, string][] = []): [Parent, string][] {
  if (Object(value) !== value) return found
  for (const name of Object.keys(value as Parent)) {
    found.push([value as Parent, name])
    holders((value as Parent)[name], found)
  }
  return found
}

const anything = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<unknown>,
  fc.constantFrom<unknown>(
    { toString: 1 },
    { valueOf: null, toString: null },
    1e308,
    -0,
    2 ** 63,
    'x'.repeat(70_000),
    '\ud800',
    [],
  ),
)
/** A known answer in which some values are others, are gone or stand elsewhere, in bytes of which some are others. */
const body = fc
  .record({
    answered: fc.constantFrom(...CASES),
    changes: fc.array(fc.tuple(fc.nat(), fc.constantFrom('set', 'delete', 'move'), anything, fc.nat()), {
      maxLength: 6,
    }),
    flips: fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 }),
    cuts: fc.array(fc.nat(), { maxLength: 12 }),
    type: fc.constantFrom('text/event-stream', 'application/json', 'application/x-ndjson', ''),
  })
  .map(({ answered, changes, flips, cuts, type }) => {
    const changed: Answered = structuredClone(answered)
    const inside = { json: changed.json, events: changed.events }
    for (const [n, how, value, m] of changes) {
      const all = holders(inside)
      const place = all[n % all.length]
      if (!place) break
      const [parent, name] = place
      if (how === 'set') parent[name] = structuredClone(value)
      else if (how === 'delete') delete parent[name]
      else parent[name] = structuredClone(all[m % all.length]?.[0])
    }
    const events = [inside.events ?? []].flat().map(Object)
    const { bytes } = bodyOf({ ...changed, json: inside.json as object, events })
    for (const [at, byte] of flips) bytes[at % (bytes.length || 1)] = byte
    const places = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b)
    return { path: answered.path, bytes, type, pieces: piecesOf(bytes, places) }
  })

function piecesOf(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  return [...cuts, bytes.length].map((to, n, all) => bytes.slice(all[n - 1] ?? 0, to))
}

/** Characters that are kept of an answer. */
const kept = ({ model, id, choices, error }: Answer): number =>
  [
    model,
    id,
    error?.type,
    ...choices.flatMap(({ content, finish, calls }) => [
      content,
      finish,
      ...calls.flatMap((call) => [call.id, call.name, call.arguments]),
    ]),
  ]
    .map((text) => text?.length ?? 0)
    .reduce((sum, length) => sum + length, 0)

test('no reader throws, and what is kept is bounded', { timeout: 3_600_000 }, () => {
  fc.assert(
    fc.property(body, ({ type, pieces }) => {
      for (const wire of READERS) {
        const answer = new Answer(true)
        const reader = readerFor(type, (part) => wire.read(part, answer))
        for (const piece of pieces) reader.push(piece)
        reader.end()
        // One budget; beside it a reason of 64 characters for each choice.
        expect(kept(answer)).toBeLessThanOrEqual(65_536 + 128 * 64 + 64)
        expect(answer.choices.length).toBeLessThanOrEqual(128)
        expect(answer.choices.flatMap(({ calls }) => calls).length).toBeLessThanOrEqual(128)
        for (const count of Object.values(answer.usage)) expect(Number.isSafeInteger(count)).toBe(true)
      }
    }),
    limits(1) as never,
  )
})

test('the client gets its bytes', { timeout: 3_600_000 }, async () => {
  const client = createAgentOps(toCollector({ instrumentations: { llm: llmCalls({ wires }) }, mode: 'multi' }))
  await fc.assert(
    fc.asyncProperty(body, fc.boolean(), async ({ path, bytes, type, pieces }, isWhole) => {
      const session = client.startSession()
      const stream = new ReadableStream({
        pull(controller) {
          const piece = pieces.shift()
          if (piece) controller.enqueue(piece.slice())
          else controller.close()
        },
      })
      const send = (async () => new Response(stream, { headers: type ? { 'content-type': type } : {} })) as typeof fetch
      const asked = { method: 'POST', body: JSON.stringify({ model: 'm', messages: [], input: '', prompt: '' }) }
      const response = await session.run(() => traced(send, session, `http://127.0.0.1${path}`, asked, false))
      const got: Uint8Array[] = []
      if (isWhole) got.push(new Uint8Array(await response.arrayBuffer()))
      else for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) got.push(piece)
      expect(Buffer.concat(got).equals(bytes)).toBe(true)
      await session.end()
    }),
    limits(10) as never,
  )
})
