/** What Next.js has beside the plain page and handler, each kind asked once: `npm run test:next`. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { useBackend } from '../support/backend.ts'
import { createNextApp, type How, type NextApp, type NextServer, startModel } from '../support/next.ts'
import { type Asked, ask, names } from './next-rows.ts'

const backend = useBackend()
let app: NextApp
let model: { url: string; close(): void }

beforeAll(async () => {
  model = await startModel()
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: backend.collector.url, MODEL_URL: model.url }
  app = await createNextApp(['test/vercel/next-more'], [], env)
}, 400_000)
afterAll(async () => {
  await app?.remove()
  model?.close()
})

interface Must {
  name: string
  status: number
  kind?: string
  /** What failed it; none: it went well. */
  reason?: string | RegExp
  /** Spans that are there, by name. */
  spans?: string[]
  init?: Asked
}

const upload = (bytes: number): FormData => {
  const form = new FormData()
  form.set('file', new Blob([new Uint8Array(bytes)]), 'cats.bin')
  return form
}

const PAGES: Record<string, Must> = {
  '/items/a/b': { name: 'GET /items/[...slug]', status: 200, kind: 'page', spans: ['items.tool'] },
  '/opt': { name: 'GET /opt/[[...slug]]', status: 200, kind: 'page', spans: ['opt.tool'] },
  '/dash': { name: 'GET /dash', status: 200, kind: 'page', spans: ['dash.tool', 'team.tool', 'stats.tool'] },
  '/meta/7': {
    name: 'GET /meta/[id]',
    status: 200,
    kind: 'page',
    spans: ['title.tool', 'generateMetadata /meta/[id]/page'],
  },
  '/meta/throw': { name: 'GET /meta/[id]', status: 200, kind: 'page', reason: 'no such title' },
  '/gen/77': { name: 'GET /gen/[id]', status: 200, kind: 'page', spans: ['gen.tool'] },
  '/cached': { name: 'GET /cached', status: 200, kind: 'page' },
  '/conn': { name: 'GET /conn', status: 200, kind: 'page', spans: ['conn.tool'] },
  '/draft': { name: 'GET /draft', status: 307, kind: 'route', spans: ['draft.tool'] },
  '/parts': { name: 'GET /parts', status: 200, kind: 'page', spans: ['part 1.tool', 'part 2.tool', 'part 3.tool'] },
  '/err': { name: 'GET /err', status: 500, kind: 'page', reason: 'the page broke' },
  '/client-err/1': { name: 'GET /client-err/[id]', status: 500, kind: 'page', reason: 'only on the server' },
  '/lay/gone': { name: 'GET /lay/[id]', status: 404, kind: 'page', spans: ['guard.tool'] },
  '/nowhere/at/all': { name: 'GET /_not-found', status: 404 },
  '/edge-page?q=throw': { name: 'GET /edge-page', status: 500, kind: 'page', reason: 'the edge page broke' },
  '/legacy/throw': { name: 'GET /legacy/[id]', status: 500, kind: 'page', reason: 'no such props' },
  '/legacy/moved': { name: 'GET /legacy/[id]', status: 307, kind: 'page', spans: ['props.tool'] },
  '/again/5': { name: 'GET /again/[id]', status: 200, kind: 'page', spans: ['again.tool'] },
  '/alias-config/3': { name: 'GET /photo/[id]', status: 200, kind: 'page', spans: ['photo.tool'] },
  '/photo/7?_rsc=a': {
    name: 'GET /feed/(..)photo/[id]',
    status: 200,
    kind: 'page',
    spans: ['modal.tool'],
    init: { headers: { rsc: '1', 'next-url': '/feed' }, redirect: 'follow' },
  },
}

const HANDLERS: Record<string, Must> = {
  '/do/after-throws': { name: 'GET /do/[kind]', status: 200, kind: 'route', spans: ['late.tool'] },
  '/do/after-nested': { name: 'GET /do/[kind]', status: 200, kind: 'route', spans: ['outer.tool', 'inner.tool'] },
  '/do/sse': { name: 'GET /do/[kind]', status: 200, kind: 'route', spans: ['event 0.tool', 'event 4.tool'] },
  '/do/moved': { name: 'GET /do/[kind]', status: 308, kind: 'route' },
  '/do/broken': { name: 'GET /do/[kind]', status: 503, kind: 'route', reason: "the response's status was 503" },
  '/do/empty': { name: 'GET /do/[kind]', status: 204, kind: 'route' },
  '/do/same': { name: 'GET /do/[kind]', status: 304, kind: 'route', init: { headers: { 'if-none-match': '"1"' } } },
  '/do/text': { name: 'GET /do/[kind]', status: 500, kind: 'route', reason: 'a text' },
  '/do/nothing': { name: 'GET /do/[kind]', status: 500, kind: 'route', reason: /No response is returned/ },
  '/do/dedup': { name: 'GET /do/[kind]', status: 200, kind: 'route' },
  '/do/upload': {
    name: 'POST /do/[kind]',
    status: 200,
    kind: 'route',
    spans: ['store.tool'],
    init: { method: 'POST', body: upload(20_000_000) },
  },
  '/opts': { name: 'HEAD /opts', status: 200, kind: 'route', spans: ['head.tool'], init: { method: 'HEAD' } },
  '/photo/8': { name: 'POST /photo/[id]', status: 200, kind: 'page', init: { method: 'POST' } },
  '/edge-do/parts': { name: 'HEAD /edge-do/[kind]', status: 200, kind: 'route', init: { method: 'HEAD' } },
  '/edge-do/throw': { name: 'GET /edge-do/[kind]', status: 500, kind: 'route', reason: 'the edge broke' },
  '/edge-do/after': {
    name: 'GET /edge-do/[kind]',
    status: 200,
    kind: 'route',
    spans: ['edge part 2.tool', 'late.tool'],
  },
  '/api/parts': { name: 'GET /api/parts', status: 200, kind: 'api', spans: ['part 2.tool'] },
  '/api/edge': { name: 'GET /api/edge', status: 200, kind: 'api', spans: ['edge api.tool'] },
  '/api/x/y': { name: 'GET /api/[...rest]', status: 201, kind: 'api', spans: ['rest.tool'] },
  '/via/json': { name: 'GET', status: 418, kind: 'proxy', spans: ['check.operation'] },
  '/via/rewrite': { name: 'GET /photo/[id]', status: 200, kind: 'page', spans: ['check.operation', 'photo.tool'] },
  '/via/throw': { name: 'GET', status: 500, kind: 'proxy', reason: 'the proxy broke' },
  '/chat': {
    name: 'POST /chat',
    status: 200,
    kind: 'route',
    spans: ['chat.llm'],
    init: {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ messages: [{ id: '1', role: 'user', parts: [{ type: 'text', text: 'cats?' }] }] }),
    },
  },
}

