/** Reads an answer as a session does, without one. */
import { bedrockInvoke, cohere, interactions, ollama, openaiMore } from '../../src/instrumentation/index.ts'
import { readerFor } from '../../src/instrumentation/streams.ts'
import { wireOf } from '../../src/instrumentation/wires/registry.ts'
import { Answer, type Wire } from '../../src/instrumentation/wires/wire.ts'
import { type Answered, bodyOf, type Said } from './answers.ts'

const MORE = [cohere, ollama, interactions, openaiMore, bedrockInvoke].flat() as Wire[]

/** What the reader and the wire make of a body in these pieces. */
export function readAnswer(answered: Answered, cuts: readonly number[] = []): Said {
  const found = wireOf(new URL(`http://127.0.0.1${answered.path}`), answered.path.includes('anthropic') ? [] : MORE)
  const answer = new Answer(true)
  const { bytes, type } = bodyOf(answered)
  const amzn = answered.headers?.['x-amzn-errortype']
  if (amzn) answer.fail('', amzn.split(':')[0])
  const reader = readerFor(type, (part) => found?.wire.read(part, answer))
  let from = 0
  for (const to of [...cuts, bytes.length]) {
    reader.push(bytes.slice(from, to))
    from = to
  }
  reader.end()
  return saidBy(answer)
}

export function saidBy({ model, id, choices, usage, cost, error }: Answer): Said {
  const { uncached, cache_read: cacheRead, cache_creation: cacheWrite, completion, reasoning } = usage
  const prompt = usage.prompt ?? (uncached === undefined ? undefined : uncached + (cacheRead ?? 0) + (cacheWrite ?? 0))
  const sum = prompt === undefined || completion === undefined ? undefined : prompt + completion
  const [choice] = choices
  const tools = choice?.calls.map((call): [string | undefined, string | undefined, string] => [
    call.name || undefined,
    call.id || undefined,
    call.arguments,
  ])
  const said = {
    model: model || undefined,
    id: id || undefined,
    text: choice?.content || undefined,
    finish: choice?.finish,
    tools: tools?.length ? tools : undefined,
    in: prompt,
    out: completion,
    total: usage.total ?? sum,
    cacheRead,
    cacheWrite,
    reasoning,
    cost,
    error: error?.type,
  }
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)) as Said
}
