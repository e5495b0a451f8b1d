/**
 * AgentOps' v2 API: create_session → create_agent → create_events, one request a type → update_session. It knows events
 * only: other spans are dropped and counted. Nothing is sent while the session goes on, unless a flush or a full buffer
 * asks for it, and nothing after `update_session`.
 */
import { warn } from '../../runtime/diag.ts'
import type { ReadableSpan } from '../../runtime/sdk.ts'
import * as key from '../../runtime/semconv.ts'
import { isUuid } from '../../runtime/uuid.ts'
import { compress } from '../../transport/compress.ts'
import type { Authorise, Route } from '../../transport/connection.ts'
import { remembered } from '../../transport/isolate.ts'
import { fromBytes, toBytes } from '../../transport/json.ts'
import type { Encoded, Outcome, Refused } from '../../transport/transport.ts'
import type { Connection, Format, FormatConfig, FormatSession } from '../format.ts'
import { add, type Delivery, deliverInParts, NOTHING, reject } from '../parts.ts'
import { type EventBody, eventBody, FIELDS, isoTime } from './events.ts'

/** What `create_session` and `update_session` take. What is left out of an update is overwritten with null. */
interface SessionBody {
  session_id: string
  init_timestamp: string
  end_timestamp: string | null
  end_state: string
  end_state_reason: string | null
  tags: readonly string[]
  video: null
  host_env: null
}

/** What one span stands for: an event, an agent (by id), or the session's end. */
type Item = { event: EventBody } | { agent: string } | { update: SessionBody }

/** Everything that is to be sent for a session. As JSON it is also what a spool keeps. */
interface Plan {
  session: SessionBody
  /** There is a session of this id already: it is resumed, not created. */
  resume: boolean
  agents: [id: string, name: string][]
  /** Those of them that the backend has been told of. */
  known: string[]
  items: Item[]
}

/** What one destination was sent of a session. */
interface Sent {
  /** The session's id in this API. */
  id: string
  jwt: string
  agents: Set<string>
  updated: boolean
}

const sentBy: WeakMap<FormatSession, Map<FormatConfig, Sent>> = new WeakMap()

/** A conversation: one session of this API, to which each of our sessions adds. */
interface Group {
  /** When its first session began, as far as this isolate knows. */
  begun: string
  created: boolean
}

const groups: Map<string, Group> = new Map()

/** The backend answers 500 where one event of a request does not suit it, and stores none. */
const SPOILED: readonly number[] = [400, 500]
export const agentopsV2: Format = {
  name: 'agentops-v2',
  api: true,
  final: [500],

  async deliver(spans, connection) {
    const total: Delivery<ReadableSpan> = { ...NOTHING }
    // Spans of somebody else's provider each name their session, which somebody has created.
    const sessions = connection.session
      ? [spans]
      : groupBy(spans, ({ attributes }) => String(attributes[key.SESSION_ID])).values()
    for (const group of sessions) {
      const sent = await sentOf(connection, group)
      if (sent.updated && !connection.session?.groupId) {
        reject(total, group.length, 'AgentOps v2 takes nothing after update_session: end the session later')
        continue
      }
      const spanOf = itemsOf(group, sent, connection)
      const others = group.length - spanOf.size
      if (others) reject(total, others, 'AgentOps v2 knows events only: other spans are left out')
      // Nothing but those: the session is opened by a request that has more to say.
      if (!spanOf.size) continue
      const delivery = await send(planOf(spanOf, sent, connection), sent, connection)
      add(total, {
        ...delivery,
        unsent: delivery.unsent.map((item) => spanOf.get(item) as ReadableSpan),
      })
    }
    return total
  },

  async pack(items, connection) {
    const spans = items as readonly ReadableSpan[]
    const sent = await sentOf(connection, spans)
    const plan = planOf(itemsOf(spans, sent, connection), sent, connection)
    return compress(encode(plan), connection.config.compression)
  },

  resend(body, connection) {
    const plan = fromBytes<Plan>(body)
    const { session_id: id } = plan.session
    return send(plan, { id, jwt: '', agents: new Set(plan.known), updated: false }, connection)
  },
}

