/**
 * What callers, backends and exporters may send, as nobody would: through each parser, a few seconds in all, the same
 * tries each time. `RUNS=100000` tries more, from another seed. Answers of models, event streams and AWS frames:
 * `test/instrumentation/fuzz.test.ts`.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isSpanContextValid, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { suppressTracing, W3CBaggagePropagator } from '@opentelemetry/core'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createCollector } from '../../src/collector/index.ts'
import { createAgentOps } from '../../src/index.ts'
import { traced } from '../../src/instrumentation/fetch.ts'
import { llmCalls } from '../../src/instrumentation/index.ts'
import { readConfig } from '../../src/options/read.ts'
import { SETTINGS } from '../../src/options/settings.ts'
import { baggagePropagator } from '../../src/propagation/baggage.ts'
import { messageContext } from '../../src/propagation/message.ts'
import { extract, inject, PROPAGATORS } from '../../src/propagation/propagators.ts'
import { Deadline } from '../../src/runtime/deadline.ts'
import { Hidden } from '../../src/runtime/hidden.ts'
import { send } from '../../src/transport/transport.ts'
import { tries } from '../support/properties.ts'
import { waitFor } from '../support/wait.ts'

const BOTH = Object.values(PROPAGATORS)
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

/** A text that is nearly what is expected: pieces of it, and what breaks it, in any order. */
const near = (...pieces: string[]): fc.Arbitrary<string> =>
  fc
    .array(
      fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...pieces) }, fc.string({ unit: 'binary', maxLength: 4 })),
      {
        maxLength: 40,
      },
    )
    .map((parts) => parts.join(''))
/** Anything that a caller's code may hold. */
const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withSparseArray: true,
  withTypedArray: true,
  withObjectString: true,
})