async function check(server: NextServer, path: string, must: Must): Promise<void> {
  const { name, status, kind, reason, spans = [], init } = must
  const { session, attributes, ...answered } = await ask(backend, server, path, init)
  expect(answered.status).toBe(status)
  expect(session.root?.name).toBe(`${name}.session`)
  expect(attributes).toMatchObject({
    'http.response.status_code': status,
    'agentops.session.end_state': reason ? 'Fail' : 'Success',
    'agentops.response.body_end': 'complete',
  })
  expect(attributes['next.request.kind']).toBe(kind)
  if (reason) expect(attributes['agentops.session.end_state_reason']).toEqual(expect.stringMatching(reason))
  expect(names(session)).toEqual(expect.arrayContaining(spans))
}

/** What a browser posts of a form of the page without JavaScript. */
function formOf(page: string, id: string, more: Record<string, string> = {}): FormData {
  const [, inside = ''] = new RegExp(`<form[^>]*id="${id}"[^>]*>(.*?)</form>`, 's').exec(page) ?? []
  const form = new FormData()
  for (const [, name = ''] of inside.matchAll(/<input[^>]*name="([^"]+)"/g)) {
    const [, value = ''] = new RegExp(`name="${name.replaceAll('$', '\\$')}"[^>]*value="([^"]*)"`).exec(inside) ?? []
    form.set(name, value.replaceAll('&quot;', '"'))
  }
  for (const [name, value] of Object.entries(more)) form.set(name, value)
  return form
}

describe.each([
  ['.next/standalone/server.js', '', {}],
  ['server.mjs', '/shop', { VARIANT: 'shop' }],
] as [How, string, Record<string, string>][])('served by %s', (how, base, env) => {
  let server: NextServer
  let built = ''
  const to = (path: string): string => (base ? `${base}${path.replace(/(?<=\w)(\?|$)/, '/$1')}` : path)

  beforeAll(async () => {
    built = await app.build('turbopack', env)
    server = await app.serve(how, 'turbopack', env)
    await (await fetch(`${server.url}${to('/cached')}`)).text()
    await new Promise((resolve) => setTimeout(resolve, 1000))
  }, 400_000)
  afterAll(() => server?.process.kill('SIGKILL'))

  test('building says nothing of ours', () => expect(built).not.toContain('agentops-edge:'))

  // Where it has locales Next.js intercepts nothing, and finds no page of the app that a proxy rewrites to.
  const differs = base && { '/photo/7?_rsc=a': { name: 'GET /photo/[id]', status: 200, kind: 'page' } }
  const asked = Object.entries({ ...PAGES, ...HANDLERS, ...differs })

  test.each(asked.filter(([path]) => !base || path !== '/via/rewrite'))('%s', async (path, must) => {
    await check(server, to(path), must)
  })

  test('forms without JavaScript', async () => {
    const page = await (await fetch(`${server.url}${to('/forms')}`)).text()
    await new Promise((resolve) => setTimeout(resolve, 500))
    for (const [id, must] of [
      ['remember', { status: 200, spans: ['remember.tool'] }],
      ['go', { status: 303, spans: ['go.tool'] }],
      ['gone', { status: 404, spans: ['gone.tool'] }],
      ['fail', { status: 500, spans: ['try.tool'], reason: 'the action broke' }],
      ['inline', { status: 200, spans: ['inline.tool'] }],
      ['count', { status: 200, spans: ['count.tool'] }],
    ] as const) {
      const body = formOf(page, id, id === 'count' ? { by: '3' } : {})
      const init = { method: 'POST', body, headers: { origin: server.url } }
      await check(server, to('/forms'), { name: 'POST /forms', kind: 'action', ...must, spans: [...must.spans], init })
    }
  })

  test('what no code of the app answers is no session', async () => {
    backend.collector.store.clear()
    for (const path of ['/old/3', '/opengraph-image', '/sitemap.xml', '/favicon.ico', '/_next/static/none.js']) {
      await (await fetch(`${server.url}${base}${path}`, { redirect: 'manual' })).text()
    }
    const { session } = await ask(backend, server, to('/do/teapot'))
    expect(session.root?.name).toBe('GET /do/[kind].session')
    expect(server.logs.filter((line) => line.includes('agentops-edge:'))).toEqual([])
  })
})
