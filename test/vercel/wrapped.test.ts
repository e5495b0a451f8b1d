/** A wrapped function is what it was: its kind, what it answers and when, and all that hangs on it. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { agentops } from '../../src/hono/index.ts'
import { tool } from '../../src/index.ts'
import { tracedFetch } from '../../src/instrumentation/index.ts'
import { wrapperOf } from '../../src/runtime/wrapper.ts'
import { withAgentOps } from '../../src/vercel/index.ts'
import { useBackend } from '../support/backend.ts'
import { type RunningSink, startSink } from '../support/sink.ts'

const backend = useBackend()
const to = (): { endpoint: string } => ({ endpoint: `${backend.collector.url}/v1/traces` })
const ask = (): Request => new Request('https://desk.example.com/ask')
let sink: RunningSink
beforeAll(async () => {
  sink = await startSink()
})
afterAll(() => sink.close())
afterEach(() => {
  delete process.env.VERCEL
})

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const MARK = Symbol('mark')
const async = async function answer(_request: Request, _context: unknown): Promise<Response> {
  return new Response('x')
}
const functions: Record<string, (...args: never[]) => unknown> = {
  async,
  arrow: (_request: Request) => new Response('x'),
  plain: function plain(this: unknown, _request: Request, ..._rest: unknown[]) {
    return this
  },
  method: { handle(_request: Request, _second = 1) {} }.handle,
  generator: function* steps(_: Request) {
    yield 1
  },
  'async generator': async function* steps(_: Request) {
    yield 1
  },
  bound: async.bind(undefined),
}
for (const fn of Object.values(functions)) Object.assign(fn, { config: { runtime: 'edge' }, [MARK]: true })

test.each(Object.keys(functions))('all that can be seen of it: %s', (kind) => {
  const fn = functions[kind] as (...args: never[]) => unknown
  const wrapped = withAgentOps(fn, to())
  const look = (of: object): unknown => ({
    tag: Object.prototype.toString.call(of),
    kind: of.constructor.name,
    prototype: Object.getPrototypeOf(of),
    own: Reflect.ownKeys(of).map((name) => {
      const { value, ...flags } = Object.getOwnPropertyDescriptor(of, name) as PropertyDescriptor
      return [name, flags, Object.is(value, fn[name as keyof typeof fn])]
    }),
    isConstructor: Object.hasOwn(of, 'prototype'),
  })
  expect(wrapped).not.toBe(fn)
  expect(look(wrapped)).toEqual(look(fn))
})

test('iterators go on as they do', async () => {
  const steps = function* (this: unknown, from: number): Generator<unknown, unknown, unknown> {
    try {
      const sent = yield [this, from]
      yield sent
    } finally {
      yield 'left'
    }
    return 'over'
  }
  const walk = (fn: typeof steps): unknown[] => {
    const steps = fn.call('self', 7)
    return [steps instanceof fn, steps.next(), steps.next('sent'), steps.return('early'), steps.next()]
  }
  expect(walk(wrapperOf(steps, (self, args) => steps.apply(self, args as [number])))).toEqual(walk(steps))
  const later = async function* (): AsyncGenerator<number> {
    yield* [1, 2, 3]
  }
  const seen = []
  for await (const n of wrapperOf(later, () => later())()) seen.push(n)
  expect(seen).toEqual([1, 2, 3])
})

describe('when it answers', () => {
  test('at once, if it does', async () => {
    const response = withAgentOps((_: Request) => new Response('at once'), to())(ask())
    expect(response).toBeInstanceOf(Response)
    expect(await response.text()).toBe('at once')
    await backend.session()
  })

  test('with what it throws at once', async () => {
    const wrapped = withAgentOps((_: Request): Response => {
      throw new RangeError('at once')
    }, to())
    expect(() => wrapped(ask())).toThrow('at once')
    expect((await backend.session()).root?.attributes['agentops.session.end_state']).toBe('Fail')
  })
})

test('an object keeps its prototype, and what it has of it', async () => {
  class Desk {
    name = 'desk'
    async fetch(_: Request): Promise<Response> {
      return new Response(this.name)
    }
    close(): string {
      return `closes ${this.name}`
    }
    get label(): string {
      return `label of ${this.name}`
    }
  }
  const wrapped = withAgentOps(new Desk(), to())
  expect([wrapped instanceof Desk, wrapped.close(), wrapped.label]).toEqual([true, 'closes desk', 'label of desk'])
  expect([wrapped.fetch.name, wrapped.fetch.length]).toEqual(['fetch', 1])
  expect(await (await wrapped.fetch(ask())).text()).toBe('desk')
  await backend.session()
})

/** As Express makes one: a function with methods of its own, which starts a server with itself. */
function application(): ((request: IncomingMessage, response: ServerResponse, next?: unknown) => void) & {
  listen(): Server
  settings: object
} {
  const app = (request: IncomingMessage, response: ServerResponse, _next?: unknown): void => {
    tool('search', () => 'cats')
    response.end(request.url)
  }
  return Object.assign(app, {
    settings: { etag: 'weak' },
    listen(this: typeof app) {
      return createServer(this)
    },
  })
}

