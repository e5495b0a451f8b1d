/** Which request is a model's, whose it is, and what its answer says however its bytes are cut. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readerFor } from '../../src/instrumentation/streams.ts'
import { wireOf } from '../../src/instrumentation/wires/registry.ts'

const GATEWAY = 'https://gateway.ai.cloudflare.com/v1/account/gateway'

describe('the provider, by host or by path', () => {
  test.each([
    ['https://api.openai.com/v1/chat/completions', 'openai', 'chat'],
    ['https://api.openai.com/v1/responses', 'openai', 'chat'],
    ['https://api.openai.com/v1/embeddings', 'openai', 'embeddings'],
    ['https://my.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=1', 'azure.ai.openai', 'chat'],
    ['https://my.services.ai.azure.com/models/chat/completions', 'azure.ai.inference', 'chat'],
    ['https://openrouter.ai/api/v1/chat/completions', 'openrouter', 'chat'],
    ['https://api.groq.com/openai/v1/chat/completions', 'groq', 'chat'],
    ['https://api.together.xyz/v1/chat/completions', 'together_ai', 'chat'],
    ['https://api.together.ai/v1/chat/completions', 'together_ai', 'chat'],
    ['https://api.mistral.ai/v1/chat/completions', 'mistral_ai', 'chat'],
    ['https://api.deepseek.com/chat/completions', 'deepseek', 'chat'],
    ['https://api.perplexity.ai/chat/completions', 'perplexity', 'chat'],
    ['https://api.x.ai/v1/chat/completions', 'x_ai', 'chat'],
    ['https://api.anthropic.com/v1/messages', 'anthropic', 'chat'],
    [
      'https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent',
      'gcp.gemini',
      'generate_content',
    ],
    [
      'https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse',
      'gcp.gemini',
      'generate_content',
    ],
    [
      'https://generativelanguage.googleapis.com/v1beta/models/text-embedding-004:embedContent',
      'gcp.gemini',
      'embeddings',
    ],
    [
      'https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-flash:generateContent',
      'gcp.vertex_ai',
      'generate_content',
    ],
    [
      'https://bedrock-runtime.eu-west-1.amazonaws.com/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse',
      'aws.bedrock',
      'chat',
    ],
    [
      'https://api.cloudflare.com/client/v4/accounts/a/ai/run/@cf/meta/llama-3.1-8b-instruct',
      'cloudflare.workers_ai',
      'chat',
    ],
    ['https://api.cloudflare.com/client/v4/accounts/a/ai/v1/chat/completions', 'cloudflare.workers_ai', 'chat'],
    [`${GATEWAY}/openai/chat/completions`, 'openai', 'chat'],
    [`${GATEWAY}/anthropic/v1/messages`, 'anthropic', 'chat'],
    [`${GATEWAY}/groq/chat/completions`, 'groq', 'chat'],
    [`${GATEWAY}/azure-openai/resource/deployment/chat/completions`, 'azure.ai.openai', 'chat'],
    [`${GATEWAY}/google-ai-studio/v1/models/gemini-2.5-flash:generateContent`, 'gcp.gemini', 'generate_content'],
    [
      `${GATEWAY}/google-vertex-ai/v1/projects/p/locations/l/publishers/google/models/m:generateContent`,
      'gcp.vertex_ai',
      'generate_content',
    ],
    [`${GATEWAY}/aws-bedrock/bedrock-runtime/us-east-1/model/m/converse`, 'aws.bedrock', 'chat'],
    [`${GATEWAY}/perplexity-ai/chat/completions`, 'perplexity', 'chat'],
    [`${GATEWAY}/workers-ai/@cf/meta/llama-3.1-8b-instruct`, 'cloudflare.workers_ai', 'chat'],
    [`${GATEWAY}/compat/chat/completions`, 'openai', 'chat'],
    ['http://localhost:11434/v1/chat/completions', 'openai', 'chat'],
  ])('%s is %s', (url, provider, operation) => {
    const found = wireOf(new URL(url))
    expect([found?.provider, found?.wire.operation]).toEqual([provider, operation])
  })

  test('Azure’s deployment is its model', () => {
    const url = new URL('https://my.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=1')
    expect(wireOf(url)?.model).toBe('gpt-4o')
  })

  test.each([
    'https://api.openai.com/v1/models',
    'https://api.openai.com/v1/files',
    'https://api.anthropic.com/v1/messages/count_tokens',
    'https://api.anthropic.com/v1/messages/batches',
    'https://x.example.com/',
    'https://x.example.com/%E0%A4%A/mess',
  ])('%s is no model', (url) => {
    expect(wireOf(new URL(url))).toBeUndefined()
  })
})

/** What a reader takes of a body that arrives in these pieces. */
function read(type: string, bytes: Uint8Array, cuts: readonly number[]): unknown[] {
  const taken: unknown[] = []
  const reader = readerFor(type, (value) => taken.push(value))
  let from = 0
  for (const to of [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)) {
    reader.push(bytes.slice(from, to))
    from = to
  }
  reader.end()
  return taken
}
const cuts = fc.array(fc.nat({ max: 2000 }), { maxLength: 40 })
const values = fc.array(fc.record({ text: fc.string({ unit: 'binary' }), n: fc.integer() }), {
  minLength: 1,
  maxLength: 8,
})
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('however the bytes are cut', () => {
  test('server-sent events, with each kind of line end, comments and names', () => {
    fc.assert(
      fc.property(values, cuts, fc.constantFrom('\n', '\r\n', '\r'), (all, where, end) => {
        const body = all.map((value) => `: hi${end}event: e${end}data: ${JSON.stringify(value)}${end}${end}`).join('')
        const taken = read('text/event-stream; charset=utf-8', utf8(`${body}data: [DONE]${end}${end}`), where)
        expect(taken).toEqual(JSON.parse(JSON.stringify(all)))
      }),
    )
  })

  test('the last event without its blank line', () => {
    expect(read('text/event-stream', utf8('data: {"a":1}\n\ndata: {"b":2}\n'), [])).toEqual([{ a: 1 }, { b: 2 }])
  })

  test('one value', () => {
    fc.assert(
      fc.property(values, cuts, (all, where) => {
        expect(read('application/json', utf8(JSON.stringify(all)), where)).toEqual([JSON.parse(JSON.stringify(all))])
      }),
    )
  })

  test('AWS’ frames', () => {
    fc.assert(
      fc.property(values, cuts, (all, where) => {
        const frames = all.map((value) => {
          const [head, body] = [utf8(':event-type-and-more'), utf8(JSON.stringify(value))]
          const frame = new Uint8Array(16 + head.length + body.length)
          new DataView(frame.buffer).setUint32(0, frame.length)
          new DataView(frame.buffer).setUint32(4, head.length)
          frame.set(head, 12)
          frame.set(body, 12 + head.length)
          return [...frame]
        })
        const taken = read('application/vnd.amazon.eventstream', Uint8Array.from(frames.flat()), where)
        expect(taken).toEqual(JSON.parse(JSON.stringify(all)))
      }),
    )
  })
})

describe('what cannot be read is left out', () => {
  test.each([
    ['no JSON', 'application/json', utf8('<html>')],
    ['no object', 'application/json', utf8('5')],
    ['half of it', 'application/json', utf8('{"a":')],
    ['a body of 5 MiB', 'application/json', utf8(`{"a":"${'x'.repeat(5 << 20)}"}`)],
    ['an event of 5 MiB', 'text/event-stream', utf8(`data: {"a":"${'x'.repeat(5 << 20)}"}`)],
    ['a frame that says it has 4 GiB', 'application/vnd.amazon.eventstream', new Uint8Array(64).fill(255)],
  ])('%s', (_, type, bytes) => {
    const run = (): unknown[] =>
      read(
        type,
        bytes,
        Array.from({ length: 20 }, (_, n) => n * 300_000),
      )
    expect(run()).toEqual([])
  })
})
