/** Random functions at every wrapper, with us and without: nothing that can be seen of them differs. */
import { beforeAll, describe, expect, test } from 'vitest'
import { useBackend } from '../support/backend.ts'
import { bundleScript, installRuntimes, type Runtime, run } from '../support/runtimes.ts'

const ENTRY = 'test/fixtures/anything.ts'
const CASES = 400
const backend = useBackend()
let script = ''
let without = ''

beforeAll(async () => {
  await installRuntimes()
  script = await bundleScript(ENTRY)
  without = await bundleScript(ENTRY, 'test/fixtures/without.ts')
}, 300_000)

/** Bun handles a rejection natively in ways that show nothing, so that what nobody handles there stays silent. */
const runtimes: Runtime[] = ['Node 24', 'Node 22', 'Deno']
const seeds = [1, 2, 3]

describe.each(runtimes)('%s', (runtime) => {
  test.each(seeds)(
    `what comes out, is thrown and is unhandled of ${CASES} functions is the same (seed %i)`,
    async (seed) => {
      const args = [`${seed}`, `${CASES}`]
      const env = { ENDPOINT: `${backend.collector.url}/v1/traces` }
      const [ours, plain] = await Promise.all([
        run(runtime, script, { args, env }),
        run(runtime, without, { args, env }),
      ])
      expect(ours.stdout.split('\n')).toEqual(plain.stdout.split('\n'))
      expect(plain.stdout).toMatch(/^unhandled /m)
      expect(ours.code, ours.stderr).toBe(plain.code)
      const spans = backend.collector.store.list().map((session) => session.spans.length)
      expect(Math.max(...spans)).toBeGreaterThan(CASES / 2)
    },
  )

  test('the exit code is the same where nobody listens', async () => {
    const env = { ENDPOINT: `${backend.collector.url}/v1/traces` }
    const codes = async (path: string): Promise<(number | null)[]> => {
      const ended = await Promise.all(
        [11, 12, 13].map((seed) => run(runtime, path, { args: [`${seed}`, '40', 'exit'], env })),
      )
      return ended.map(({ code }) => code)
    }
    const plain = await codes(without)
    expect(plain).toContain(1)
    expect(await codes(script)).toEqual(plain)
  })
})