test('an application that is a function listens by itself', async () => {
  const app = application()
  const wrapped = withAgentOps(app, to())
  expect([wrapped.length, wrapped.settings]).toEqual([3, app.settings])
  const url = await listening(wrapped.listen())
  expect(await (await fetch(`${url}/items?secret=1`)).text()).toBe('/items?secret=1')
  const { root, spans } = await backend.session()
  expect(spans.map(({ name }) => name).sort()).toEqual(['GET.session', 'search.tool'])
  expect(root?.attributes).toMatchObject({ 'url.path': '/items', 'http.response.status_code': 200 })
  const direct = withAgentOps((_: object, response: { end(): void; writeHead(): void }) => response.end(), to())
  expect(direct({ headers: {} }, { writeHead() {}, end() {}, once() {} } as never)).toBeUndefined()
})

test.each([
  ['a b', '/x', 'localhost', '/x'],
  ['h.example.com:99999', '/x', 'h.example.com', '/x'],
  ['h.example.com', '//evil.example.com/x', 'h.example.com', '//evil.example.com/x'],
  ['h.example.com', 'http://evil.example.com/x?y', 'h.example.com', '/x'],
  ['h.example.com', '//', 'h.example.com', '//'],
])('a request to %s for %s is a session as any other', async (host, target, address, path) => {
  const url = await listening(createServer(withAgentOps((_, response) => response.end('x'), to())))
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  expect(await text(socket)).toMatch(/^HTTP\/1.1 200/)
  expect((await backend.session()).root?.attributes).toMatchObject({ 'server.address': address, 'url.path': path })
})

describe('whose service it is, its caller does not say', () => {
  const told = async (url: string, headers: Record<string, string>): Promise<string> => {
    sink.received.length = 0
    const { port } = new URL(url)
    const socket = connect(Number(port), '127.0.0.1')
    const fields = Object.entries({ host: new URL(sink.url).host, ...headers, connection: 'close' })
    socket.write(`GET / HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`)
    expect(await text(socket)).toMatch(/^HTTP\/1.1 200/)
    expect(sink.received).toHaveLength(1)
    return sink.received[0]?.text ?? ''
  }
  const forwarded = (): Record<string, string> => ({ 'x-forwarded-host': new URL(sink.url).host })
  const servers: Record<string, () => Promise<string>> = {
    'a function of Node': () =>
      listening(
        createServer(
          withAgentOps(async (_, response) => {
            await tracedFetch(`${sink.url}/`)
            response.end('x')
          }, to()),
        ),
      ),
    async 'Hono on a server of Node'() {
      const app = new Hono()
      app.use(agentops(to()))
      app.get('*', async (c) => c.text(await (await tracedFetch(`${sink.url}/`)).text()))
      const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server
      onTestFinished(() => void server.close())
      if (!server.listening) await once(server, 'listening')
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    },
  }

  test.each(Object.keys(servers))('%s', async (name) => {
    const url = (await servers[name]?.()) as string
    expect(await told(url, {})).not.toMatch(/traceparent|baggage/i)
    expect(await told(url, forwarded())).not.toMatch(/traceparent|baggage/i)
    // Vercel routes by it.
    process.env.VERCEL = '1'
    expect(await told(url, {})).toMatch(/traceparent/i)
  })
})
