/** What handlers throw and return that nobody expects: answered as without us, and a session that has failed. */
import { beforeAll, expect, test } from 'vitest'
import type { CollectedSession } from '../../src/collector/index.ts'
import { useBackend } from '../support/backend.ts'
import type { RunningWorker } from '../support/workerd.ts'

const backend = useBackend()
let worker: RunningWorker
beforeAll(async () => {
  worker = await backend.start({ entry: 'test/fixtures/odd-worker.ts' })
})

async function ask(mode: string, path: string): Promise<unknown> {
  const response = await fetch(`${worker.url}/${mode}/${path}`)
  // What the platform says of an error that it cannot read has a number.
  const [line = ''] = (await response.text()).split('\n')
  return [response.status, line.replace(/reference = .*/, '')]
}

const sessionOf = (path: string): Promise<CollectedSession> =>
  backend.session(({ root }) => root?.attributes['url.path'] === `/traced/${path}`)

const UNREADABLE = 'an unprintable value'

test.each([
  ['thrown/circle', 'round'],
  ['thrown/chain', 'the last'],
  ['thrown/revoked', UNREADABLE],
  ['thrown/undefined', 'undefined'],
  ['thrown/no-prototype', UNREADABLE],
  ['thrown/getters', UNREADABLE],
  ['thrown/digest', '[object Object]'],
  ['in-a-tool/circle', 'round'],
  ['in-a-tool/revoked', UNREADABLE],
  ['in-a-tool/getters', UNREADABLE],
  ['returned/nothing', 'the handler returned no Response'],
  ['returned/a-proxy', 'the handler returned no Response'],
  ['returned/no-status', 'the handler returned no Response'],
  ['returned/no-then', "Cannot perform 'get' on a proxy that has been revoked"],
])('%s: %s', async (path, reason) => {
  expect(await ask('traced', path)).toEqual(await ask('plain', path))
  const { root, spans } = await sessionOf(path)
  expect(root?.attributes).toMatchObject({
    'agentops.session.end_state': 'Fail',
    'agentops.session.end_state_reason': reason,
  })
  for (const span of spans) expect([span.name, span.status.code]).toEqual([span.name, 2])
})

test.each(['length', 'no-argument', 'detached', 'a-proxy'])('waitUntil, %s: as without us', async (name) => {
  expect(await ask('traced', `seen/${name}`)).toEqual(await ask('plain', `seen/${name}`))
  await sessionOf(`seen/${name}`)
})
