/**
 * What else Cloudflare's Agents SDK offers, with its packages as the example has them: sub-agents, workflows that wait for
 * an approval, MCP as client and as server, fibers, queues and schedules that fail. What miniflare has not is e-mail in
 * and the recovery of an object that was evicted.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, expect, test } from 'vitest'
import type { CollectedSpan } from '../../src/collector/index.ts'
import { useBackend } from '../support/backend.ts'
import { bundleWith, installAgentsSdk } from '../support/frameworks.ts'
import { waitFor } from '../support/wait.ts'
import type { RunningWorker } from '../support/workerd.ts'

const WORKER = 'test/scenarios/cloudflare-agents/more.js'
const backend = useBackend()
let worker: RunningWorker
beforeAll(async () => {
  worker = await backend.start({
    entry: WORKER,
    modules: await bundleWith(await installAgentsSdk(), WORKER),
    compatibilityDate: '2026-09-01',
    compatibilityFlags: ['nodejs_compat'],
    miniflare: {
      durableObjects: {
        DeskAgent: { className: 'Desk', useSQLite: true },
        MCP_OBJECT: { className: 'Weather', useSQLite: true },
      },
      workflows: { TRIP: { name: 'trip', className: 'Trip' } },
    },
  })
}, 300_000)
afterEach(() => trees())

/** What the desk has answered. */
async function ask(task: string, id = ''): Promise<unknown> {
  const response = await fetch(`${worker.url}/${task}${id && `?id=${id}`}`)
  const text = await response.text()
  expect([response.status, text]).toEqual([200, expect.any(String)])
  return (JSON.parse(text) as unknown[])[1]
}

const spans = (): CollectedSpan[] => backend.collector.store.list().flatMap((session) => session.spans)

/** Once nothing has come for a while: each root, and what is inside of it; `!` behind what failed. */
async function trees(): Promise<string[][]> {
  for (let before = -1; before !== spans().length; await sleep(1200)) before = spans().length
  const all = spans().sort((a, b) => Number(a.start - b.start))
  const below = (parent: CollectedSpan, depth: number): string[] => [
    `${'  '.repeat(depth)}${parent.name}${parent.status.code === 2 ? '!' : ''}`,
    ...all.filter(({ parentSpanId }) => parentSpanId === parent.spanId).flatMap((span) => below(span, depth + 1)),
  ]
  const ids = new Set(all.map(({ spanId }) => spanId))
  return all.filter(({ parentSpanId }) => !ids.has(`${parentSpanId}`)).map((root) => below(root, 0))
}
/** The tree that has this span. */
const treeWith = async (name: string): Promise<string[]> => {
  const found = (await trees()).find((tree) => tree.some((line) => line.trim() === name))
  expect(found, name).toBeDefined()
  return found as string[]
}
const spanOf = (name: string): CollectedSpan | undefined => spans().find((span) => span.name === name)

test('a sub-agent goes on in the trace of the agent that asks it', async () => {
  expect(await ask('helped')).toBe('sun in Oslo')
  expect(await trees()).toEqual([
    [
      'GET.session',
      '  Desk.helped.session',
      '    Desk.agent',
      '      Helper.look.session',
      '        Helper.agent',
      '          get_weather.tool',
    ],
  ])
  expect(spanOf('Helper.agent')?.attributes['agentops.conversation.id']).toBe('grace')
})

test('a fiber, and what runs in it', async () => {
  await ask('fiber')
  expect((await treeWith('search.tool')).slice(2)).toEqual([
    '    Desk.agent',
    '      fiber:run:started.operation',
    '      search.tool',
    '      fiber:run:completed.operation',
  ])
})

test('what is queued or scheduled, and fails for good, is a failed action without its message', async () => {
  await ask('queued')
  await ask('planned')
  await waitFor('both alarms', () => spanOf('queue:error.operation') && spanOf('schedule:error.operation'))
  const queued = await treeWith('queue:error.operation!')
  expect(queued).toEqual([
    'Desk.alarm.session',
    '  Desk.agent',
    '    queue:retry.operation',
    '    queue:error.operation!',
  ])
  expect(await treeWith('schedule:error.operation!')).toContain('    schedule:execute.operation')
  const text = JSON.stringify(spans(), (_, value) => (typeof value === 'bigint' ? `${value}` : value))
  expect(text).not.toContain('no way to')
})

test('a workflow that waits for an approval, as its agent sees it and itself', async () => {
  const id = String(await ask('started'))
  await treeWith('workflow:start.operation')
  await ask('approved', id)
  const own = await waitFor('the booking', async () => spanOf('book.tool') && treeWith('book.tool'))
  expect(own.join()).toContain('plan.operation')
  expect(await treeWith('workflow:approved.operation')).toEqual([
    'GET.session',
    '  Desk.approved.session',
    '    Desk.agent',
    '      workflow:event.operation',
    '      workflow:approved.operation',
  ])
  expect(JSON.stringify(spanOf('workflow:approved.operation')?.attributes)).not.toContain('the boss said yes')
})

test('MCP: as a client a tool of its session, as a server a session of each call', async () => {
  expect(await ask('mcpTool')).toBe('[{"type":"text","text":"sun in Oslo"}]')
  // The client goes on listening; its session does not.
  const client = await treeWith('get_weather.tool')
  expect(client.slice(0, 3)).toEqual(['GET.session', '  Desk.mcpTool.session', '    Desk.agent'])
  for (const name of ['mcp:client:connect', 'mcp:client:discover']) expect(client).toContain(`      ${name}.operation`)
  expect(spanOf('get_weather.tool')?.attributes['mcp.method.name']).toBe('tools/call')
  expect(await treeWith('look_out.tool')).toContain('  Weather.agent')
})
