/** The global `fetch` is replaced where it can be, by one that looks the same; else it is said, and nothing breaks. */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { type RunningBodies, startBodies } from '../support/bodies.ts'
import { spansOf } from '../support/collected.ts'
import { bundleScript, installRuntimes, run } from '../support/runtimes.ts'

let server: RunningBodies
let script = ''
beforeAll(async () => {
  server = await startBodies()
  await installRuntimes()
  script = await bundleScript('test/fixtures/global-fetch-script.ts')
}, 300_000)
afterAll(() => server.close())

describe.each(['Node 24', 'Deno', 'Bun'] as const)('%s', (runtime) => {
  test.each([
    // What has spans: the global `fetch`, tracedFetch.
    ['as it is', 2],
    ['read-only', 1],
    ['a getter', 1],
    ['a setter that throws', 1],
    ['a getter that throws', 0],
    ['missing', 0],
  ])('%s', async (kind, requests) => {
    const args = [kind, server.url, `${inject('collectorUrl')}/v1/traces`]
    const { stdout, stderr, code } = await run(runtime, script, { args })
    expect(code, stderr).toBe(0)
    const { id, texts, plain, patched, same } = JSON.parse(stdout)
    expect(texts[0]).toContain('chatcmpl-1')
    expect(patched).toEqual(plain)
    expect(same).toBe(kind !== 'as it is')
    if (kind === 'as it is') expect(stderr).toBe('')
    else expect(stderr).toContain('the global one is missing or read-only')
    const spans = await spansOf({ id })
    expect(spans.filter(({ name }) => name.startsWith('GET '))).toHaveLength(requests)
  })
})
