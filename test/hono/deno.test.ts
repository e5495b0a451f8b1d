/** Hono on Deno: nothing that it would not say without us, whatever it is allowed. */
import { beforeAll, expect, test } from 'vitest'
import { useBackend } from '../support/backend.ts'
import { bundleScript, installRuntimes, run } from '../support/runtimes.ts'

const ENTRY = 'test/fixtures/deno-server.ts'
const backend = useBackend()
beforeAll(installRuntimes, 300_000)

test.each([['--allow-all'], ['--allow-net'], ['--allow-net --allow-env=AGENTOPS_API_KEY']])(
  'a server with %s',
  async (flag) => {
    const args = [`${backend.collector.url}/v1/traces`]
    const options = { args, flags: flag.split(' ') }
    const ours = await run('Deno', await bundleScript(ENTRY), options)
    const plain = await run('Deno', await bundleScript(ENTRY, 'test/fixtures/without.ts'), options)
    expect({ code: ours.code, stdout: ours.stdout }, ours.stderr).toEqual({ code: 0, stdout: plain.stdout })
    // What may not be read is said, in one line for all variables; Deno itself has nothing to say.
    expect(ours.stderr).toMatch(
      flag === '--allow-all' ? /^$/ : /^agentops-edge: a variable failed; .*--allow-env flag\)\n$/,
    )
    expect(ours.stdout).toBe('200 plain\n200 chunk\n')
    const arrived = backend.collector.store.list().map(({ spans }) => spans.map(({ name }) => name).sort())
    expect(arrived.sort()).toEqual([['GET /plain.session'], ['GET /stream.session', 'step.tool']])
  },
)
