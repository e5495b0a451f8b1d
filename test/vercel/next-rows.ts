/** What each kind of request to Next.js must be, whatever has built it and serves it. */
import { expect, test } from 'vitest'
import type { CollectedSession } from '../../src/collector/index.ts'
import type { Backend } from '../support/backend.ts'
import { named } from '../support/collected.ts'
import type { NextServer } from '../support/next.ts'
import { waitFor } from '../support/wait.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const CALLER = 'b7ad6b7169203331'
export const W3C: string = `00-${TRACE}-${CALLER}-01`
const SERVER = 2

export const names = ({ spans }: CollectedSession): string[] => spans.map(({ name }) => name)
const attributesOf = ({ root }: CollectedSession): Record<string, unknown> => root?.attributes ?? {}

export interface Asked {
  headers?: Record<string, string>
  method?: string
  body?: FormData | string
  redirect?: 'follow'
  /** The client leaves. */
  signal?: AbortSignal
}

/** Asks, and gives the answer with the one session that it was, when all of that has arrived. */
export async function ask(backend: Backend, server: NextServer, path: string, init: Asked = {}): Promise<Answered> {
  backend.collector.store.clear()
  const headers = { 'x-tenant': 'acme', traceparent: W3C, ...init.headers }
  let response: Response | undefined
  let text = ''
  let failed: unknown
  try {
    response = await fetch(`${server.url}${path}`, { redirect: 'manual', ...init, headers })
    text = await response.text()
  } catch (error) {
    failed = error
  }
  const list = (): CollectedSession[] => backend.collector.store.list()
  await waitFor(`a session of ${path}`, () => list().some(({ root }) => root), 60_000)
  // What would be a second session, or comes late, has come by then.
  await new Promise((resolve) => setTimeout(resolve, 300))
  const found = list()
  expect(found.map(names)).toHaveLength(1)
  const session = found[0] as CollectedSession
  expect(session.spans.filter(({ kind }) => kind === SERVER).map(({ name }) => name)).toHaveLength(1)
  expect(JSON.stringify(session, (_, value) => (typeof value === 'bigint' ? `${value}` : value))).not.toMatch(
    /secret-(in|out)/,
  )
  return { status: response?.status, text, failed, session, attributes: attributesOf(session) }
}

export interface Answered {
  status: number | undefined
  text: string
  failed: unknown
  session: CollectedSession
  attributes: Record<string, unknown>
}

const lasted = ({ start, end }: { start: bigint; end: bigint }): number => Number(end - start) / 1e6

