/** Nothing is left of bodies that nobody reads to their end: unread, cancelled, cancelled in two, returned and not taken. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { useBackend } from '../support/backend.ts'
import { type RunningBodies, startBodies } from '../support/bodies.ts'
import { leastGrowth } from '../support/heap.ts'
import { bundleScript, installRuntimes, run } from '../support/runtimes.ts'

const backend = useBackend()
let server: RunningBodies
beforeAll(async () => {
  server = await startBodies()
  await installRuntimes()
}, 300_000)
afterAll(() => server.close())

test.each(['Node 24', 'Node 22'] as const)(
  '%s: 2,000 of them leave no connection, timer or session after gc',
  async (runtime) => {
    const before = server.asked.get('GET leaks') ?? 0
    const script = await bundleScript('test/fixtures/leaks-script.ts')
    const args = [server.url, `${inject('collectorUrl')}/v1/traces`]
    const { stdout, stderr, code } = await run(runtime, script, { args, flags: ['--expose-gc'] })
    expect(code, stderr).toBe(0)
    const [found = '', kept] = stdout.split('\n')
    expect(kept).toBe('one two')
    const { plain, traced, sessions } = JSON.parse(found)
    expect(sessions).toBe(600)
    // Three of the eight ways are GET; one round is without us.
    expect((server.asked.get('GET leaks') ?? 0) - before).toBe(6 * 50 * 3)
    const nothing = { busy: 0, alive: 0, timers: 0, sockets: 0 }
    expect({ plain, traced }).toEqual({ plain: nothing, traced: nothing })
  },
)

test('workerd: 2,000 of them leave nothing in the heap, and no connection', async () => {
  const { url, heapUsed } = await backend.start({ entry: 'test/fixtures/bodies-worker.ts', inspect: true })
  const load = async (requests: number): Promise<number> => {
    for (let n = 0; n < requests; n += 10) {
      const asked = Array.from({ length: 10 }, () => fetch(`${url}/traced/left?base=${server.url}`))
      for (const response of await Promise.all(asked)) expect(await response.text()).toBe('left')
    }
    await server.allClosed()
    for (let before = -1; before < backend.requests.length; await new Promise((done) => setTimeout(done, 300))) {
      before = backend.requests.length
    }
    return heapUsed()
  }
  await load(100)
  // A session that was kept would be 10 KB.
  expect((await leastGrowth(() => load(100))) / 100).toBeLessThan(1500)
})
