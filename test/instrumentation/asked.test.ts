/** Requests to models, as their server sees them: a stream goes at the server's pace, a long body is nobody's to look at. */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { CollectedSpan } from '../../src/collector/otlp.ts'
import { useBackend } from '../support/backend.ts'
import { type RunningBodies, startBodies } from '../support/bodies.ts'
import { spansOf } from '../support/collected.ts'
import { bundleScript, installRuntimes, run } from '../support/runtimes.ts'

const backend = useBackend()
let server: RunningBodies
let script = ''
beforeAll(async () => {
  server = await startBodies()
  await installRuntimes()
  script = await bundleScript('test/fixtures/asked-script.ts')
}, 300_000)
afterAll(() => server.close())

interface Outcome {
  pulled: number
  mcp: number
  sent: unknown[]
}

/** `isSeen`: whether a Request's body can be looked at. */
function compare(plain: Outcome, traced: Outcome, spans: CollectedSpan[], isSeen = true): void {
  expect(plain.pulled).toBeGreaterThan(0)
  // Of a stream the first two chunks are looked at, when the network may not have asked for them yet.
  expect(traced.pulled).toBeLessThanOrEqual(plain.pulled + 3)
  expect(traced.mcp).toBeLessThanOrEqual(plain.mcp + 3)
  expect(traced.sent).toEqual(plain.sent)
  const calls = spans.filter(({ name }) => name === 'chat.llm')
  expect(calls.map(({ attributes }) => attributes['gen_ai.request.model'])).toEqual([
    undefined,
    ...[10, 300_000].flatMap((length) => [
      `text ${length}`,
      `bytes ${length}`,
      isSeen ? `request ${length}` : undefined,
    ]),
    ...[undefined, undefined, undefined],
  ])
}

describe.each(['Node 24', 'Deno', 'Bun'] as const)('%s', (runtime) => {
  test('what is sent, and when, is as without us', async () => {
    const args = [server.url, `${inject('collectorUrl')}/v1/traces`]
    const { stdout, stderr, code } = await run(runtime, script, { args })
    expect(code, stderr).toBe(0)
    const { plain, traced } = JSON.parse(stdout)
    const { id, ...outcome } = traced
    compare(plain, outcome, await spansOf({ id }), runtime !== 'Deno')
  })
})

test('workerd: what is sent, and when, is as without us', async () => {
  const { url } = await backend.start({ entry: 'test/fixtures/asked-worker.ts' })
  const ask = async (mode: string): Promise<Outcome> =>
    (await fetch(`${url}/${mode}?base=${server.url}`)).json() as never
  const plain = await ask('plain')
  const traced = await ask('traced')
  const { spans } = await backend.session(({ spans }) => spans.filter(({ name }) => name === 'chat.llm').length === 10)
  compare(
    plain,
    traced,
    spans.toSorted((a, b) => Number(a.start - b.start)),
  )
})
