/**
 * AgentOps' v2 API, which its Python SDK up to 0.3 and `agentopsV2` speak: sessions and events, made spans as
 * `/v1/traces` would have brought them. An event that comes a second time stays as it was.
 */
import { type Context, Hono } from 'hono'
import { sign, verify } from 'hono/jwt'
import * as key from '../runtime/semconv.ts'
import { isUuid } from '../runtime/uuid.ts'
import { readBody } from './body.ts'
import type { Intake } from './ingest.ts'
import { readOtlp, type WireSpan } from './otlp.ts'
import { hexOf } from './protobuf.ts'

type Fields = Record<string, unknown>
type Value = NonNullable<WireSpan['attributes']>[number]['value']

const LIFETIME_S = 24 * 3600
const PLURALS: Record<string, string> = { actions: 'operation', tools: 'tool', llms: 'llm', errors: 'operation' }

export function v2({ secret, take, onRequest, accepts }: Intake): Hono {
  const app = new Hono()
  const fail = (c: Context, status: 400 | 401 | 500, message: string): Response =>
    c.json({ path: c.req.path, message }, status)
  const keep = async (c: Context, spans: WireSpan[]): Promise<void> => {
    onRequest?.(c.req.raw, spans.length)
    await take(readOtlp({ resourceSpans: [{ scopeSpans: [{ scope: { name: 'agentops.v2' }, spans }] }] }), c.req.raw)
  }
  /** The session that the request's token is of. */
  const sessionOf = async (c: Context): Promise<string | undefined> => {
    const token = (c.req.header('authorization') ?? '').replace(/^Bearer /, '')
    const claims = await verify(token, secret, 'HS256').catch(() => undefined)
    return isUuid(`${claims?.session_id}`) ? `${claims?.session_id}` : undefined
  }
  const jwt = (id: string): Promise<string> =>
    sign({ session_id: id, exp: Math.floor(Date.now() / 1000) + LIFETIME_S }, secret, 'HS256')

  app.post('/v2/create_session', async (c) => {
    const apiKey = c.req.header('x-agentops-api-key') ?? ''
    if (!isUuid(apiKey)) return fail(c, 400, 'Invalid API key format')
    if ((await accepts?.(apiKey)) === false) return fail(c, 401, 'Invalid API key')
    const session = (await fieldsOf(c))?.session as Fields | undefined
    const id = `${session?.session_id ?? ''}`
    if (!isUuid(id)) return fail(c, 500, 'expected session.session_id to be a UUID')
    onRequest?.(c.req.raw, 0)
    return c.json({ status: 'Success', jwt: await jwt(id), session_url: urlOf(c, id) })
  })
  app.post('/v2/reauthorize_jwt', async (c) => {
    const id = `${(await fieldsOf(c))?.session_id ?? ''}`
    const apiKey = c.req.header('x-agentops-api-key') ?? ''
    if (!isUuid(apiKey) || !isUuid(id)) return fail(c, 400, 'Invalid API key format')
    if ((await accepts?.(apiKey)) === false) return fail(c, 401, 'Invalid API key')
    return c.json({ status: 'Success', jwt: await jwt(id) })
  })
  app.post('/v2/update_session', async (c) => {
    const id = await sessionOf(c)
    if (!id) return fail(c, 401, 'Expired Token')
    const session = (await fieldsOf(c))?.session as Fields | undefined
    if (session?.init_timestamp === undefined) return fail(c, 500, 'expected session.init_timestamp')
    // Until it ends, the session is what its events say.
    await keep(c, session.end_timestamp ? [await rootSpan(id, session)] : [])
    return c.json({ status: 'success', token_cost: '0.00', session_url: urlOf(c, id) })
  })
  app.post('/v2/create_agent', async (c) => ((await sessionOf(c)) ? c.json('Success') : fail(c, 401, 'Expired Token')))
  for (const path of ['/v2/create_events', '/v2/update_events']) {
    app.post(path, async (c) => {
      const id = await sessionOf(c)
      if (!id) return fail(c, 401, 'Expired Token')
      const events = (await fieldsOf(c))?.events
      if (!Array.isArray(events)) return fail(c, 500, 'expected a list of events')
      await keep(c, await Promise.all(events.map((event) => eventSpan(id, (event ?? {}) as Fields))))
      return c.json('Success')
    })
  }
  return app
}

async function fieldsOf(c: Context): Promise<Fields | undefined> {
  try {
    return JSON.parse(new TextDecoder().decode(await readBody(c.req.raw)))
  } catch {
    return undefined
  }
}