/** `isDev`: errors are answered by its overlay, and pages are compiled when they are asked for. */
export function testRows(backend: Backend, at: () => NextServer, isDev: boolean): void {
  const to = (path: string, init?: Asked): Promise<Answered> => ask(backend, at(), path, init)
  const success = { 'agentops.session.end_state': 'Success' }
  const fail = (reason: string): object => ({
    'agentops.session.end_state': 'Fail',
    'agentops.session.end_state_reason': reason,
  })

  test('a route handler: helpers, the proxy and the caller in one session, named by its route', async () => {
    const { session, attributes, text } = await to('/probe/tool?n=secret-in')
    expect(text).toBe('"cats"')
    expect(session.root).toMatchObject({
      name: 'GET /probe/[kind].session',
      traceId: TRACE,
      parentSpanId: CALLER,
      resource: { 'service.name': 'next-desk' },
    })
    expect(attributes).toMatchObject({
      ...success,
      'http.route': '/probe/[kind]',
      'http.response.status_code': 200,
      'url.path': '/probe/tool',
      'next.request.kind': 'route',
      'agentops.response.body_end': 'complete',
      'agentops.tags': ['outer', 'acme'],
    })
    expect(names(session).sort()).toEqual([
      'GET /probe/[kind].session',
      'check visitor.operation',
      'executing api route (app) /probe/[kind]',
      'middleware GET',
      'search.tool',
    ])
  })

  test('a page', async () => {
    const { session, attributes } = await to('/view/tool?q=secret-in')
    expect(session.root?.name).toBe('GET /view/[kind].session')
    expect(attributes).toMatchObject({ ...success, 'next.request.kind': 'page', 'http.response.status_code': 200 })
    const tool = named(session.spans, 'search.tool')
    expect(tool.parentSpanId).toBe(named(session.spans, 'render route (app) /view/[kind]').spanId)
  })

  test('a page that is asked for as data says so, a prefetch is none', async () => {
    // Next.js sends it on to where its own name for it is in the query: what is asked there is the session.
    const { attributes, status } = await to('/view/tool', { headers: { rsc: '1' }, redirect: 'follow' })
    expect(status).toBe(200)
    expect(attributes).toMatchObject({ 'next.request.kind': 'page', 'next.rsc': true, 'http.route': '/view/[kind]' })
    for (const [path, headers] of [
      ['/view/tool', { rsc: '1', 'next-router-prefetch': '1' }],
      ['/icon.svg', {}],
      ['/_next/image?url=%2Fnone.png&w=64&q=75', {}],
      ['/favicon.ico', {}],
    ] as const) {
      await (await fetch(`${at().url}${path}`, { headers })).text()
    }
    const { session } = await to('/probe/slow')
    expect(names(session)).toContain('search.tool')
  })

  test('a server action, with its name, and what it does after the answer', async () => {
    const page = await (await fetch(`${at().url}/act`)).text()
    const field = /name="(\$ACTION_ID_[^"]+)"/.exec(page)?.[1] ?? ''
    await waitFor('the page', () => backend.collector.store.list().some(({ root }) => root))
    const form = new FormData()
    form.set(field, '')
    const posted = await to('/act', { method: 'POST', body: form, headers: { origin: at().url } })
    expect(posted.attributes).toMatchObject({ ...success, 'next.request.kind': 'action', 'http.route': '/act' })
    expect(lasted(named(posted.session.spans, 'note.tool'))).toBeGreaterThanOrEqual(250)
    expect(names(posted.session)).toContain('look up.tool')
    const data = new FormData()
    data.set('0', '["$K1"]')
    const id = field.replace('$ACTION_ID_', '')
    const called = await to('/act', {
      method: 'POST',
      body: data,
      headers: { 'next-action': id, origin: at().url, accept: 'text/x-component' },
    })
    expect(called.attributes).toMatchObject({
      'next.request.kind': 'action',
      'next.action.name': 'ask',
      'next.action.id': id,
    })
  })

  test('a page that is rendered again for all, in the session of who asked', async () => {
    await new Promise((resolve) => setTimeout(resolve, 1100))
    const { session } = await to('/isr')
    expect(names(session)).toContain('render.tool')
    expect(session.root?.name).toBe('GET /isr.session')
  })

  test.each([
    ['redirect', 307],
    ['notfound', 404],
    ['forbidden', 403],
    ['unauthorized', 401],
  ])('%s() is no failure', async (kind, status) => {
    for (const path of [`/probe/${kind}`, `/wrapped/${kind}`, ...(kind === 'unauthorized' ? [] : [`/view/${kind}`])]) {
      const { attributes, session, ...answered } = await to(path)
      expect([path, answered.status]).toEqual([path, status])
      expect(attributes).toMatchObject({ ...success, 'http.response.status_code': status })
      expect(session.spans.flatMap(({ attributes }) => attributes['error.type'] ?? [])).toEqual([])
    }
  })

  test.each([
    ['/probe/throw', 'no such cat'],
    ['/wrapped/throw', 'no such cat'],
    ['/view/throw', 'no such page'],
    ['/api/plain/throw', 'no such row'],
    ['/api/wrapped/throw', 'no such row'],
  ])('%s: the error is the reason', async (path, reason) => {
    const { attributes, status } = await to(path)
    expect(status).toBe(500)
    expect(attributes).toMatchObject({ ...fail(reason), 'http.response.status_code': 500 })
  })

  test('a page that fails when its answer has begun', async () => {
    const { attributes, status } = await to('/view/late')
    expect(status).toBe(200)
    expect(attributes).toMatchObject(fail('late cat'))
  })

  test('after(): held, whole', async () => {
    for (const path of ['/probe/after', '/wrapped/after']) {
      const { session, text } = await to(path)
      expect(text).toBe('answered')
      expect(lasted(named(session.spans, 'late.tool'))).toBeGreaterThanOrEqual(350)
      expect(session.root && lasted(session.root)).toBeGreaterThanOrEqual(350)
    }
  })

  test('a stream lasts as long as it is read; a client that leaves, and a source that breaks, are said', async () => {
    const whole = await to('/probe/stream')
    expect(whole.text).toBe(Array.from({ length: 8 }, (_, n) => `data: ${n}\n\n`).join(''))
    expect(names(whole.session).filter((name) => name.startsWith('part'))).toHaveLength(8)
    expect(whole.attributes).toMatchObject({ ...success, 'agentops.response.body_end': 'complete' })
    const left = await to('/probe/stream', { signal: AbortSignal.timeout(isDev ? 600 : 350) })
    expect(left.failed).toBeDefined()
    expect(left.attributes).toMatchObject({ ...fail('the client left'), 'agentops.response.body_end': 'cancelled' })
    const broken = await to('/probe/break')
    expect(broken.failed).toBeDefined()
    expect(broken.attributes).toMatchObject({ ...fail('the source broke'), 'agentops.response.body_end': 'error' })
  })

  test('the proxy answers by itself', async () => {
    const banned = await to('/probe/banned')
    expect([banned.status, banned.text]).toEqual([403, 'banned'])
    expect(banned.attributes).toMatchObject({ 'next.request.kind': 'proxy', 'http.response.status_code': 403 })
    expect(names(banned.session)).toContain('check visitor.operation')
    const moved = await to('/probe/moved?token=secret-in')
    expect(moved.attributes).toMatchObject({ 'next.request.kind': 'proxy', 'http.response.status_code': 307 })
  })

  test.each(['/edge-plain', '/edge-wrapped'])(
    '%s: the session of the request, with the service’s name',
    async (path) => {
      const { session, attributes } = await to(path)
      expect(names(session)).toContain('search.tool')
      expect(session.root).toMatchObject({ traceId: TRACE, resource: { 'service.name': 'next-desk' } })
      expect(attributes).toMatchObject({ ...success, 'http.route': path, 'next.request.kind': 'route' })
    },
  )

  test('Pages API routes are as those of the app', async () => {
    for (const kind of ['plain', 'wrapped']) {
      const { session, attributes } = await to(`/api/${kind}/7?token=secret-in`)
      expect(session.root?.name).toBe(`GET /api/${kind}/[id].session`)
      expect(attributes).toMatchObject({ ...success, 'next.request.kind': 'api' })
      expect(names(session)).toContain('search.tool')
    }
  })

  test('options of a handler inside: name, tags, conversation, attributes', async () => {
    const { session, attributes } = await to('/wrapped/tool?options=1')
    expect(session.root?.name).toBe('asked.session')
    expect(attributes).toMatchObject({
      'agentops.tags': ['outer', 'acme', 'inner'],
      'session.id': 'inner-talk',
      'team.name': 'inner',
      'http.route': '/wrapped/[kind]',
    })
    expect(new Set(session.spans.map(({ attributes }) => attributes['session.id']))).toEqual(new Set(['inner-talk']))
  })

  test('a conversation and a user that only the handler knows: on every span, the proxy’s too', async () => {
    const { session } = await to('/probe/conversation')
    expect(names(session)).toContain('check visitor.operation')
    for (const { attributes } of session.spans) {
      expect(attributes).toMatchObject({ 'session.id': 'talk-7', 'user.id': 'user-9' })
    }
  })

  test('requests that go out: no query', async () => {
    const { session } = await to('/probe/out')
    expect(names(session).some((name) => name.startsWith('fetch GET http://127.0.0.1'))).toBe(true)
  })

  test('a model’s call is one, with its tokens once', async () => {
    const tokens = (session: CollectedSession): unknown[] =>
      session.spans
        .filter(({ attributes }) => !/agent|step/.test(`${attributes['gen_ai.operation.name'] ?? 'step'}`))
        .map(({ attributes }) => [attributes['gen_ai.usage.input_tokens'], attributes['gen_ai.usage.output_tokens']])
    for (const path of ['/probe/model', '/probe/llm', '/model']) {
      const { session } = await to(path)
      expect([path, tokens(session)]).toEqual([path, [[7, 3]]])
    }
  })

  test('fifty at once stay apart', async () => {
    backend.collector.store.clear()
    const asked = Array.from({ length: 50 }, (_, n) =>
      fetch(`${at().url}/probe/slow?n=${n}`).then((found) => found.text()),
    )
    await Promise.all(asked)
    const found = await waitFor('50 sessions', () => {
      const list = backend.collector.store.list().filter(({ root }) => root)
      return list.length === 50 && list
    })
    for (const session of found) expect(names(session).filter((name) => name === 'search.tool')).toHaveLength(1)
  })
}
