/** Sends one session the way the library would, a step at a time, and looks at every answer. */
import { isUuid } from '../runtime/uuid.ts'
import type { Destination } from '../transport/connection.ts'

export interface Finding {
  /** `settings`, `key`, `endpoint`, `token`, `send`, `clock`, `session`. */
  check: string
  /** Undefined: it cannot be told. */
  ok?: boolean
  /** What was found. */
  says: string
  /** What to do. */
  next?: string
}

type Report = (finding: Finding) => undefined

const TIMEOUT_MS = 10_000
/** A token ends, and a session is filed, by somebody's clock. */
const MAX_SKEW_MS = 60_000
const POLL_MS = 500
const QUOTED = 160

interface Answer {
  status: number
  type: string
  text: string
  /** How far the other clock is ahead, milliseconds; undefined where it does not say. */
  skewMs?: number
}

export async function probe(destination: Destination, report: Report, waitMs: number): Promise<undefined> {
  const { apiKey, tokenUrl, url } = destination
  if (apiKey !== undefined && !isUuid(apiKey)) {
    const next = 'copy it again from app.agentops.ai, without quotes or spaces'
    report({ check: 'key', ok: false, says: `the key is no UUID: it has ${apiKey.length} characters`, next })
  } else if (apiKey !== undefined) report({ check: 'key', ok: true, says: 'the key has the form of one' })

  const path = new URL(url).pathname
  if (/\/v1\/traces\/+v1\/traces/.test(path)) {
    const says = `the path is there twice: ${path}`
    const next =
      'OTEL_EXPORTER_OTLP_ENDPOINT goes without /v1/traces, which is added; OTEL_EXPORTER_OTLP_TRACES_ENDPOINT with it'
    return report({ check: 'endpoint', ok: false, says, next })
  }

  let token: string | undefined
  if (tokenUrl) {
    token = await exchange(tokenUrl, `${apiKey}`, report)
    if (!token) return undefined
    destination.hidden.add(token)
  }
  const traceId = crypto.randomUUID().replaceAll('-', '')
  const headers = { ...destination.headers, ...(token && { authorization: `Bearer ${token}` }) }
  const answer = await ask(url, {
    method: 'POST',
    body: sessionOf(traceId),
    headers: { 'content-type': 'application/json', ...headers },
  })
  if (typeof answer === 'string') return report(unreachable('send', url, answer))
  const refused = judge(answer, url, path)
  if (refused) return report({ check: 'send', ok: false, ...refused })
  report({ check: 'send', ok: true, says: `${new URL(url).host} took a session (${answer.status})` })
  clock(answer, report)
  return await readBack(destination, traceId, token, report, waitMs)
}

async function exchange(tokenUrl: string, key: string, report: Report): Promise<string | undefined> {
  const init = {
    method: 'POST',
    body: JSON.stringify({ api_key: key }),
    headers: { 'content-type': 'application/json' },
  }
  const answer = await ask(tokenUrl, init)
  const fail = (says: string, next: string): undefined => report({ check: 'token', ok: false, says, next })
  if (typeof answer === 'string') return report(unreachable('token', tokenUrl, answer))
  const { status, type, text } = answer
  const { host } = new URL(tokenUrl)
  if (/html/.test(type))
    return fail(
      `${host} answered with a web page (${status})`,
      'AGENTOPS_API_ENDPOINT is no API of AgentOps: correct or unset it',
    )
  if (status === 400)
    return fail(`${host} refuses the key's form: ${quote(text)}`, 'copy the key again from app.agentops.ai')
  if (status === 401 || status === 403)
    return fail(
      `${host} refuses the key (${status}): ${quote(text)}`,
      'the key is unknown there: make a new one at app.agentops.ai, or name the installation it is of',
    )
  if (status === 404 || status === 405)
    return fail(`${host} has no ${new URL(tokenUrl).pathname} (${status})`, 'AGENTOPS_API_ENDPOINT goes without a path')
  let token: unknown
  try {
    token = (JSON.parse(text) as { token?: unknown }).token
  } catch {}
  if (status !== 200 || typeof token !== 'string')
    return fail(
      `${host} answered ${status} without a token: ${quote(text)}`,
      'try again later; if it stays so, ask whoever runs it',
    )
  report({ check: 'token', ok: true, says: `${host} gave a token for the key` })
  return token
}

function judge({ status, type, text }: Answer, url: string, path: string): { says: string; next: string } | undefined {
  const { host } = new URL(url)
  if (status >= 300 && status < 400)
    return {
      says: `${host} answered ${status}: it sends elsewhere, which is not followed`,
      next: 'name the address that it sends to; http instead of https is a usual cause',
    }
  if (/html/.test(type) && status < 300)
    return {
      says: `${host} answered with a web page (${status}): this is no OTLP endpoint`,
      next: 'name the endpoint of the API, not of the page',
    }
  if (status === 401 || status === 403)
    return {
      says: `${host} refuses the request (${status}): ${quote(text)}`,
      next: 'a key or a header is missing or wrong: OTEL_EXPORTER_OTLP_HEADERS, or AGENTOPS_API_KEY',
    }
  if (status === 404 || status === 405)
    return {
      says: `${host} has nothing at ${path} (${status}): the path is wrong`,
      next: 'OTLP over HTTP is at /v1/traces; port 4318, not 4317, which is gRPC',
    }
  if (status === 415)
    return { says: `${host} does not take JSON (415)`, next: 'pass the format otlpProtobuf of agentops-edge/formats' }
  if (status >= 300)
    return {
      says: `${host} answered ${status}: ${quote(text)}`,
      next: status >= 500 ? 'the backend fails: try again later' : 'the answer says what it does not like',
    }
  const rejected = /"rejectedSpans":\s*"?([1-9]\d*)/.exec(text)
  if (rejected)
    return { says: `${host} took the request and refused its spans: ${quote(text)}`, next: 'the answer says why' }
  return undefined
}

