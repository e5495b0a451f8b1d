/** A response is what it is without us, whatever is done with it, on each runtime. */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { TASKS } from '../fixtures/bodies.ts'
import { type RunningBodies, startBodies } from '../support/bodies.ts'
import { spansOf } from '../support/collected.ts'
import { bundleScript, installRuntimes, run } from '../support/runtimes.ts'

let server: RunningBodies
let script = ''
beforeAll(async () => {
  server = await startBodies()
  await installRuntimes()
  script = await bundleScript('test/fixtures/bodies-script.ts')
}, 300_000)
afterAll(() => server.close())

describe.each(['Node 24', 'Node 22', 'Deno', 'Bun'] as const)('%s', (runtime) => {
  test('statuses, bodies, clones, locks, chunks and errors are as without us; what is cancelled is closed', async () => {
    const collector = `${inject('collectorUrl')}/v1/traces`
    const { stdout, stderr, code } = await run(runtime, script, { args: [server.url, collector] })
    expect(code, stderr).toBe(0)
    const { plain, traced } = JSON.parse(stdout)
    const { id, ...same } = traced
    expect(Object.keys(plain.pages)).toEqual(Object.keys(TASKS))
    expect(plain.pages.status).toEqual([999, expect.anything(), 'kept', 'no robots'])
    expect(same).toEqual(plain)
    await server.allClosed()
    expect(stderr).toBe('')

    const spans = await spansOf({ id })
    const requests = spans.filter(({ name }) => name.startsWith('GET '))
    expect(requests.length).toBeGreaterThanOrEqual(Object.keys(TASKS).length)
    expect(requests.map(({ attributes }) => attributes['http.response.status_code'])).toContain(999)
    // Read whole, in parts, by whatever method: the answer has been read along. (Bun reads the body of a second Response
    // inside, where nobody can.)
    const read = spans.filter(({ attributes }) => attributes['gen_ai.response.id'] === 'chatcmpl-1')
    expect(read.length).toBeGreaterThanOrEqual(12)
  })
})
