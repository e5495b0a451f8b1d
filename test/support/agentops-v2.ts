/**
 * AgentOps' v2 API as far as its clients see it: a session is created with the key and answered with a jwt of its own,
 * everything else carries that jwt. One object is one project.
 */
import type { IncomingHttpHeaders } from 'node:http'

export interface AgentOpsAnswer {
  status: number
  body: unknown
}

interface Session {
  /** How many jwts were given; only the last one is good. */
  jwts: number
  expired: boolean
}

export type Fields = Record<string, unknown>

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export class AgentOpsV2 {
  readonly #sessions: Map<string, Session> = new Map()
  /** The events that it holds, in order; one that came twice is there twice. */
  readonly stored: Fields[] = []

  /**
   * `strict`: what AgentOps' present backend cannot take is refused, as it refuses it: with 500, after the events before
   * the faulty one have been stored.
   */
  answer(endpoint: string, headers: IncomingHttpHeaders, text: string, strict: boolean): AgentOpsAnswer {
    const fail = (status: number, message: string): AgentOpsAnswer => ({
      status,
      body: { path: `/v2/${endpoint}`, message },
    })
    const body = readFields(text)
    if (!body) return fail(500, 'the body is no JSON object')
    if (endpoint === 'create_session' || endpoint === 'reauthorize_jwt') {
      if (!UUID.test(`${headers['x-agentops-api-key'] ?? ''}`)) return fail(400, 'Invalid API key format')
      return endpoint === 'create_session' ? this.#create(body, fail) : this.#reauthorize(body, fail)
    }
    const [, token] = (headers.authorization ?? '').split(' ')
    if (!token) return fail(400, 'Bearer Token is Missing')
    if (!this.#isGood(token)) return fail(401, 'Expired Token')
    switch (endpoint) {
      case 'update_session':
        return (body.session as Fields | undefined)?.init_timestamp === undefined
          ? fail(500, 'Internal Server Error')
          : { status: 200, body: { status: 'success', token_cost: 5 } }
      case 'create_agent':
        return body.id === undefined ? fail(500, 'Internal Server Error') : { status: 200, body: 'Success' }
      case 'create_events':
        return this.#store(body, strict, fail)
      default:
        return fail(404, 'Not Found')
    }
  }

  /** The session's jwt is refused from now on, until it is reauthorised. */
  expire(id: string): void {
    const session = this.#sessions.get(id)
    if (session) session.expired = true
  }

  #create({ session }: Fields, fail: (status: number, message: string) => AgentOpsAnswer): AgentOpsAnswer {
    const id = (session as Fields | undefined)?.session_id
    // AgentOps inserts a row: the id is its primary key.
    if (typeof id !== 'string' || this.#sessions.has(id)) return fail(500, 'Internal Server Error')
    this.#sessions.set(id, { jwts: 1, expired: false })
    const url = `https://app.agentops.ai/drilldown?session_id=${id}`
    return { status: 200, body: { status: 'Success', jwt: `jwt-${id}-1`, session_url: url } }
  }

  #reauthorize({ session_id: id }: Fields, fail: (status: number, message: string) => AgentOpsAnswer): AgentOpsAnswer {
    const session = this.#sessions.get(`${id}`)
    if (!session) return fail(400, ' Error reauthorizing Api Key: Invalid Session Id')
    session.jwts += 1
    session.expired = false
    return { status: 200, body: { status: 'Success', jwt: `jwt-${id}-${session.jwts}` } }
  }

  #isGood(token: string): boolean {
    const [, id = '', count] = /^jwt-(.*)-(\d+)$/.exec(token) ?? []
    const session = this.#sessions.get(id)
    return session !== undefined && !session.expired && session.jwts === Number(count)
  }

  #store(
    { events }: Fields,
    strict: boolean,
    fail: (status: number, message: string) => AgentOpsAnswer,
  ): AgentOpsAnswer {
    if (!Array.isArray(events)) return fail(500, 'Internal Server Error')
    for (const event of events as Fields[]) {
      if (strict && isRefused(event)) return fail(500, 'Internal Server Error')
      this.stored.push(event)
    }
    return { status: 200, body: { status: 'ok' } }
  }
}

/** What AgentOps' handlers and the columns of its tables cannot take. */
function isRefused(event: Fields): boolean {
  const { event_type, params, returns, logs, timestamp, details, code, thread_id, cost } = event
  if (params !== null && params !== undefined && typeof params !== 'string' && !isFields(params)) return true
  switch (event_type) {
    case 'llms':
      return isNoUuid(thread_id) || (cost !== null && cost !== undefined && typeof cost !== 'number')
    case 'tools':
      return Array.isArray(returns) || typeof returns === 'number' || isObject(logs)
    case 'errors':
      return timestamp === undefined || timestamp === null || isObject(details) || typeof code === 'number'
    default:
      return true
  }
}

function isNoUuid(value: unknown): boolean {
  return value !== null && value !== undefined && !UUID.test(`${value}`)
}

function isFields(value: unknown): boolean {
  return isObject(value) && !Array.isArray(value)
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

function readFields(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isFields(value) ? (value as Fields) : undefined
  } catch {
    return undefined
  }
}
