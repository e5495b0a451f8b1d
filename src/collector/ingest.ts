/**
 * What comes in, as AgentOps and any OTLP collector take it: `POST /v3/auth/token` exchanges a key for a token,
 * `POST /v1/traces` takes OTLP as JSON or protobuf, `POST /v1/metrics` and `/v1/logs` take anything, which is not kept.
 * A request without a token is taken, as a plain collector would; a wrong token is refused, as AgentOps would.
 */
import { type Context, Hono } from 'hono'
import { sign, verify } from 'hono/jwt'
import { describe, warn } from '../runtime/diag.ts'
import { isUuid } from '../runtime/uuid.ts'
import { BodyError, readBody } from './body.ts'
import { BusyError } from './busy.ts'
import { type ReadSpans, readOtlp } from './otlp.ts'
import { decodeTraceRequest, encodeTraceResponse } from './protobuf.ts'

export interface Intake {
  /** Signs the tokens. */
  secret: string
  /** Resolves when the spans are kept; rejects where they cannot be now. */
  take(read: ReadSpans, request: Request): Promise<void> | void
  onRequest?: (request: Request, spans: number) => void
  /** Whether this token or key may send; where it is not set any may, and none is needed. */
  accepts?(token: string): Promise<boolean>
  /** Bytes of a span, as JSON; larger ones are refused. */
  maxSpanBytes?: number
}

const UNAUTHORIZED =
  'Unauthorized: expected a token that this backend gives or knows as "authorization: Bearer", or where it needs none, no such header'
const TOKEN_LIFETIME_S = 30 * 24 * 3600

export function ingest(intake: Intake): Hono {
  const { secret, onRequest } = intake
  const app = new Hono()

  app.post('/v3/auth/token', async (c) => {
    const key = await keyOf(c)
    if (key === undefined) return c.json({ error: 'api_key is missing' }, 422)
    if (!isUuid(`${key}`)) return c.json({ error: 'Invalid API key format' }, 400)
    if ((await intake.accepts?.(`${key}`)) === false) return c.json({ error: 'Invalid API key' }, 401)
    onRequest?.(c.req.raw, 0)
    return c.json({ token: await issue(secret), project_id: 'local', project_prem_status: 'free' })
  })

  // Taken, so that nothing is said to be lost; they are not shown.
  for (const path of ['/v1/metrics', '/v1/logs']) {
    app.post(path, async (c) => {
      if (!(await isAuthorized(c, intake))) return c.text(UNAUTHORIZED, 401)
      onRequest?.(c.req.raw, 0)
      return isProtobuf(c) ? answer(c, 200, encodeTraceResponse(0, '')) : c.json({})
    })
  }

  app.post('/v1/traces', async (c) => {
    if (!(await isAuthorized(c, intake))) return c.text(UNAUTHORIZED, 401)
    const type = c.req.header('content-type') ?? ''
    if (!isProtobuf(c) && !/^application\/json\b/i.test(type)) {
      return c.text(`expected application/json or application/x-protobuf, got ${type || 'no content type'}`, 415)
    }
    let read: ReadSpans
    try {
      const bytes = await readBody(c.req.raw)
      read = readOtlp(isProtobuf(c) ? decodeTraceRequest(bytes) : JSON.parse(new TextDecoder().decode(bytes)))
    } catch (error) {
      const message = error instanceof BodyError ? error.message : `no OTLP trace request: ${describe(error)}`
      return isProtobuf(c) ? answer(c, 400, encodeStatus(message)) : c.json({ code: 3, message }, 400)
    }
    if (intake.maxSpanBytes) refuseLarge(read, intake.maxSpanBytes)
    onRequest?.(c.req.raw, read.spans.length)
    try {
      await intake.take(read, c.req.raw)
    } catch (error) {
      const message = `the spans cannot be stored now: ${describe(error)}`
      const isBusy = error instanceof BusyError
      if (!isBusy) warn(`the spans cannot be stored now: ${describe(error)}`)
      if (isBusy) c.header('retry-after', `${error.retryAfter}`)
      // gRPC's numbers: RESOURCE_EXHAUSTED, UNAVAILABLE.
      const [status, code] = isBusy ? ([429, 8] as const) : ([503, 14] as const)
      return isProtobuf(c) ? answer(c, status, encodeStatus(message)) : c.json({ code, message }, status)
    }
    const { rejected, reason = '' } = read
    if (isProtobuf(c)) return answer(c, 200, encodeTraceResponse(rejected, reason))
    return c.json({ partialSuccess: rejected ? { rejectedSpans: `${rejected}`, errorMessage: reason } : {} })
  })
  return app
}

/** The field `api_key` of a request for a token. */
export async function keyOf(c: Context): Promise<unknown> {
  const body: unknown = await readBody(c.req.raw)
    .then((bytes) => JSON.parse(new TextDecoder().decode(bytes)))
    .catch(() => null)
  return (body as { api_key?: unknown } | null)?.api_key
}

/** A token of AgentOps' v3 API, for a key that is not looked at any more. */
export function issue(secret: string): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + TOKEN_LIFETIME_S
  return sign({ exp, aud: 'authenticated', project_id: 'local' }, secret, 'HS256')
}

/** Whether the request has a good token, or none where none is needed. */
export async function isAuthorized(
  c: Context,
  { secret, accepts }: Pick<Intake, 'secret' | 'accepts'>,
): Promise<boolean> {
  const authorization = c.req.header('authorization')
  if (authorization === undefined) return !accepts
  const token = authorization.replace(/^Bearer /i, '')
  try {
    await verify(token, secret, { alg: 'HS256', aud: 'authenticated' })
    return true
  } catch {
    return (await accepts?.(token)) ?? false
  }
}

function refuseLarge(read: ReadSpans, limit: number): void {
  const isSmall = read.raw.map((span) => JSON.stringify(span).length * 3 <= limit || bytesOf(span) <= limit)
  const refused = isSmall.filter((small) => !small).length
  if (!refused) return
  read.spans = read.spans.filter((_, n) => isSmall[n])
  read.raw = read.raw.filter((_, n) => isSmall[n])
  read.rejected += refused
  read.reason ??= `a span has more than ${limit} bytes`
}

function bytesOf(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).byteLength
}

function isProtobuf(c: Context): boolean {
  return /^application\/x-protobuf\b/i.test(c.req.header('content-type') ?? '')
}

function answer(c: Context, status: 200 | 400 | 429 | 503, body: Uint8Array): Response {
  return c.body(body as Uint8Array<ArrayBuffer>, status, { 'content-type': 'application/x-protobuf' })
}

/** `google.rpc.Status` with a message alone. */
function encodeStatus(message: string): Uint8Array {
  // The same field number and type as a partial success has for its message, without what is around it.
  const told = new TextEncoder().encode(message).subarray(0, 120)
  return Uint8Array.from([18, told.length, ...told])
}
