/** What one flow leaves to the next, on the runtimes that keep a flow's storage each in their own way. */
import { beforeAll, describe, expect, test } from 'vitest'
import { useBackend } from '../support/backend.ts'
import { bundleScript, installRuntimes, RUNTIMES, type Runtime, run } from '../support/runtimes.ts'

const backend = useBackend()
const runtimes = Object.keys(RUNTIMES) as Runtime[]
beforeAll(installRuntimes, 300_000)

async function said(runtime: Runtime, entry: string, args: string[], flags?: string[]): Promise<unknown> {
  const env: Record<string, string> = args[0] === 'own' ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: backend.collector.url }
  const { stdout, stderr, code } = await run(runtime, await bundleScript(entry), { args, env, flags })
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout)
}

describe.each(runtimes)('%s', (runtime) => {
  // Deno reads a socket in a loop that is part of each callback's flow.
  test.each(runtime === 'Deno' ? ['http'] : ['http', 'tcp'])(
    'what comes over one connection (%s) is a session each',
    async (way) => {
      const found = Array(6).fill(true)
      expect(await said(runtime, 'test/fixtures/keep-alive.ts', [way])).toEqual({ sessions: 3, found })
      expect(backend.collector.store.list()).toHaveLength(3)
    },
  )
})

describe.each(['Node 24', 'Node 22'] as const)('%s: a session that nobody ends is not kept for ever', (runtime) => {
  const kept = (way: string): Promise<unknown> => said(runtime, 'test/fixtures/kept.ts', [way], ['--expose-gc'])

  test('of a handler that never settles', async () => {
    const { begun, kept: left } = (await kept('handlers')) as Record<string, number>
    expect(begun).toBe(400)
    expect(left).toBeLessThan(200)
  })

  test('of one’s own: the last thousand are listed', async () => {
    const { begun, kept: left, active } = (await kept('own')) as Record<string, number>
    expect({ begun, active }).toEqual({ begun: 1400, active: 1000 })
    expect(left).toBeLessThan(1200)
  })
})