function clock({ skewMs }: Answer, report: Report): undefined {
  if (skewMs === undefined) return undefined
  const seconds = Math.round(Math.abs(skewMs) / 1000)
  if (Math.abs(skewMs) <= MAX_SKEW_MS) return report({ check: 'clock', ok: true, says: 'this clock and theirs agree' })
  const says = `this clock is ${seconds} s ${skewMs > 0 ? 'behind' : 'ahead of'} theirs`
  return report({
    check: 'clock',
    ok: false,
    says,
    next: 'set it (NTP): sessions are filed under the wrong time, and tokens end early',
  })
}

async function readBack(
  destination: Destination,
  traceId: string,
  token: string | undefined,
  report: Report,
  waitMs: number,
): Promise<undefined> {
  const { tokenUrl, url } = destination
  const api = new URL(tokenUrl ?? url).origin
  const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {}
  const until = Date.now() + waitMs
  let known = false
  for (;;) {
    const answer = await ask(`${api}/public/v1/traces/${traceId}`, { headers })
    const { trace_id, error } = typeof answer === 'string' ? {} : json(answer.text)
    if (trace_id) return report({ check: 'session', ok: true, says: `the session is there: trace ${traceId}` })
    known ||= typeof error === 'string' || !!tokenUrl
    if (!known)
      return report({
        check: 'session',
        says: `${new URL(url).host} has no way to read the session back: look for trace ${traceId} on its page`,
      })
    if (Date.now() >= until) break
    await new Promise((resolve) => setTimeout(resolve, Math.min(POLL_MS, Math.max(until - Date.now(), 1))))
  }
  const says = `no session seen at ${new URL(api).host} after ${Math.round(waitMs / 1000)} s, though it was taken: trace ${traceId}`
  return report({
    check: 'session',
    ok: false,
    says,
    next: 'the key may be of another project than the page shows, or what is between takes spans and drops them',
  })
}

function json(text: string): Record<string, unknown> {
  try {
    return (JSON.parse(text) ?? {}) as Record<string, unknown>
  } catch {
    return {}
  }
}

/** The answer, or why there was none. */
async function ask(url: string, init: RequestInit): Promise<Answer | string> {
  const begun = Date.now()
  try {
    const response = await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) })
    const text = (await response.text()).slice(0, 65_536)
    const date = Date.parse(response.headers.get('date') ?? '')
    // A date has whole seconds.
    const skewMs = Number.isNaN(date) ? undefined : date + 500 - (begun + Date.now()) / 2
    return { status: response.status, type: response.headers.get('content-type') ?? '', text, skewMs }
  } catch (error) {
    const { cause, name } = error as Error & { cause?: { code?: string } }
    return name === 'TimeoutError' ? `no answer in ${TIMEOUT_MS / 1000} s` : (cause?.code ?? name)
  }
}

function unreachable(check: string, url: string, why: string): Finding {
  const { host } = new URL(url)
  const hints: Record<string, string> = {
    ENOTFOUND: 'the name is not known: is it spelt right?',
    ECONNREFUSED: 'nobody listens there: is it started? (npx agentops-edge dev)',
  }
  return {
    check,
    ok: false,
    says: `${host} cannot be reached: ${why}`,
    next: hints[why] ?? 'look at the address, the network and what is between',
  }
}

function quote(text: string): string {
  return text ? JSON.stringify(text.slice(0, QUOTED)) : 'no text'
}

/** One session of one event, as the library writes it. */
function sessionOf(traceId: string): string {
  const now = BigInt(Date.now()) * 1_000_000n
  const text = (key: string, stringValue: string): object => ({ key, value: { stringValue } })
  const span = (spanId: string, name: string, kind: string, start: bigint, more: object): object => ({
    traceId,
    spanId,
    name,
    kind: 1,
    startTimeUnixNano: `${start}`,
    endTimeUnixNano: `${now}`,
    status: { code: 1 },
    attributes: [
      text('agentops.span.kind', kind),
      text('session.id', traceId),
      text('agentops.session.end_state', 'Success'),
    ],
    ...more,
  })
  const root = traceId.slice(0, 16)
  const spans = [
    span(traceId.slice(16), 'check.operation', 'operation', now - 1_000_000n, { parentSpanId: root }),
    span(root, 'agentops-edge check.session', 'session', now - 2_000_000n, {}),
  ]
  const resource = { attributes: [text('service.name', 'agentops-edge-check')] }
  return JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'agentops-edge' }, spans }] }] })
}
