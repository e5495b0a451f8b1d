/** The small examples for Workers: each is started with its wrangler.toml and called as its README says. */
import { expect, test } from 'vitest'
import type { CollectedSession } from '../../src/collector/index.ts'
import { useBackend } from '../support/backend.ts'
import { named } from '../support/collected.ts'
import { startExample, startWorkers } from '../support/example.ts'
import { scripted } from '../support/scripted-client.ts'
import { acceptedOf } from '../support/spool.ts'
import { waitFor } from '../support/wait.ts'

const backend = useBackend()
const ended = (): CollectedSession[] => backend.collector.store.list().filter(({ root }) => root)
const post = async (url: string, body: string): Promise<string> => (await fetch(url, { method: 'POST', body })).text()

test('durable-object-agent: a request, a WebSocket message and a reminder are a session each', async () => {
  const url = await startExample('examples/durable-object-agent', backend.collector.url)
  const agent = `${url}/agents/reminder/ada`
  expect(await post(agent, 'buy paper')).toBe('I will remind you: buy paper')
  const asked = await backend.session(({ spans }) => spans.some(({ name }) => name === 'chat.llm'))
  expect(asked.spans.map(({ name }) => name).sort()).toEqual(['chat.llm', 'reminder.session', 'schedule.tool'])

  const reminded = await backend.session(({ root }) => root?.name === 'reminder.alarm.session')
  expect(named(reminded.spans, 'remind.tool').attributes['session.id']).toBe('ada')
  backend.collector.store.clear()

  const socket = new WebSocket(agent.replace('http', 'ws'))
  await new Promise((resolve) => socket.addEventListener('open', resolve))
  const answer = new Promise((resolve) =>
    socket.addEventListener('message', ({ data }) => String(data).startsWith('I will') && resolve(data)),
  )
  socket.send('call Grace')
  expect(await answer).toBe('I will remind you: call Grace')
  const message = await backend.session(({ spans }) => spans.some(({ name }) => name === 'chat.llm'))
  expect(message.spans.map(({ name }) => name)).toContain('schedule.tool')
  expect(message.root?.attributes['session.id']).toBe('ada')
  socket.close()
})

test('queue-worker: a session a message, in the trace of the request', async () => {
  const url = await startExample('examples/queue-worker', backend.collector.url)
  expect(await post(url, 'a.html\nb.html')).toBe('2 pages are on their way\n')
  // An example that was tried before may still have something to say.
  const sessions = await waitFor('three sessions', () => {
    const request = ended().findLast(({ root }) => root?.name === 'POST.session')
    const found = ended().filter(({ root }) => root?.traceId === request?.root?.traceId)
    return found.length === 3 && found
  })
  for (const { root, spans } of sessions) {
    if (root?.name !== 'POST.session') expect(spans.map(({ name }) => name)).toContain('reader.agent')
  }
})

test('workflow: one session an instance, a span an attempt', async () => {
  const url = await startExample('examples/workflow', backend.collector.url)
  const id = await post(url, 'why?')
  const status = await waitFor('the result', async () => {
    const found = (await (await fetch(`${url}/${id}`)).json()) as { status: string; output?: string }
    return found.status === 'complete' && found
  })
  expect(status.output).toBe('an answer to why?')
  const { spans } = await backend.session(({ root }) => root?.name === 'research.session')
  const read = spans.filter(({ name }) => name.startsWith('read '))
  expect(read.map(({ status }) => status.code).sort()).toEqual([1, 1, 2])
  named(spans, 'answer.operation')
})

test('tail-worker: what the Worker cannot send, also of a request that throws, its Tail Worker sends', async () => {
  const unreachable = await scripted({ header: 'x-from' }, { status: 503 })
  const vars = { OTEL_EXPORTER_OTLP_ENDPOINT: unreachable.url }
  const url = await startWorkers([
    { configPath: 'examples/tail-worker/wrangler.toml', vars },
    { configPath: 'examples/tail-worker/tail.toml', vars: { ...vars, OTEL_EXPORTER_OTLP_HEADERS: 'x-from=tail' } },
  ])
  expect(await post(`${url}/ask`, '{"question":"cats"}')).toContain('a summary of what a page about cats says')
  expect(await post(`${url}/ask`, '{"question":"why?"}')).toBe('Internal Server Error')
  const sessions = await waitFor('two sessions', async () => {
    const accepted = [...(await acceptedOf(unreachable)).values()]
    // A session's spans may come in more than one request.
    return accepted.flat().length >= 7 && accepted
  })
  const tools = ['POST /ask.session', 'read.tool', 'search.tool']
  expect(sessions).toEqual([expect.arrayContaining([...tools, 'chat.llm']), expect.arrayContaining(tools)])
})
