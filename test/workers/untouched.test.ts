/** User code must not notice: each case runs in a Worker without us, in an instrumented one, and in one whose options throw. */
import { beforeAll, expect, test } from 'vitest'
import { useBackend } from '../support/backend.ts'
import type { RunningWorker } from '../support/workerd.ts'

const backend = useBackend()
const bindings = { kvNamespaces: ['CACHE'], analyticsEngineDatasets: { STATS: { dataset: 'stats' } } }
let plain: RunningWorker
let instrumented: RunningWorker
let broken: RunningWorker
beforeAll(async () => {
  const start = (entry: string, more?: object): Promise<RunningWorker> =>
    backend.start({
      entry: `test/fixtures/untouched-${entry}.ts`,
      bindings: { NOTHING: null as never, ...more },
      miniflare: bindings,
    })
  plain = await start('plain')
  instrumented = await start('worker')
  broken = await start('worker', { BROKEN: 1 })
})

async function ask({ url }: RunningWorker, path: string): Promise<unknown> {
  const response = await fetch(url + path, { method: 'POST', body: 'sent', headers: { 'x-own': 'mine' } })
  return [response.status, await response.text()]
}

test.each([
  '/this',
  '/arguments',
  '/bound-fetch',
  '/kv-null',
  '/kv-missing',
  '/kv-detached',
  '/write-data-point',
  '/null-binding',
  '/same-env',
  '/enumerable',
  '/pass-through',
  '/wait-until-returns',
  '/wait-until-value',
  '/sync-tool',
  '/async-tool',
  '/tool-throws',
  '/same-promise',
  '/request',
  '/clone',
])('%s', async (path) => {
  const expected = (await ask(plain, path)) as [number, string]
  // The binding that only the third has is no difference of ours.
  const seen = ((await ask(broken, path)) as [number, string]).map((part) => `${part}`.replace('BROKEN,', ''))
  expect(await ask(instrumented, path)).toEqual(expected)
  expect(seen).toEqual(expected.map(String))
  expect(expected[1]).not.toBe('no such attempt')
  await backend.session(({ root }) => root?.attributes['url.path'] === path)
})

test('a handler that throws: the client gets the same answer', async () => {
  const statusOf = async (worker: RunningWorker): Promise<number> => (await fetch(`${worker.url}/throws`)).status
  expect(await statusOf(instrumented)).toBe(await statusOf(plain))
  await backend.session(({ root }) => root?.attributes['agentops.session.end_state_reason'] === 'handler broke')
})
