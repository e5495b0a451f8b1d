/** `attributes`, `onSpan` and `redact`: what a span says last, at a real collector, in Node and inside workerd. */
import { trace } from '@opentelemetry/api'
import { describe, expect, test, vi } from 'vitest'
import { type AgentOpsOptions, createAgentOps, type Session } from '../../src/index.ts'
import { named, spansOf, toCollector } from '../support/collected.ts'

async function run(options: AgentOpsOptions, work: (session: Session) => unknown = () => {}) {
  const session = createAgentOps(toCollector(options)).startSession({ name: 'job' })
  await session.run(async () => work(session))
  const report = await session.end('Success')
  return { session, report, spans: await spansOf(session) }
}
const hide = (value: unknown): unknown => (typeof value === 'string' ? value.replaceAll('s3cret', '***') : value)
const HIDE = (_: string, value: unknown) => (Array.isArray(value) ? value.map(hide) : hide(value)) as never

describe('redact', () => {
  test('sees everything that is encoded: attributes, events, links, names, status, resource', async () => {
    const seen = new Set<string>()
    const { spans } = await run(
      {
        resourceAttributes: { owner: 's3cret' },
        attributes: { own: 's3cret', list: ['a', 'b'], count: 3 },
        redact: (key, value) => {
          seen.add(key)
          return HIDE(key, value)
        },
      },
      (session) => {
        session.setTags('s3cret tag')
        session.tool('s3cret tool', { q: 's3cret' }, () => 's3cret result')
        const span = session.tracer.startSpan('s3cret span', {
          links: [{ context: session.root.spanContext(), attributes: { link: 's3cret' } }],
        })
        span.addEvent('s3cret event', { inside: 's3cret' })
        span.recordException(new Error('s3cret'))
        span.setStatus({ code: 2, message: 's3cret' })
        span.end()
        session.setEndState('Fail', 's3cret reason')
      },
    )
    const text = JSON.stringify(spans, (_, value) => (typeof value === 'bigint' ? `${value}` : value))
    expect(text).not.toContain('s3cret')
    expect(text.match(/\*\*\*/g)?.length).toBeGreaterThan(15)
    for (const key of [
      'name',
      'status.message',
      'event.name',
      'owner',
      'own',
      'link',
      'inside',
      'exception.message',
      'event.data',
      'agentops.tags',
      'tool.parameters',
    ])
      expect([key, seen.has(key)]).toEqual([key, true])
    // What it leaves alone stays as it was, type and all.
    expect(named(spans, 'job.session').attributes).toMatchObject({ list: ['a', 'b'], count: 3 })
  })

  test('undefined leaves an attribute out; what is no value of an attribute does, too', async () => {
    const redact = ((key: string, value: unknown) =>
      key === 'a' ? undefined : key === 'b' ? { no: 1 } : value) as never
    const { spans } = await run({ attributes: { a: '1', b: '2', c: '3' }, redact })
    expect(spans[0]?.attributes).toMatchObject({ c: '3' })
    expect(Object.keys(spans[0]?.attributes ?? {})).not.toContain('a')
    expect(Object.keys(spans[0]?.attributes ?? {})).not.toContain('b')
  })

  test('where it throws, the value is replaced, and the session is sent', async () => {
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const redact = (key: string, value: unknown) => {
      if (key === 'a') throw new Error('s3cret')
      return value as never
    }
    const { spans, report } = await run({ attributes: { a: 's3cret', b: 'kept' }, redact })
    expect(report).toMatchObject({ sent: 1, dropped: 0 })
    expect(spans[0]?.attributes).toMatchObject({ a: '[redact failed]', b: 'kept' })
    expect(`${warned.mock.calls}`).not.toContain('s3cret')
    warned.mockRestore()
  })

  test('it comes after onSpan', async () => {
    const { spans } = await run({
      onSpan: (span) => void span.setAttribute('added', 's3cret').updateName(`${span.name} s3cret`),
      redact: HIDE,
    })
    expect(spans[0]).toMatchObject({ name: 'job.session ***', attributes: { added: '***' } })
  })
})

describe('onSpan', () => {
  test('adds to every span, a library’s as well, and an error of it costs nothing', async () => {
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
    let calls = 0
    const { spans, report } = await run(
      {
        instrumentations: { global: true },
        onSpan(span) {
          span.setAttribute('n', ++calls)
          if (span.name === 'library') throw new Error('mine')
        },
      },
      (session) => {
        session.tracerProvider.getTracer('library').startSpan('library').end()
        trace.getTracer('other').startSpan('other').end()
        session.tool('t', () => 1)
      },
    )
    expect(report.sent).toBe(spans.length)
    expect(spans.every(({ attributes }) => typeof attributes.n === 'number')).toBe(true)
    warned.mockRestore()
  })
})
