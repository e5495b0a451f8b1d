/** Agents that are opened before there is a session wait for the next one, and not for ever. */
import { expect, inject, test } from 'vitest'
import { toCollector } from '../support/collected.ts'
import { watched } from '../support/watched.ts'

const { client, said } = watched()

test('the last hundred are kept, and that some are not is said once', () => {
  const agentops = client(toCollector({ apiEndpoint: inject('collectorUrl') }))
  const ids = Array.from({ length: 150 }, (_, n) => agentops.createAgent(`agent ${n}`))
  const { agents } = agentops.startSession()
  expect([...agents.keys()]).toEqual(ids.slice(50))
  expect(said.filter((line) => line.includes('100 agents wait for a session'))).toHaveLength(1)
})
