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
    // A proxy says nothing of whose it is, whatever its name is.
    ['https://llm-proxy.mine.workers.dev/v1/chat/completions', 'openai', 'chat'],
    ['https://groq.example.com/v1/chat/completions', 'openai', 'chat'],
    ['https://api.moonshot.ai/v1/chat/completions', 'moonshot_ai', 'chat'],
    ['https://api.moonshot.cn/v1/chat/completions', 'moonshot_ai', 'chat'],
    ['https://api.openai.com/v1/completions', 'openai', 'text_completion'],
    ['https://my.openai.azure.com/openai/v1/chat/completions', 'azure.ai.openai', 'chat'],
    ['https://mine.azure-api.net/openai/v1/chat/completions', 'azure.ai.openai', 'chat'],
    ['https://my.openai.azure.us/openai/v1/chat/completions', 'azure.ai.openai', 'chat'],
    ['https://eastus.api.cognitive.microsoft.com/openai/v1/chat/completions', 'azure.ai.openai', 'chat'],
    ['https://my.openai.azure.com/openai/responses?api-version=1', 'azure.ai.openai', 'chat'],
    ['https://generativelanguage.googleapis.com/v1beta/openai/chat/completions', 'gcp.gemini', 'chat'],
    [
      'https://generativelanguage.googleapis.com/v1beta/tunedModels/m:generateContent',
      'gcp.gemini',
      'generate_content',
    ],
    ['https://generativelanguage.googleapis.com/v1beta/models/m:batchEmbedContents', 'gcp.gemini', 'embeddings'],
    [
      'https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/anthropic/models/claude-sonnet-4@20250514:rawPredict',
      'gcp.vertex_ai',
      'chat',
    ],
    [
      'https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/anthropic/models/claude-sonnet-4@20250514:streamRawPredict',
      'gcp.vertex_ai',
      'chat',
    ],
    [
      'https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/mistralai/models/mistral-large:rawPredict',
      'gcp.vertex_ai',
      'chat',
    ],
    [
      'https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/endpoints/123:streamGenerateContent',
      'gcp.vertex_ai',
      'generate_content',
    ],
    [
      'https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.claude-sonnet-4/invoke',
      'aws.bedrock',
      'chat',
    ],
    [
      'https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com/model/anthropic.claude/invoke-with-response-stream',
      'aws.bedrock',
      'chat',
    ],
    ['https://bedrock-mantle.us-east-1.api.aws/v1/responses', 'aws.bedrock', 'chat'],
    ['https://aiplatform.eu.rep.googleapis.com/v1/models/m:generateContent', 'gcp.vertex_ai', 'generate_content'],
    [`${GATEWAY}/mistral/v1/chat/completions`, 'mistral_ai', 'chat'],
    [`${GATEWAY}/grok/v1/chat/completions`, 'x_ai', 'chat'],
    [`${GATEWAY}/openrouter/v1/chat/completions`, 'openrouter', 'chat'],
  ])('%s is %s', (url, provider, operation) => {
    const found = wireOf(new URL(url))
    expect([found?.provider, found?.wire.operation ?? 'chat']).toEqual([provider, operation])
  })

  test.each([
    ['https://my.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=1', 'gpt-4o'],
    ['https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-3%3A0/converse', 'anthropic.claude-3:0'],
    ['https://x-aiplatform.googleapis.com/v1/publishers/anthropic/models/claude-4@2025:rawPredict', 'claude-4@2025'],
    ['https://generativelanguage.googleapis.com/v1beta/tunedModels/mine:generateContent', 'mine'],
    ['https://api.cloudflare.com/client/v4/accounts/a/ai/run/@cf/meta/llama-3.1', '@cf/meta/llama-3.1'],
    ['https://api.cloudflare.com/client/v4/accounts/a/ai/run/%40cf/meta/llama-3.1', '@cf/meta/llama-3.1'],
    ['https://x.example.com/model/%E0%A4%A/converse', '%E0%A4%A'],
    ['https://api.openai.com/v1/chat/completions', undefined],
  ])('%s names the model %s', (url, model) => {
    expect(wireOf(new URL(url))?.model).toBe(model)
  })

  test('what the URL alone does not make sure takes the body to', () => {
    const certain = (url: string): unknown => wireOf(new URL(url))?.certain
    expect(certain('https://api.anthropic.com/v1/messages')).toBe(true)
    expect(certain('https://mine.workers.dev/v1/chat/completions')).toBe(true)
    expect(certain('https://chat.mine.workers.dev/rooms/7/messages')).toBe(false)
    expect(certain('https://anthropic.mine.workers.dev/rooms/7/messages')).toBe(false)
  })

  test.each([
    'https://api.openai.com/v1/models',
    'https://api.openai.com/v1/files',
    'https://api.anthropic.com/v1/messages/count_tokens',
    'https://api.anthropic.com/v1/messages/batches',
    'https://api.openai.com/v1/realtime/sessions',
    'https://api.openai.com/v1/realtime/client_secrets',
    'https://api.openai.com/v1/batches',
    'https://bedrock-runtime.us-east-1.amazonaws.com/model/meta.llama3/invoke',
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

  test('events without blank lines between them, and one event in several lines', () => {
    const body = 'event: a\n\ndata: {"a":1}\ndata: {"b":2}\n\ndata: {"c":\ndata: 3}\n\ndata: [DONE]\n\n'
    for (let cut = 0; cut < body.length; cut++) {
      expect(read('text/event-stream', utf8(`\ufeff${body}`), [cut])).toEqual([{ a: 1 }, { b: 2 }, { c: 3 }])
    }
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

describe('of what is large, lists of numbers and bytes in base64 are left out', () => {
  const usage = { prompt_tokens: 7 }
  const numbers = Array.from({ length: 120_000 }, (_, n) => Math.sin(n))
  const image = 'iVBORw0KGgo+/A=='.repeat(270_000)
  const said = 'what is said, 1, 2, 3, '.repeat(50)
  test.each([
    ['embeddings', { data: [{ embedding: numbers }, { embedding: numbers }], model: 'm', usage }],
    ['embeddings in one list', { data: [numbers, numbers], usage }],
    ['an image', { data: [{ b64_json: image }], usage }],
    ['an image in a URL, beside text', { text: said, image: `data:image/png;base64,${image}`, usage }],
  ])('%s', (_, value) => {
    for (const piece of [1000, 65_536]) {
      for (const indent of [0, 2]) {
        const json = JSON.stringify(value, null, indent)
        const where = Array.from({ length: json.length / piece }, (_, n) => n * piece)
        const bodies = [
          ['application/json', json],
          indent ? [] : ['text/event-stream', `data: ${json}\n\ndata: {"b":2}\n\n`],
        ]
        for (const [type, body] of bodies) {
          if (!type || !body) continue
          const [whole, next] = read(type, utf8(body), where)
          expect(whole).toMatchObject({
            usage,
            ...('model' in value && { model: 'm' }),
            ...('text' in value && { text: said }),
          })
          expect(next).toEqual(type === 'application/json' ? undefined : { b: 2 })
          expect(JSON.stringify(whole).length).toBeLessThan(1 << 20)
        }
      }
    }
  })

  test('no text is, whatever it has in it', () => {
    fc.assert(
      fc.property(values, fc.stringMatching(/^[a-z ,"\\\n[\]0-9é]{900,2000}$/), (all, text) => {
        const value = { all, text: `${text} a`.repeat(60), end: 1 }
        const json = utf8(JSON.stringify(value))
        const [whole] = read(
          'application/json',
          json,
          Array.from({ length: json.length / 997 }, (_, n) => n * 997),
        )
        expect(whole).toMatchObject({ end: 1 })
      }),
      { numRuns: 20 },
    )
  })
})

describe('what cannot be read is left out', () => {
  test.each([
    ['no JSON', 'application/json', utf8('<html>')],
    ['no object', 'application/json', utf8('5')],
    ['half of it', 'application/json', utf8('{"a":')],
    ['a body of 6 MiB of text', 'application/json', utf8(`{"a":"${'x '.repeat(3 << 20)}"}`)],
    ['an event of 6 MiB of text', 'text/event-stream', utf8(`data: {"a":"${'x '.repeat(3 << 20)}"}`)],
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
