/** AgentOps' reading API: `/public/v1/traces/{id}`, its `/metrics`, `/spans/{id}`, `/project`, and its way to a token. */
import { Hono } from 'hono'
import { isUuid } from '../runtime/uuid.ts'
import { isAuthorized, issue, keyOf } from './ingest.ts'
import { type CollectedSpan, type PlainAttributes, type PlainValue, toSpan } from './otlp.ts'
import type { SpanRow, TraceStore } from './trace-store.ts'

/** Spans of one answer. */
const MAX_SPANS = 10_000
const KINDS = ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer']
const CODES = ['UNSET', 'OK', 'ERROR']

export function reading(store: TraceStore, secret: string): Hono {
  const app = new Hono().basePath('/public/v1')
  app.post('/auth/access_token', async (c) => {
    if (!isUuid(`${await keyOf(c)}`)) return c.json({ error: 'Invalid API key format' }, 400)
    return c.json({ bearer: await issue(secret) })
  })
  app.use(async (c, next) => {
    if (!(await isAuthorized(c, { secret }))) return c.json({ error: 'Unauthorized' }, 401)
    await next()
  })
  app.get('/project', (c) => c.json({ id: 'local', name: 'local', environment: 'development' }))
  app.get('/traces/:id', async (c) => {
    const id = traceIdOf(c.req.param('id'))
    const [session, raw] = await Promise.all([store.session(id), store.raw(id, { limit: MAX_SPANS })])
    if (!session) return c.json({ error: 'Trace not found' }, 404)
    const spans = raw.map((span) => listed(toSpan(span)))
    return c.json({ trace_id: id, project_id: 'local', tags: session.tags, spans })
  })
  app.get('/traces/:id/metrics', async (c) => {
    const id = traceIdOf(c.req.param('id'))
    const [session, spans] = await Promise.all([store.session(id), store.spans(id, MAX_SPANS * 10)])
    if (!session) return c.json({ error: 'Trace not found' }, 404)
    const count = (status: number): number => spans.filter((span: SpanRow) => span.status === status).length
    const { inputTokens, outputTokens, cost } = session
    return c.json({
      span_count: session.spans,
      success_count: count(1),
      fail_count: count(2),
      indeterminate_count: count(0),
      prompt_tokens: inputTokens,
      completion_tokens: outputTokens,
      total_tokens: inputTokens + outputTokens,
      total_cost: cost.toFixed(7),
    })
  })
  app.get('/spans/:id', async (c) => {
    const span = await store.find(c.req.param('id').toLowerCase())
    if (!span) return c.json({ error: 'Span not found' }, 404)
    return c.json({
      ...listed(span),
      trace_id: span.traceId,
      attributes: nested(span.attributes),
      resource_attributes: nested(span.resource),
    })
  })
  return app
}

/** With or without dashes: the library's session ids are UUIDs. */
export function traceIdOf(text: string): string {
  return text.replaceAll('-', '').toLowerCase()
}

function listed(span: CollectedSpan): Record<string, unknown> {
  return {
    span_id: span.spanId,
    parent_span_id: span.parentSpanId ?? null,
    span_name: span.name,
    span_kind: KINDS[span.kind] ?? KINDS[0],
    start_time: isoOf(span.start),
    end_time: isoOf(span.end),
    duration: Number(span.end - span.start),
    status_code: CODES[span.status.code] ?? CODES[0],
    status_message: span.status.message ?? '',
  }
}

function isoOf(nanos: bigint): string {
  const time = new Date(Number(nanos / 1_000_000n))
  return Number.isNaN(time.getTime())
    ? ''
    : `${time.toISOString().slice(0, 19)}.${`${nanos % 1_000_000_000n}`.padStart(9, '0')}Z`
}

/** `a.b` as `{ a: { b } }`; where a name has a value and names below it, the value stays. */
function nested(attributes: PlainAttributes): PlainAttributes {
  const tree: PlainAttributes = Object.create(null)
  for (const [name, value] of Object.entries(attributes)) {
    const steps = name.split('.').slice(0, 32)
    const last = steps.pop() as string
    let at: PlainAttributes | undefined = tree
    for (const step of steps) {
      at[step] ??= Object.create(null)
      const below: PlainValue = at[step] as PlainValue
      at = below && typeof below === 'object' && !Array.isArray(below) ? below : undefined
      if (!at) break
    }
    if (at) at[last] = value
  }
  return tree
}