describe('headers of a caller', () => {
  const traceparent = fc.oneof(
    near('00', '01', 'ff', '-', TRACE, SPAN, '0'.repeat(32), '0'.repeat(16), ' ', '\t', ',', TRACE.toUpperCase()),
    fc.constantFrom(`00-${TRACE}-${SPAN}-01`, `cc-${TRACE}-${SPAN}-01-more`, ` 00-${TRACE}-${SPAN}-ff\t`),
  )
  const tracestate = near('foo=1', 'bar@x=2', ',', ' ', '=', 'a'.repeat(257), 'k=v,'.repeat(33), '\t', 'Ü=1')
  const baggage = near('session.id=', 'key=value', ';meta=1', ',', '%20', '%', '%zz', ' ', '=', 'x'.repeat(5000))

  test('are read or left, and what is handed on is valid and no longer than what a header may be', () => {
    fc.assert(
      fc.property(traceparent, tracestate, baggage, (parent, state, bags) => {
        const headers: Record<string, string> = { traceparent: parent, tracestate: state, baggage: bags }
        const context = extract({ get: (name) => headers[name], keys: () => Object.keys(headers) }, BOTH)
        const span = trace.getSpanContext(context)
        if (span) expect([isSpanContextValid(span), span.traceFlags & ~3]).toEqual([true, 0])
        const sent = inject(context, BOTH)
        // A header that is none throws here.
        new Headers(sent)
        expect(Boolean(sent.traceparent)).toBe(Boolean(span))
        if (span) expect(sent.traceparent).toMatch(new RegExp(`^00-${span.traceId}-${span.spanId}-0[0-3]$`))
        expect((sent.tracestate ?? '').split(',').length).toBeLessThanOrEqual(32)
        expect((sent.baggage ?? '').length).toBeLessThanOrEqual(8192)
        // Read again, it is the same.
        const again = inject(extract({ get: (name) => sent[name], keys: () => Object.keys(sent) }, BOTH), BOTH)
        expect([again.traceparent, again.tracestate]).toEqual([sent.traceparent, sent.tracestate])
      }),
      tries(3000),
    )
  })

  test('baggage is what OpenTelemetry’s own propagator makes of it, and the API shows it', () => {
    const sdk = new W3CBaggagePropagator()
    const get = (given: string | string[]) => ({ get: () => given, keys: () => ['baggage'] })
    const shown = (context = ROOT_CONTEXT) =>
      propagation
        .getBaggage(context)
        ?.getAllEntries()
        .map(([key, { value, metadata }]) => [key, value, `${metadata}`])
    const sent = (by: typeof sdk, context = ROOT_CONTEXT): string | undefined => {
      const headers: Record<string, string> = {}
      const setter = {
        set(_: unknown, name: string, value: string) {
          headers[name] = value
        },
      }
      by.inject(context, headers, setter)
      return headers.baggage
    }
    const many = fc.nat(400).map((n) => Array.from({ length: n }, (_, i) => `k${i % 300}=${'v'.repeat(n % 90)}`).join())
    const short = near('a=1', 'b = 2', ',', ';', ';;p=x;q', '=', ' ', '\t', 'ü=é', '%2C')
    const given = fc.oneof(baggage, many, short, fc.array(short, { maxLength: 3 }))
    fc.assert(
      fc.property(given, (given) => {
        const [ours, theirs] = [baggagePropagator, sdk].map((each) => each.extract(ROOT_CONTEXT, given, get(given)))
        expect(shown(ours)).toEqual(shown(theirs))
        // Each of the two hands on what the other has read.
        expect(sent(baggagePropagator as typeof sdk, theirs)).toBe(sent(sdk, ours))
        expect(sent(baggagePropagator as typeof sdk, suppressTracing(ours as never))).toBe(undefined)
        const bags = propagation.getBaggage(ours as never)
        const first = bags?.getAllEntries()[0]?.[0] as string
        expect(bags?.removeEntry(first).getEntry(first)).toBe(undefined)
        expect(bags?.setEntry('new', { value: '1' }).getEntry('new')?.value).toBe(bags && '1')
        expect(bags?.removeEntries(first).getAllEntries().length).toBe(bags && bags.getAllEntries().length - 1)
        expect(bags?.clear().getAllEntries()).toEqual(bags && [])
      }),
      tries(2000),
    )
  })

  test('and a message of any shape carries a context or none', () => {
    const body = fc.oneof(anything, fc.record({ traceparent: fc.oneof(traceparent, anything), tracestate: anything }))
    fc.assert(
      fc.property(body, (given) => {
        const context = messageContext({ body: given })
        const span = context && trace.getSpanContext(context)
        if (context) expect(span && isSpanContextValid(span)).toBe(true)
      }),
      tries(3000),
    )
  })
})

describe('what a backend answers', () => {
  const retryAfter = near(
    '0',
    '1',
    '120',
    '9'.repeat(20),
    '-',
    '.',
    'e',
    'Infinity',
    ' ',
    'Fri, 31 Dec 1999 23:59:59 GMT',
  )
  const byte = fc.nat(255).map((code) => String.fromCharCode(code))
  const words = fc.oneof(
    near(
      '{"partialSuccess":',
      '{"rejectedSpans":',
      '"1"',
      '}',
      '<html>',
      '\u001b[31m',
      '\u202e',
      '\r\n',
      'sk-s3cr3t-0123456789abcdef',
    ),
    fc.string({ unit: byte, maxLength: 200 }),
  )

  test('is an outcome: a wait that is a number, words of one line without the key', async () => {
    const hidden = new Hidden()
    hidden.add('sk-s3cr3t-0123456789abcdef')
    await fc.assert(
      fc.asyncProperty(retryAfter, fc.integer({ min: 200, max: 599 }), words, async (header, status, said) => {
        const headers = new Headers({ 'content-type': 'application/json' })
        try {
          headers.set('retry-after', header)
        } catch {}
        const body = /^(204|205|304)$/.test(`${status}`) ? null : said
        const fetch = async (): Promise<Response> => new Response(body, { status, headers })
        const until = Date.now() + 5000
        const sending = { fetch, until, deadline: new Deadline(until), hidden }
        const outcome = await send(
          'https://backend.example/v1/traces?key=1',
          { body: new Uint8Array(2), headers: {} },
          sending,
        )
        const { retryAfterMs } = outcome as { retryAfterMs?: number }
        if (retryAfterMs !== undefined) expect(retryAfterMs).toBeGreaterThanOrEqual(0)
        const text = JSON.stringify(outcome)
        expect(text).not.toContain('sk-s3cr3t-0123456789abcdef')
        expect(text).not.toContain('key=1')
        expect(`${(outcome as { error?: string }).error ?? ''}`).not.toMatch(/[\p{Cc}\u202e]/u)
      }),
      tries(1500),
    )
  })
})

