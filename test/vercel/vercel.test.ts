import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { runInNewContext } from 'node:vm'
import { EdgeVM } from '@edge-runtime/vm'
import { serve } from '@hono/node-server'
import { build } from 'esbuild'
import { Hono } from 'hono'
import { handle } from 'hono/vercel'
import { afterEach, describe, expect, test } from 'vitest'
import { agentops } from '../../src/hono/index.ts'
import { createAgentOps, tool } from '../../src/index.ts'
import { withAgentOps } from '../../src/vercel/index.ts'
import { useBackend } from '../support/backend.ts'
import { named } from '../support/collected.ts'
import { waitFor } from '../support/wait.ts'

const backend = useBackend()
const to = (): { endpoint: string } => ({ endpoint: `${backend.collector.url}/v1/traces` })
const sessions = (): ReturnType<typeof backend.collector.store.list> => backend.collector.store.list()
const ask = (path = '/ask?q=1'): Request => new Request(`https://desk.example.com${path}`)
const CONTEXT = Symbol.for('@vercel/request-context')

afterEach(() => {
  Reflect.deleteProperty(globalThis, CONTEXT)
  delete process.env.VERCEL
})

/** A context as Vercel keeps it for a request. */
function vercelContext(): Promise<unknown>[] {
  const kept: Promise<unknown>[] = []
  const context = { waitUntil: (promise: Promise<unknown>) => void kept.push(promise) }
  Object.defineProperty(globalThis, CONTEXT, { value: { get: () => context }, configurable: true })
  return kept
}

describe('the Edge VM, without AsyncLocalStorage and CompressionStream', () => {
  async function edge(code: string): Promise<EdgeVM> {
    const { outputFiles, metafile } = await build({
      stdin: { contents: code, resolveDir: '.', loader: 'ts' },
      bundle: true,
      write: false,
      metafile: true,
      format: 'iife',
      platform: 'browser',
      target: 'es2022',
      conditions: ['edge-light', 'worker', 'browser'],
    })
    const imports = [...Object.values(metafile.inputs), ...Object.values(metafile.outputs)].flatMap(
      (file) => file.imports,
    )
    expect(imports.filter(({ path, external }) => external || /^node:/.test(path))).toEqual([])
    const vm = new EdgeVM()
    expect(vm.evaluate('typeof AsyncLocalStorage + typeof CompressionStream')).toBe('undefinedundefined')
    vm.evaluate(outputFiles[0]?.text ?? '')
    return vm
  }

  test('a streamed response is one session, sent through the handler context’s waitUntil', async () => {
    const vm = await edge(`
      import { currentSession } from 'agentops-edge'
      import { withAgentOps } from 'agentops-edge/vercel'
      globalThis.kept = []
      globalThis.handler = withAgentOps(async (request, context) => {
        const hits = await currentSession(request).tool('search', () => ['cats'])
        context.waitUntil(new Promise((resolve) => setTimeout(resolve, 50)))
        return new Response(new ReadableStream({ async pull(c) {
          await new Promise((resolve) => setTimeout(resolve, 20))
          c.enqueue(new TextEncoder().encode(hits[0])); c.close()
        } }))
      }, { endpoint: '${backend.collector.url}/v1/traces' })`)
    const body = await vm.evaluate(`(async () => {
      const response = await handler(new Request('https://desk.example.com/ask'), { waitUntil: (p) => kept.push(p) })
      return response.text()
    })()`)
    expect(body).toBe('cats')
    await vm.evaluate('(async () => { for (const each of kept) await each })()')
    expect(sessions()).toHaveLength(1)
    expect(sessions()[0]?.root).toMatchObject({
      name: 'GET.session',
      attributes: { 'agentops.response.body_end': 'complete' },
    })
    expect(named(sessions()[0]?.spans ?? [], 'search.tool').attributes['tool.status']).toBe('succeeded')
  })
})

