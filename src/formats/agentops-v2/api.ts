/** Requests to AgentOps' v2 API: with the key, or with the session's own JWT. */
import { isUuid } from '../../runtime/uuid.ts'
import type { Authorise, Route } from '../../transport/connection.ts'
import { fromBytes, toBytes } from '../../transport/json.ts'
import { post } from '../../transport/retry.ts'
import type { Encoded, Outcome, Refused } from '../../transport/transport.ts'
import type { Connection } from '../format.ts'

/** What one destination was sent of a session. */
export interface Sent {
  /** The session's id in this API. */
  id: string
  jwt: string
  agents: Set<string>
  updated: boolean
}

/**
 * This API takes UUIDs only: any other name becomes one of version 5 (RFC 9562), with the key, which is a UUID, as its
 * namespace, so that two projects' conversations of the same name stay two.
 */
export async function uuidOf(name: string, apiKey: string): Promise<string> {
  if (isUuid(name)) return name
  const namespace = (apiKey.replaceAll('-', '').match(/../g) ?? []).map((hex) => Number.parseInt(hex, 16))
  const hashed = Uint8Array.from([...namespace, ...new TextEncoder().encode(name)])
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-1', hashed)).slice(0, 16)
  const hex = Array.from(digest, (byte, i) => {
    if (i === 6) byte = (byte & 0x0f) | 0x50
    if (i === 8) byte = (byte & 0x3f) | 0x80
    return byte.toString(16).padStart(2, '0')
  })
  return hex.join('').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** The session's own JWT, renewed once where it has expired (it lives 24 hours). */
export function bearer(sessionId: string, sent: Sent): Authorise {
  return async (connection, until, attempt) => {
    const withJwt = (): Promise<Outcome> => attempt({ ...keyOf(connection), authorization: `Bearer ${sent.jwt}` })
    const outcome = await withJwt()
    if (outcome.status !== 401) return outcome
    const { body, headers } = encode({ session_id: sessionId })
    const encoded = { body, headers: { ...keyOf(connection), ...headers } }
    const refused = takeJwt(await connection.send(urlOf('reauthorize_jwt', connection), encoded, until), sent)
    // Not its own status: after a 400 or 500 the events would be searched for the one that caused it.
    return refused ? { ...refused, status: outcome.status } : withJwt()
  }
}

/** Keeps the jwt of an answer that has one. */
export function takeJwt(outcome: Outcome, sent: Sent): Refused | undefined {
  if (outcome.reason) return outcome
  const jwt = fieldOf(outcome.body, 'jwt')
  if (!jwt || typeof jwt !== 'string') return { reason: 'undelivered', error: 'AgentOps v2 answered without a jwt' }
  sent.jwt = jwt
  return undefined
}

export function request(
  endpoint: string,
  body: unknown,
  connection: Connection,
  authorise: Authorise,
): Promise<Outcome> {
  return post(connection, urlOf(endpoint, connection), encode(body), authorise)
}

export function urlOf(endpoint: string, { destination }: Route): string {
  return `${destination.url.replace(/\/+$/, '')}/v2/${endpoint}`
}

export function keyOf({ destination: { headers, apiKey = '' } }: Route): Record<string, string> {
  return { ...headers, 'x-agentops-api-key': apiKey }
}

export function encode(value: unknown): Encoded {
  return {
    body: toBytes(value),
    headers: { 'content-type': 'application/json; charset=UTF-8', accept: '*/*' },
  }
}

export function fieldOf(body: Uint8Array, name: string): unknown {
  try {
    return fromBytes<Record<string, unknown>>(body)[name]
  } catch {
    return undefined
  }
}