async function sentOf(connection: Connection, [first]: readonly ReadableSpan[]): Promise<Sent> {
  const { session, config, destination } = connection
  const fresh: Sent = { id: String(first?.attributes[key.SESSION_ID]), jwt: '', agents: new Set(), updated: false }
  if (!session) return fresh
  fresh.id = session.groupId === undefined ? session.id : await uuidOf(session.groupId, destination.apiKey ?? '')
  const byDestination = sentBy.get(session) ?? new Map<FormatConfig, Sent>()
  sentBy.set(session, byDestination)
  const sent = byDestination.get(config) ?? fresh
  byDestination.set(config, sent)
  return sent
}

/**
 * This API takes UUIDs only: any other name becomes one of version 5 (RFC 9562), with the key, which is a UUID, as its
 * namespace, so that two projects' conversations of the same name stay two.
 */
async function uuidOf(name: string, apiKey: string): Promise<string> {
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

function groupOf({ session, destination }: Connection, id: string): Group | undefined {
  if (session?.groupId === undefined) return undefined
  return remembered(groups, `${destination.url} ${id}`, () => ({ begun: begunAt(session), created: false }))
}

function begunAt({ root }: FormatSession): string {
  return isoTime((root as Partial<ReadableSpan>).startTime)
}

/** The spans that this API has a form for, by that form. */
function itemsOf(spans: readonly ReadableSpan[], { id }: Sent, connection: Connection): Map<Item, ReadableSpan> {
  const { session, config } = connection
  const rootId = session?.root.spanContext().spanId
  const items = new Map<Item, ReadableSpan>()
  for (const span of spans) {
    const { name, attributes } = span
    const type = attributes[key.EVENT_TYPE] ?? (Object.hasOwn(FIELDS, name) ? name : undefined)
    if (session && span.spanContext().spanId === rootId) items.set({ update: sessionBody(id, connection, span) }, span)
    else if (type === 'agents') items.set({ agent: String(attributes[key.AGENT_ID]) }, span)
    else if (type !== undefined)
      items.set({ event: { ...eventBody(String(type), span, config.faithful), session_id: id } }, span)
  }
  return items
}

function planOf(spanOf: ReadonlyMap<Item, ReadableSpan>, sent: Sent, connection: Connection): Plan {
  const { session } = connection
  return {
    session: session ? sessionBody(sent.id, connection) : ({ session_id: sent.id } as SessionBody),
    resume: !session || !!sent.jwt || !!groupOf(connection, sent.id)?.created,
    agents: [...(session?.agents ?? [])].map(([id, name]) => [id, session?.shown(key.AGENT_NAME, name) ?? name]),
    known: [...sent.agents],
    items: [...spanOf.keys()],
  }
}

/** Sends a plan as far as it goes. */
async function send(plan: Plan, sent: Sent, connection: Connection): Promise<Delivery<Item>> {
  const { session, agents, items } = plan
  const total: Delivery<Item> = { ...NOTHING }
  const settle = (those: readonly Item[], refused: Refused | undefined): void => {
    if (!refused) total.sent += those.length
    else if (refused.reason !== 'rejected') add(total, { ...NOTHING, ...refused, unsent: those })
    else if (those.length) reject(total, those.length, refused.error)
  }
  const end = items.filter((item) => 'update' in item)
  // The last request is for `update_session`: without it the session has no end.
  if (end.length) connection.keep = 1
  /** Why nothing more can be sent now. */
  let stopped = sent.jwt ? undefined : await open(plan, sent, connection)
  const authorise = bearer(session.session_id, sent)

  let unknown: Refused = { reason: 'rejected', error: 'AgentOps v2 was told of no such agent' }
  for (const [id, name] of agents) {
    if (stopped || sent.agents.has(id)) continue
    const outcome = await request('create_agent', { id, name }, connection, authorise)
    if (!outcome.reason) sent.agents.add(id)
    else if (outcome.reason !== 'rejected') stopped = outcome
    else {
      // Its events go without it: they would be refused for it.
      unknown = outcome
      warn(`AgentOps v2 refused an agent, so its events name none: ${outcome.error}`)
    }
  }
  for (const item of items) {
    if ('agent' in item) settle([item], sent.agents.has(item.agent) ? undefined : (stopped ?? unknown))
  }

  const events = items.filter((item) => 'event' in item)
  const groups = groupBy(events, ({ event }) => event.event_type)
  for (const type of new Set([...Object.keys(FIELDS), ...groups.keys()])) {
    const group = groups.get(type) ?? []
    if (stopped) {
      settle(group, stopped)
      continue
    }
    const delivery = await deliverInParts(group, {
      maxBytes: connection.config.maxExportBytes,
      encode: (part) => encode({ events: part.map(({ event }) => withAgent(event, sent)) }),
      post: (encoded) => connection.post(urlOf('create_events', connection), encoded, authorise),
      spoiled: SPOILED,
    })
    add(total, delivery)
    if (delivery.unsent.length) stopped = delivery as Refused
  }

  for (const item of end) {
    if (sent.jwt && stopped?.reason !== 'undelivered') {
      connection.keep = 0
      const outcome = await request('update_session', { session: item.update }, connection, authorise)
      stopped = outcome.reason ? outcome : undefined
      sent.updated = !stopped
      // What is absent, or no number, leaves the costs that the model calls named.
      const cost = outcome.reason ? undefined : Number(fieldOf(outcome.body, 'token_cost') ?? undefined)
      if (connection.session && cost !== undefined && cost >= 0) connection.session.stats.cost = cost
    }
    settle([item], stopped)
  }
  return total
}

/** Creates the session, or resumes one that is there already. */
async function open({ session, resume }: Plan, sent: Sent, connection: Connection): Promise<Refused | undefined> {
  const { parentKey } = connection.destination
  const parent: Record<string, string> = parentKey ? { 'x-agentops-parent-key': parentKey } : {}
  const withKey =
    (headers?: Record<string, string>): Authorise =>
    (_connection, _until, attempt) =>
      attempt({ ...keyOf(connection), ...headers })
  const created = resume ? undefined : await request('create_session', { session }, connection, withKey(parent))
  const { session_id } = session
  let opened = created
  // 500 is also the answer where an earlier attempt, whose answer was lost, or an earlier session of the group, has
  // created it.
  if (!created || created.status === 500) {
    opened = await request('reauthorize_jwt', { session_id }, connection, withKey())
    if (opened.reason && created) opened = created
  }
  const refused = takeJwt(opened as Outcome, sent)
  const group = groupOf(connection, session_id)
  if (group) group.created = !refused
  return refused
}

/** The session's own JWT, renewed once where it has expired (it lives 24 hours). */
function bearer(sessionId: string, sent: Sent): Authorise {
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
function takeJwt(outcome: Outcome, sent: Sent): Refused | undefined {
  if (outcome.reason) return outcome
  const jwt = fieldOf(outcome.body, 'jwt')
  if (!jwt || typeof jwt !== 'string') return { reason: 'undelivered', error: 'AgentOps v2 answered without a jwt' }
  sent.jwt = jwt
  return undefined
}

function request(endpoint: string, body: unknown, connection: Connection, authorise: Authorise): Promise<Outcome> {
  return connection.post(urlOf(endpoint, connection), encode(body), authorise)
}

function urlOf(endpoint: string, { destination }: Route): string {
  return `${destination.url.replace(/\/+$/, '')}/v2/${endpoint}`
}

function keyOf({ destination: { headers, apiKey = '' } }: Route): Record<string, string> {
  return { ...headers, 'x-agentops-api-key': apiKey }
}

function encode(value: unknown): Encoded {
  return {
    body: toBytes(value),
    headers: { 'content-type': 'application/json; charset=UTF-8', accept: '*/*' },
  }
}

function fieldOf(body: Uint8Array, name: string): unknown {
  try {
    return fromBytes<Record<string, unknown>>(body)[name]
  } catch {
    return undefined
  }
}

/** `ended`: the root, where it has ended. */
function sessionBody(id: string, connection: Connection, ended?: ReadableSpan): SessionBody {
  const session = connection.session as FormatSession
  const { endStateReason: reason } = session
  return {
    session_id: id,
    init_timestamp: groupOf(connection, id)?.begun ?? begunAt(session),
    end_timestamp: ended ? isoTime(ended.endTime) : null,
    end_state: ended ? session.endState : 'Indeterminate',
    end_state_reason: (ended && reason && session.shown(key.END_STATE_REASON, reason)) || null,
    tags: session.tags.map((tag) => session.shown(key.TAGS, tag)),
    video: null,
    host_env: null,
  }
}

/** The backend's database knows the agents that it was told of. */
function withAgent(event: EventBody, { agents }: Sent): EventBody {
  return { ...event, agent_id: agents.has(String(event.agent_id)) ? event.agent_id : null }
}

function groupBy<T>(items: readonly T[], nameOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const name = nameOf(item)
    const group = groups.get(name)
    if (group) group.push(item)
    else groups.set(name, [item])
  }
  return groups
}
