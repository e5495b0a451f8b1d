/** Cloudflare's Agents SDK, by `cloudflareAgents()`: what the Worker and the object do is one trace. */
import { AgentClient } from 'agents/client'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { useBackend } from '../support/backend.ts'
import { named } from '../support/collected.ts'
import { bundleWith } from '../support/frameworks.ts'
import type { RunningWorker } from '../support/workerd.ts'
import { runScenarios } from './run.ts'

const WORKER = 'test/scenarios/cloudflare-agents/worker.ts'
const options = {
  compatibilityDate: '2026-09-01',
  miniflare: { durableObjects: { DeskAgent: { className: 'DeskAgent', useSQLite: true } } },
}

runScenarios([
  {
    name: 'cloudflare-agents',
    worker: 'worker.ts',
    flags: ['nodejs_compat'],
    ...options,
    paths: ['/rpc', '/agents/desk-agent/ada'],
    sessions: 2,
    said: 'Sun in Oslo and Rome.',
    conversation: 'ada',
    ownTools: true,
    agents: ['DeskAgent'],
  },
])

describe('what the SDK itself says', () => {
  const backend = useBackend()
  const clients: AgentClient[] = []
  let worker: RunningWorker
  beforeAll(async () => {
    const modules = await bundleWith('.', WORKER)
    const bindings = { GEN_AI_URL: `${backend.collector.url}/v1/traces` }
    worker = await backend.start({
      entry: WORKER,
      modules,
      ...options,
      compatibilityFlags: ['nodejs_compat'],
      bindings,
    })
  })
  afterEach(() => {
    for (const client of clients.splice(0)) client.close()
  })
  const connect = async (name: string): Promise<AgentClient> => {
    const client = new AgentClient({ host: new URL(worker.url).host, protocol: 'ws', agent: 'desk-agent', name })
    clients.push(client)
    await client.ready
    return client
  }
  const sessionOf = (name: string): ReturnType<typeof backend.session> =>
    backend.session(({ root }) => root?.name === `DeskAgent.${name}.session`)

  test('a schedule is an action of the session that made it, without its payload', async () => {
    await (await fetch(`${worker.url}/remind`)).text()
    const { spans } = await sessionOf('remind')
    const agent = named(spans, 'DeskAgent.agent')
    const { parentSpanId, attributes } = named(spans, 'schedule:create.operation')
    expect([parentSpanId, attributes['agentops.conversation.id']]).toEqual([agent.spanId, 'ada'])
    expect(JSON.parse(`${attributes['agentops.entity.input']}`).kwargs).toEqual({
      callback: 'noted',
      id: expect.any(String),
    })
  })

  test('a @callable method names its session, and what it does is its agent’s', async () => {
    expect(await (await connect('grace')).call('greet', ['Ada'])).toBe('hello Ada')
    const { root, spans } = await sessionOf('greet')
    expect(root?.attributes).toMatchObject({ 'rpc.method': 'greet', 'agentops.session.end_state': 'Success' })
    const agent = named(spans, 'DeskAgent.agent')
    expect(agent.attributes['agentops.conversation.id']).toBe('grace')
    expect(named(spans, 'greet.operation').parentSpanId).toBe(agent.spanId)
  })

  test('one that throws makes its session fail, and its message is content', async () => {
    await expect((await connect('grace')).call('fails', [])).rejects.toThrow('the desk is closed')
    const { root, spans } = await sessionOf('fails')
    expect(root?.attributes['agentops.session.end_state']).toBe('Fail')
    const text = JSON.stringify(spans, (_, value) => (typeof value === 'bigint' ? `${value}` : value))
    expect(text).not.toContain('the desk is closed')
  })
})
