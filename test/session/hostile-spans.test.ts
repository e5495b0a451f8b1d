/** Whatever is set on a span, its library goes on, the others are sent, and no strict decoder refuses the request. */
import { afterEach, expect, test, vi } from 'vitest'
import { otlpText } from '../../src/formats/otlp-text.ts'
import { type AgentOpsOptions, createAgentOps, type Session } from '../../src/index.ts'
import { named, spansOf, toCollector } from '../support/collected.ts'

const said = vi.spyOn(console, 'warn').mockImplementation(() => {})
afterEach(() => said.mockClear())

async function run(options: AgentOpsOptions, work: (session: Session) => unknown) {
  const session = createAgentOps(toCollector(options)).startSession({ name: 'job' })
  await work(session)
  const report = await session.end('Success')
  return { report, spans: await spansOf(session) }
}

const NOW = 1_790_000_000_000
/** As libraries give them, and the milliseconds that they are; undefined where they are none. */
const TIMES: readonly [name: string, time: unknown, millis?: number][] = [
  ['Date', new Date(NOW - 5), NOW - 5],
  ['hrTime', [1_789_999_999, 5e6], 1_789_999_999_005],
  ['more nanoseconds than a second has', [1_789_999_998, 1_005_000_000], 1_789_999_999_005],
  ['parts of a nanosecond', [1_789_999_999, 5_000_000.5], 1_789_999_999_005],
  ['the epoch', new Date(0), 0],
  ['before the epoch', [-5, 0]],
  ['parts of a second', [1_789_999_999.5, 0]],
  ['no number', [Number.NaN, 0]],
  ['texts', ['1789999999', '0']],
  ['too many parts', [1, 2, 3]],
  ['no date', new Date(Number.NaN)],
  ['a symbol', Symbol('now')],
  ['a bigint', 1_789_999_999_000n],
  ['a boolean', true],
  ['null', null],
]

test.each(TIMES)('a time that is %s', async (_, time, millis = NOW) => {
  const ended: string[] = []
  const { report } = await run(
    {
      clock: () => NOW,
      exporters: [{ export: (spans, done) => done({ code: +!ended.push(otlpText(spans)) }), shutdown: async () => {} }],
    },
    ({ tracer }) => {
      const span = tracer.startSpan('odd', { startTime: time as never })
      span.addEvent('at', {}, time as never)
      span.recordException('failed', time as never)
      span.end(time as never)
    },
  )
  expect(report).toMatchObject({ dropped: 0, pending: 0 })
  const texts = ended.join().matchAll(/"(\w+)UnixNano":"?([^",]*)/g)
  const times = [...texts].map(([, name, nanos]) => [name, nanos])
  for (const [, nanos] of times) expect(nanos).toMatch(/^(0|[1-9]\d{0,18})$/)
  const events = times.filter(([name]) => name === 'time').map(([, nanos]) => Number(nanos) / 1e6)
  expect(events).toEqual([millis, millis])
})

const thrower = (): never => {
  throw new Error('never looked at')
}
const hostile = new Proxy([], { get: thrower, ownKeys: thrower, getPrototypeOf: thrower })
const half = Object.defineProperty({ left: 1 }, 'bad', { get: thrower, enumerable: true })

test('what throws when it is looked at, or is nothing, costs only itself', async () => {
  const { report, spans } = await run({}, ({ tracer, root }) => {
    const link = { context: root.spanContext() }
    for (const given of [null, undefined, hostile, 5, 'text'] as never[]) {
      const span = tracer.startSpan('given', { attributes: given, links: given })
      span.setAttribute('one', given).setAttributes(given).setStatus(given).addLink(given).addLinks(given)
      span.addEvent('event', given).recordException(given)
      span.end()
    }
    const span = tracer.startSpan('half', { attributes: half, links: [link, { context: {} } as never, link] })
    span.addLinks([{} as never, { context: { traceId: 'x', spanId: 'y', traceFlags: 0 } }, link])
    span.end()
  })
  expect(report).toMatchObject({ dropped: 0, pending: 0 })
  expect(spans.filter(({ name }) => name === 'given')).toHaveLength(5)
  expect(named(spans, 'half').attributes).toMatchObject({ left: 1 })
})