function urlOf(c: Context, id: string): string {
  return `${new URL(c.req.url).origin}/sessions?trace_id=${id.replaceAll('-', '')}`
}

/** As a span id. */
async function idOf(text: string): Promise<string> {
  return hexOf(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))).slice(0, 16)
}

async function rootSpan(
  id: string,
  { init_timestamp, end_timestamp, tags, end_state, end_state_reason }: Fields,
): Promise<WireSpan> {
  const state = `${end_state ?? 'Indeterminate'}`
  return {
    ...timesOf(init_timestamp, end_timestamp),
    traceId: id.replaceAll('-', ''),
    spanId: await idOf(id),
    name: 'session.session',
    kind: 2,
    status: { code: state === 'Success' ? 1 : state === 'Fail' ? 2 : 0, message: textOf(end_state_reason) },
    attributes: attributesOf({
      [key.SPAN_KIND]: 'session',
      [key.SESSION_ID]: id,
      [key.TAGS]: Array.isArray(tags) ? tags : [],
      [key.END_STATE]: state,
      [key.END_STATE_REASON]: end_state_reason,
    }),
  } as WireSpan
}

async function eventSpan(id: string, event: Fields): Promise<WireSpan> {
  const type = `${event.event_type}`
  const kind = PLURALS[type] ?? 'operation'
  const named = event.name ?? event.tool_name ?? event.action_type ?? event.error_type ?? type
  const error = type === 'errors'
  return {
    ...timesOf(event.init_timestamp, event.end_timestamp),
    traceId: id.replaceAll('-', ''),
    spanId: await idOf(`${id} ${event.id ?? JSON.stringify(event)}`),
    parentSpanId: await idOf(id),
    name: `${kind === 'llm' ? 'chat' : named}.${kind}`,
    kind: kind === 'llm' ? 3 : 1,
    status: error ? { code: 2, message: textOf(event.details) } : { code: 1 },
    attributes: attributesOf({
      [key.SPAN_KIND]: kind,
      [key.SESSION_ID]: id,
      [key.EVENT_TYPE]: type,
      ...(kind === 'tool' && {
        [key.TOOL_NAME]: named,
        [key.TOOL_PARAMETERS]: event.params,
        [key.TOOL_RESULT]: event.returns,
      }),
      ...(kind === 'operation' && { [key.ENTITY_INPUT]: event.params, [key.ENTITY_OUTPUT]: event.returns }),
      ...(kind === 'llm' && modelCall(event)),
      [key.ERROR_TYPE]: error ? event.error_type : undefined,
      [key.EVENT_DATA]: error ? JSON.stringify({ logs: event.logs }) : undefined,
    }),
  } as WireSpan
}

function modelCall({ model, prompt, completion, prompt_tokens, completion_tokens, cost }: Fields): Fields {
  const messages = (value: unknown, role: string): unknown =>
    value === undefined || value === null
      ? undefined
      : JSON.stringify(
          [value].flat().map((message) => (typeof message === 'object' ? message : { role, content: message })),
        )
  return {
    [key.GEN_AI_REQUEST_MODEL]: model,
    'gen_ai.input.messages': messages(prompt, 'user'),
    'gen_ai.output.messages': messages(completion, 'assistant'),
    [key.GEN_AI_PROMPT_TOKENS]: prompt_tokens,
    [key.GEN_AI_COMPLETION_TOKENS]: completion_tokens,
    [key.GEN_AI_TOTAL_COST]: cost,
  }
}

function attributesOf(fields: Fields): WireSpan['attributes'] {
  return Object.entries(fields).flatMap(([name, value]) =>
    value === undefined || value === null ? [] : [{ key: name, value: wireValue(value) }],
  )
}

function wireValue(value: unknown): Value {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) {
    return { arrayValue: { values: value.map((stringValue) => ({ stringValue })) } }
  }
  return typeof value === 'number' ? { doubleValue: value } : { stringValue: textOf(value) ?? '' }
}

function textOf(value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : typeof value === 'string' ? value : JSON.stringify(value)
}

/** ISO 8601, as Python writes it, to nanoseconds. */
function timesOf(start: unknown, end: unknown): Pick<WireSpan, 'startTimeUnixNano' | 'endTimeUnixNano'> {
  const nanos = (value: unknown): string => {
    const time = Date.parse(`${value}`)
    return `${BigInt(Number.isNaN(time) ? Date.now() : time) * 1_000_000n}`
  }
  return { startTimeUnixNano: nanos(start), endTimeUnixNano: nanos(end ?? start) }
}
