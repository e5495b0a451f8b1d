/** A global `fetch` that cannot be replaced, is missing, or has properties: said, never thrown; what it has stays. */
import { beforeAll, describe, expect, test } from 'vitest'
import { bundleScript, installRuntimes, RUNTIMES, type Runtime, run } from '../support/runtimes.ts'

const ENTRY = 'test/fixtures/odd-fetch.ts'
let script = ''
let without = ''
beforeAll(async () => {
  await installRuntimes()
  script = await bundleScript(ENTRY)
  without = await bundleScript(ENTRY, 'test/fixtures/without.ts')
}, 300_000)

describe.each(Object.keys(RUNTIMES) as Runtime[])('%s', (runtime) => {
  test.each(['as it is', 'extended', 'read-only', 'only read', 'missing'])('fetch %s', async (form) => {
    const [ours, plain] = await Promise.all([script, without].map((file) => run(runtime, file, { args: [form] })))
    expect({ code: ours?.code, stdout: ours?.stdout }, ours?.stderr).toEqual({ code: 0, stdout: plain?.stdout })
    const isSaid = /fetch: the global one is missing or read-only/.test(`${ours?.stderr}`)
    expect(isSaid).toBe(['read-only', 'only read', 'missing'].includes(form))
  })
})