describe('waitUntil is found', () => {
  test('in Vercel’s request context, and what the user gives to it holds the session', async () => {
    const kept = vercelContext()
    const handler = withAgentOps(async (_: Request) => {
      const own = (globalThis as unknown as Record<symbol, { get(): { waitUntil(p: Promise<unknown>): void } }>)[
        CONTEXT
      ]
      own?.get().waitUntil(new Promise((resolve) => setTimeout(resolve, 120)).then(() => tool('later', () => 1)))
      return new Response('x')
    }, to())
    expect(await (await handler(ask())).text()).toBe('x')
    for (const each of kept) await each
    expect(sessions()).toHaveLength(1)
    expect(
      sessions()[0]
        ?.spans.map(({ name }) => name)
        .sort(),
    ).toEqual(['GET.session', 'later.tool'])
  })

  test('first in the options, then in the second argument', async () => {
    const found: string[] = []
    vercelContext()
    const second = { waitUntil: () => void found.push('second') }
    await (await withAgentOps(async (_: Request, __: unknown) => new Response('x'), to())(ask(), second)).text()
    await waitFor('a session', () => sessions().length === 1)
    expect(found[0]).toBe('second')
    const options = { ...to(), waitUntil: () => void found.push('option') }
    await (
      await withAgentOps(async (_: Request, __: unknown) => new Response('x'), options)(ask(), { waitUntil() {} })
    ).text()
    await waitFor('another', () => sessions().length === 2)
    expect(found).toContain('option')
  })

  test('nowhere on Vercel: the response ends when the session is delivered, its chunks before', async () => {
    process.env.VERCEL = '1'
    const known = await withAgentOps(
      async (_: Request) => new Response('x', { headers: { 'content-length': '1' } }),
      to(),
    )(ask())
    expect([sessions().length, await known.text()]).toEqual([1, 'x'])
    let pulled = 0
    const source = (): ReadableStream =>
      new ReadableStream({ pull: (c) => (pulled++ ? c.close() : c.enqueue(new TextEncoder().encode('chunk'))) })
    const streamed = await withAgentOps(async (_: Request) => new Response(source()), to())(ask())
    const reader = streamed.body?.getReader()
    expect(new TextDecoder().decode((await reader?.read())?.value as Uint8Array)).toBe('chunk')
    expect((await reader?.read())?.done).toBe(true)
    expect(sessions()).toHaveLength(2)
    await expect(withAgentOps(async (_: Request) => Promise.reject(new RangeError('no')), to())(ask())).rejects.toThrow(
      'no',
    )
    expect(sessions()).toHaveLength(3)
  })

  test('in the options on Vercel without another: the response does not wait', async () => {
    process.env.VERCEL = '1'
    const kept: Promise<unknown>[] = []
    let answered = false
    const slow: typeof fetch = async (...args) => {
      await waitFor('the answer', () => answered)
      return fetch(...args)
    }
    const options = { ...to(), fetch: slow, waitUntil: (promise: Promise<unknown>) => void kept.push(promise) }
    const response = await withAgentOps(async (_: Request) => new Response('x'), options)(ask())
    expect(await response.text()).toBe('x')
    answered = true
    await Promise.all(kept)
    expect(sessions()).toHaveLength(1)
  })

  test('nowhere on a server that lives on: in the background', async () => {
    expect(await (await withAgentOps(async (_: Request) => new Response('x'), to())(ask())).text()).toBe('x')
    const { root } = await backend.session()
    expect(root?.attributes).toMatchObject({ 'url.path': '/ask', 'http.response.status_code': 200 })
  })
})

test('a session that was started beside the server is not joined by its requests', async () => {
  const client = createAgentOps(to())
  await client.withSession({ name: 'server' }, async () => {
    await (await withAgentOps(async (_: Request) => new Response('x'), to())(ask())).text()
  })
  await waitFor('both', () => sessions().length === 2)
  expect(new Set(sessions().map(({ traceId }) => traceId)).size).toBe(2)
})

test('many requests of one process at once stay apart, and an object with a fetch is wrapped, too', async () => {
  const app = withAgentOps(
    {
      name: 'desk',
      async fetch(request: Request) {
        const n = new URL(request.url).pathname
        await tool('one', () => new Promise((resolve) => setTimeout(resolve, 30)))
        await tool(n, () => this.name)
        return new Response(n)
      },
    },
    to(),
  )
  const paths = Array.from({ length: 50 }, (_, i) => `/${i}`)
  await Promise.all(paths.map(async (path) => (await app.fetch(ask(path))).text()))
  await waitFor('50 sessions', () => sessions().filter(({ root }) => root).length === 50)
  for (const { root, spans } of sessions()) {
    expect(spans.map(({ name }) => name).sort()).toEqual([
      `${root?.attributes['url.path']}.tool`,
      'GET.session',
      'one.tool',
    ])
  }
})