test('names of an object’s own things are names like others; `__proto__` is left out', async () => {
  const names = ['constructor', 'toString', 'hasOwnProperty']
  const { spans } = await run({}, ({ tracer }) => {
    const span = tracer.startSpan('names')
    for (const name of names) span.setAttribute(name, name)
    span.setAttribute('__proto__', ['value'])
    span.setAttributes(JSON.parse('{"__proto__": ["value"]}'))
    expect(span).toMatchObject({ droppedAttributesCount: 2 })
    expect(Object.getPrototypeOf((span as never as { attributes: object }).attributes)).toBe(Object.prototype)
    span.end()
  })
  const { attributes } = named(spans, 'names')
  for (const name of names) expect(attributes[name]).toBe(name)
})

test('more links than a span holds are counted, those that it starts with, too', async () => {
  const { report } = await run({}, ({ tracer, root }) => {
    const links = Array.from({ length: 200 }, () => ({ context: root.spanContext() }))
    const span = tracer.startSpan('links', { links })
    expect(span).toMatchObject({ droppedLinksCount: 72, links: { length: 128 } })
    span.end()
  })
  expect(report).toMatchObject({ sent: 2, dropped: 0 })
})

test('onSpan may end its span, and the session, once more', async () => {
  let asked = 0
  let own: Session | undefined
  const { report, spans } = await run(
    {
      onSpan(span) {
        if (++asked > 100) return
        span.end()
        void own?.end('Fail')
      },
    },
    (session) => {
      own = session
      return session.end('Success')
    },
  )
  expect(asked).toBe(1)
  expect(report).toMatchObject({ sent: 1, dropped: 0, pending: 0 })
  expect(spans.map(({ name }) => name)).toEqual(['job.session'])
})

test('a span is begun with nothing where options, a context or a name should be', async () => {
  const { report, spans } = await run({}, ({ tracer }) => {
    for (const odd of [null, undefined, 5, 'text'] as never[]) {
      tracer.startSpan('started', odd, odd).end()
      tracer.startActiveSpan('active', odd, odd, (span) => span.end())
      tracer.startSpan('kind', { kind: odd }).end()
    }
    for (const name of [null, undefined, 5, Symbol('name'), {}] as never[]) {
      tracer
        .startSpan(name)
        .updateName(name)
        .addEvent(name)
        .setStatus({ code: name })
        .setStatus({ code: 7 as never })
        .end()
    }
  })
  expect(report).toMatchObject({ sent: 18, dropped: 0, pending: 0 })
  const names = spans.map(({ name }) => name)
  for (const name of ['started', 'active', 'kind']) expect(names.filter((each) => each === name)).toHaveLength(4)
  for (const name of ['null', 'undefined', '5', 'Symbol(name)', '[object Object]']) expect(names).toContain(name)
  for (const { kind } of spans) expect([1, 6]).toContain(kind)
  expect(spans.flatMap(({ events }) => events.map(({ name }) => name))).toEqual([
    'null',
    'undefined',
    '5',
    'Symbol(name)',
    '[object Object]',
  ])
  for (const { status } of spans) expect(status.code).toBe(1)
})

test('spans that onSpan makes are sent, and are not given to it', async () => {
  const seen: string[] = []
  let own: Session | undefined
  const { report, spans } = await run(
    {
      onSpan(span) {
        seen.push((span as never as { name: string }).name)
        own?.tool('looked up', () => 'a price')
        own?.tracer.startSpan('inner').end()
      },
    },
    (session) => {
      own = session
      session.tool('search', () => 'cats')
    },
  )
  expect(seen).toEqual(['search.tool', 'job.session'])
  expect(report).toMatchObject({ sent: 6, dropped: 0, pending: 0 })
  expect(spans.filter(({ name }) => name === 'looked up.tool')).toHaveLength(2)
})

test('a sampler that decides nothing samples, and is named', async () => {
  for (const result of [5, {}, { decision: 3 }, Promise.resolve({ decision: 0 })]) {
    const { report } = await run({ sampler: { shouldSample: () => result as never } }, () => {})
    expect(report).toMatchObject({ sent: 1 })
  }
  expect(said.mock.calls.map(([line]) => line)).toEqual([expect.stringMatching(/the sampler: expected a decision/)])
})