test('of an answer without an end so much is read, and no more', async () => {
  let sent = 0
  const server = createServer((_, response) => {
    response.writeHead(503, { 'content-type': 'application/json' })
    const piece = Buffer.alloc(65_536, ' ')
    const write = (): void => {
      while (!response.destroyed && response.write(piece)) sent += piece.length
    }
    response.on('drain', write)
    write()
  }).listen(0, '127.0.0.1')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  await waitFor('the backend', () => server.listening)
  const until = Date.now() + 20_000
  const sending = { fetch, until, deadline: new Deadline(until), hidden: new Hidden() }
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`
  const outcome = await send(url, { body: new Uint8Array(2), headers: {} }, sending)
  expect(JSON.stringify(outcome)).toContain('503')
  // Beside what was read, what the sockets between the two hold.
  expect(sent).toBeLessThan(64 << 20)
  expect(Date.now()).toBeLessThan(until)
})

describe('what an MCP server answers', () => {
  const WORD = 's3cr3t-content'
  const said = fc.oneof(
    fc.constant(WORD),
    fc.constant({ text: WORD }),
    fc.integer(),
    fc.constantFrom(1e308, null, true),
  )
  const message = fc.record(
    {
      jsonrpc: fc.constantFrom('2.0', WORD),
      id: fc.constantFrom(7, '7', null, WORD),
      method: fc.constantFrom('notifications/message', 'tools/call', WORD),
      error: fc.oneof(said, fc.record({ code: said, message: said, data: said }, { requiredKeys: [] })),
      result: fc.oneof(
        said,
        fc.record(
          { content: said, structuredContent: said, isError: said, _meta: fc.dictionary(fc.string(), said) },
          { requiredKeys: [] },
        ),
      ),
      _meta: fc.oneof(said, fc.record({ traceparent: said, tracestate: said, progressToken: said })),
    },
    { requiredKeys: ['id'] },
  )
  const meta = fc.oneof(said, fc.record({ traceparent: said, 'io.opentelemetry/context': said, progressToken: said }))

  test('is an event that holds none of it: a code that is a number, or tool_error', async () => {
    const spans: ReadableSpan[] = []
    const exporter = {
      export(batch: ReadableSpan[], done: (result: { code: number }) => void) {
        spans.push(...batch)
        done({ code: 0 })
      },
      shutdown: async () => {},
    }
    const client = createAgentOps({ exporters: [exporter], instrumentations: { llm: llmCalls() }, mode: 'multi' })
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 3 }), fc.boolean(), meta, async (messages, isStream, _meta) => {
        spans.length = 0
        const text = isStream
          ? messages.map((one) => `event: message\ndata: ${JSON.stringify(one)}\n\n`).join('')
          : JSON.stringify(messages[0] ?? null)
        const headers = { 'content-type': isStream ? 'text/event-stream' : 'application/json' }
        const answer = (async () => new Response(text, { headers })) as typeof fetch
        const params = { name: 'search', arguments: { q: WORD }, _meta }
        const asked = {
          method: 'POST',
          headers: { accept: 'application/json, text/event-stream', 'content-type': 'application/json' },
          body: JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params }),
        }
        const session = client.startSession()
        const response = await session.run(() => traced(answer, session, 'http://127.0.0.1/mcp', asked, false))
        expect(await response.text()).toBe(text)
        await session.end()
        const tool = spans.find(({ name }) => name === 'search.tool')
        expect(tool).toBeDefined()
        expect(`${tool?.attributes['error.type'] ?? 'tool_error'}`).toMatch(/^(-?\d+|tool_error)$/)
        const all = spans.map(({ name, attributes, events, links, status }) => ({
          name,
          attributes,
          events,
          links,
          status,
        }))
        expect(JSON.stringify(all)).not.toContain(WORD)
      }),
      tries(400),
    )
  })
})

describe('what an exporter sends to the collector', () => {
  const attribute = fc.record({
    key: fc.oneof(fc.string(), anything),
    value: fc.oneof(anything, fc.record({ stringValue: anything })),
  })
  const id = fc.oneof(fc.constantFrom(TRACE, SPAN, '', 'x'), anything)
  const span = fc.record(
    {
      traceId: id,
      spanId: id,
      parentSpanId: id,
      name: fc.oneof(fc.string(), anything),
      startTimeUnixNano: fc.oneof(fc.constantFrom('1', '-1', '1e99', `${2n ** 64n}`), anything),
      endTimeUnixNano: anything,
      attributes: fc.oneof(fc.array(attribute), anything),
      events: anything,
      links: anything,
      status: anything,
    },
    { requiredKeys: [] },
  )
  const request = fc.oneof(
    anything,
    fc.record({
      resourceSpans: fc.oneof(
        anything,
        fc.array(fc.record({ resource: anything, scopeSpans: fc.array(fc.record({ spans: fc.array(span) })) })),
      ),
    }),
  )
  const body = fc.oneof(
    request.map((given) => {
      try {
        return JSON.stringify(given) ?? 'null'
      } catch {
        return '['.repeat(5000)
      }
    }),
    fc.uint8Array({ maxLength: 400 }),
  )
  const type = fc.constantFrom('application/json', 'application/x-protobuf', 'application/json; charset=x', '')

  test('is taken or refused with a status of its own, and the list can be read afterwards', async () => {
    const { app, store } = createCollector({ limit: 20 })
    await fc.assert(
      fc.asyncProperty(
        body,
        type,
        fc.constantFrom('/v1/traces', '/v2/create_events', '/v1/metrics'),
        async (sent, is, path) => {
          const headers = { 'content-type': is, host: '127.0.0.1' }
          const response = await app.request(`http://127.0.0.1${path}`, {
            method: 'POST',
            body: sent as BodyInit,
            headers,
          })
          expect(response.status).toBeLessThan(500)
          expect((await app.request('http://127.0.0.1/sessions')).status).toBe(200)
          for (const { id: session } of store.list().slice(0, 2)) {
            await app.request(`http://127.0.0.1/sessions/${encodeURIComponent(session)}`)
          }
        },
      ),
      tries(300),
    )
  })
})