test('a (request, response) function of Node: a session until the response is sent, the response untouched', async () => {
  const server: Server = createServer(
    withAgentOps(async (request, response) => {
      await tool('search', () => request.url)
      response.writeHead(503, { 'x-own': '1' })
      response.write('a')
      setTimeout(() => response.end('b'), 50)
    }, to()),
  ).listen(0, '127.0.0.1')
  await waitFor('the server', () => server.listening)
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/x?secret=1`)
  expect([response.status, response.headers.get('x-own'), await response.text()]).toEqual([503, '1', 'ab'])
  const { root, spans } = await backend.session()
  expect(root).toMatchObject({
    name: 'GET.session',
    attributes: { 'http.response.status_code': 503, 'url.path': '/x', 'agentops.session.end_state': 'Fail' },
  })
  expect(Number((root?.end ?? 0n) - (root?.start ?? 0n)) / 1e6).toBeGreaterThanOrEqual(45)
  expect(spans).toHaveLength(2)
  server.close()
})

describe('a process that ends while a session runs', () => {
  /** What has finished of a request whose handler never returns is sent only because the process ends. */
  const script = (end: string): string => `
    import { tool } from 'agentops-edge'
    import { withAgentOps } from 'agentops-edge/vercel'
    const handler = withAgentOps(async () => {
      await tool('search', () => 'cats')
      ${end}
      return new Promise(() => {})
    }, { endpoint: '${backend.collector.url}/v1/traces', exportIntervalMs: 600000 })
    void handler(new Request('https://desk.example.com/ask'))`
  const start = (code: string): ChildProcess =>
    spawn('node_modules/.bin/node', ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  const arrived = (): string[] => sessions().flatMap(({ spans }) => spans.map(({ name }) => name))

  test('by SIGTERM: what has finished is sent, and the signal ends it as before', async () => {
    const child = start(script(`setInterval(() => {}, 1000); console.log('ready')`))
    await once(child.stdout as NodeJS.EventEmitter, 'data')
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([null, 'SIGTERM'])
    expect(arrived()).toEqual(['search.tool'])
  })

  test('by SIGTERM, with a listener of its own: that one decides', async () => {
    const own = `let asked = 6; process.on('SIGTERM', () => { asked++; setTimeout(() => process.exit(asked), 1500) }); setInterval(() => {}, 1000); console.log('ready')`
    const child = start(script(own))
    await once(child.stdout as NodeJS.EventEmitter, 'data')
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([7, null])
    expect(arrived()).toEqual(['search.tool'])
  })

  test('because nothing is left to do', async () => {
    expect((await once(start(script('')), 'exit'))[0]).toBe(0)
    expect(arrived()).toEqual(['search.tool'])
  })
})

describe('Hono', () => {
  const app = (): Hono => {
    const app = new Hono()
    app.use((c, next) => agentops(to())(c, next))
    app.get('/items/:id', async (c) => c.json(await tool('search', () => c.req.param('id'))))
    return app
  }

  test('under hono/vercel, through Vercel’s waitUntil', async () => {
    const kept = vercelContext()
    expect(await (await handle(app())(ask('/items/1'))).json()).toBe('1')
    for (const each of kept) await each
    expect(sessions()[0]?.root?.name).toBe('GET /items/:id.session')
  })

  test('under @hono/node-server', async () => {
    const server = serve({ fetch: app().fetch, port: 0, hostname: '127.0.0.1' })
    await waitFor('the server', () => server.listening)
    expect(await (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/items/2`)).json()).toBe('2')
    expect((await backend.session()).root?.name).toBe('GET /items/:id.session')
    server.close()
  })

  test('under a bare fetch server, as Deno and Bun have it', async () => {
    const info = { remoteAddr: { transport: 'tcp', hostname: '127.0.0.1', port: 1 } }
    expect(await (await app().fetch(ask('/items/3'), info)).json()).toBe('3')
    expect((await backend.session()).root?.name).toBe('GET /items/:id.session')
  })
})

test('in a Worker whose framework gives its hook no context, or hides it: delivered, and as long as its work', async () => {
  const { url } = await backend.start({ entry: 'test/fixtures/vercel-hook.ts', compatibilityFlags: ['nodejs_compat'] })
  for (const [path, names] of [
    ['/bare', ['GET.session', 'search.tool']],
    ['/kept', ['GET.session', 'late.tool', 'search.tool']],
  ] as const) {
    backend.collector.store.clear()
    expect(await (await fetch(`${url}${path}`)).text()).toBe('"cats"')
    const { spans } = await backend.session()
    expect(spans.map(({ name }) => name).sort()).toEqual(names)
  }
})

test('an error of another realm is one: its message, class and stack; what quotes a prompt stays hidden', async () => {
  for (const [code, reason, type] of [
    ['new RangeError("no such cat")', 'no such cat', 'RangeError'],
    ['Object.assign(new Error("you said: secret"), { name: "AI_APICallError" })', 'AI_APICallError', 'AI_APICallError'],
  ] as const) {
    backend.collector.store.clear()
    const handler = withAgentOps(async (_: Request): Promise<Response> => {
      throw runInNewContext(code)
    }, to())
    await expect(handler(ask())).rejects.toThrow()
    const { root, spans } = await backend.session()
    expect(root?.attributes['agentops.session.end_state_reason']).toBe(reason)
    expect(root?.attributes['error.type']).toBe(type)
    expect(JSON.stringify(spans, (_, value) => (typeof value === 'bigint' ? `${value}` : value))).not.toContain(
      'secret',
    )
  }
})
