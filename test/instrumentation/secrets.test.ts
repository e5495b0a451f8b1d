/** With `captureContent` off: a secret in prompts, URLs, headers, errors and tools' results, and every byte that left the Worker. */
import { expect, test } from 'vitest'
import { startModels } from '../support/models.ts'
import { startSink } from '../support/sink.ts'
import { waitFor } from '../support/wait.ts'
import { startWorker } from '../support/workerd.ts'

const SECRET = 'never-to-be-seen-9d41'
/** Another: what is hidden as a key must not hide what would leak as a prompt. */
const KEY = 'sk-key-to-be-hidden-51c0'

test('no instrumentation sends a secret; the user’s own event has it', async () => {
  const [models, sink] = await Promise.all([startModels(SECRET), startSink()])
  const worker = await startWorker({
    entry: 'test/fixtures/models-worker.ts',
    compatibilityFlags: ['nodejs_compat'],
    bindings: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, SECRET },
  })
  const paths = [
    ...['json', 'tools', 'error', 'gateway'].map((mode) => `openai/chat?mode=${mode}`),
    ...['json', 'tools', 'midstream'].map((mode) => `openai/stream?mode=${mode}`),
    'openai/responses?mode=json',
    'openai/responses-stream?mode=json',
    'openai/embeddings?mode=json',
    ...['message?mode=json', 'message?mode=error', 'stream?mode=tools', 'stream?mode=midstream'].map(
      (of) => `anthropic/${of}`,
    ),
    ...['content?mode=tools', 'content?mode=error', 'stream?mode=json'].map((of) => `google/${of}`),
    ...['generate?mode=tools', 'generate?mode=error', 'stream?mode=json', 'stream?mode=midstream'].map(
      (of) => `ai/${of}`,
    ),
    ...['chat?mode=tools', 'chat?mode=error', 'stream?mode=tools'].map((of) => `bedrock/${of}`),
    ...['rest', 'binding', 'binding-stream', 'binding-throws'].map((of) => `workers/${of}?mode=json`),
    ...['json', 'stream', 'error', 'refused'].map((mode) => `mcp/tools?mode=${mode}`),
    ...['stream', 'refused', 'credentials'].map((of) => `fetch/${of}?mode=json`),
    ...['openai/chat?mode=error', 'google/content?mode=error', 'ai/generate?mode=error'].map((of) => `${of}&throw`),
    'inside?mode=json',
  ]
  const ask = async (path: string): Promise<void> => {
    const { pathname, search, searchParams } = new URL(path, worker.url)
    const base = models.base(`${searchParams.get('mode')}`)
    await (await fetch(`${worker.url}${pathname}${search}&secret=${SECRET}&key=${KEY}&base=${base}`)).text()
  }
  await Promise.all(paths.map(ask))
  const roots = (): number => sink.received.flatMap(({ body }) => body.match(/"name":"GET\.session"/g) ?? []).length
  await waitFor('all sessions', () => roots() === paths.length)
  // The providers were given it, so it was there to be seen.
  expect(
    models.asked.filter(({ body, headers }) => `${body}${JSON.stringify(headers)}`.includes(SECRET)).length,
  ).toBeGreaterThan(30)
  const leaks = (): string[] =>
    sink.received.map(({ text }) => text).filter((text) => text.includes(SECRET) || text.includes(KEY))
  expect(leaks()).toEqual([])
  expect(sink.received.some(({ body }) => body.includes('"gen_ai.usage.prompt_tokens"'))).toBe(true)

  await ask('own?mode=json')
  await waitFor('the last session', () => roots() === paths.length + 1)
  expect(leaks()).toHaveLength(1)
  await Promise.all([worker.stop(), models.close(), sink.close()])
})