describe('options and environment', () => {
  const isVariable = (name: unknown): name is string => /^[A-Z_]+$/.test(`${name}`)
  const NAMES = Object.keys(SETTINGS)
  const VARIABLES = Object.entries(SETTINGS).flatMap(([name, [, , ...more]]) => [name, ...more].filter(isVariable))
  const value = fc.oneof(
    anything,
    near('https://', 'http://', '127.0.0.1', ':', '/', '?', '@', 'true', '0', '-1', ',', '=', '%', 's3cr3t'),
    fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -0, '', ' ', null),
  )
  const hostile = {
    get apiKey(): never {
      throw new Error('no')
    },
  }

  test('of any kind are a Config, and every line said is of one line', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.dictionary(fc.constantFrom(...NAMES, 'unknown'), value, { maxKeys: 8 }),
          fc.constant(hostile),
          anything,
        ),
        fc.dictionary(fc.constantFrom(...VARIABLES), value, { maxKeys: 8 }),
        (options, env) => {
          const said: string[] = []
          const config = readConfig(options as never, env, (line) => void said.push(line))
          expect(Object.isFrozen(config)).toBe(true)
          const { destination } = config
          if (destination) expect(() => new URL(destination.url)).not.toThrow()
          for (const name of ['flushDeadlineMs', 'maxQueueSize', 'maxExportBatchSize'] as const) {
            expect(config[name]).toBeGreaterThanOrEqual(0)
          }
          for (const line of said) expect(typeof line).toBe('string')
        },
      ),
      tries(1500),
    )
  })
})
