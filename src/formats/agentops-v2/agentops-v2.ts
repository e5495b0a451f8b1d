/**
 * AgentOps' v2 API: create_session → create_agent → create_events, one request a type, and apart what is known to be
 * refused → update_session. It knows events only: other spans are dropped and counted. Nothing is sent while the session goes on, unless a flush or a full buffer
 * asks for it, and nothing after `update_session`.
 */
import { warn } from '../../runtime/diag.ts'
import type { ReadableSpan } from '../../runtime/sdk.ts'
import * as key from '../../runtime/semconv.ts'
import { compress } from '../../transport/compress.ts'
import type { Authorise } from '../../transport/connection.ts'
import { remembered } from '../../transport/isolate.ts'
import { fromBytes } from '../../transport/json.ts'
import { post } from '../../transport/retry.ts'
import type { Outcome, Refused } from '../../transport/transport.ts'
import type { Connection, Format, FormatConfig, FormatSession } from '../format.ts'
import { add, type Delivery, deliverInParts, NOTHING, reject } from '../parts.ts'
import { bearer, encode, fieldOf, keyOf, request, type Sent, takeJwt, urlOf, uuidOf } from './api.ts'
import { type EventBody, eventBody, FIELDS, isoTime, isRefused } from './events.ts'

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

const sentBy: WeakMap<FormatSession, Map<FormatConfig, Sent>> = new WeakMap()

/** A conversation: one session of this API, to which each of our sessions adds. */
interface Group {
  /** When its first session began, as far as this isolate knows. */
  begun: string
  created: boolean
}

const groups: Map<string, Group> = new Map()

/** The backend answers 500 where one event of a request does not suit it. */
const SPOILED: readonly number[] = [400, 500]
/** Of requests that are known to be refused: two are enough to see that this backend is no other. */
const REFUSALS = 2
/** Each costs a request. A default batch has no more spans that could name one. */
const MAX_AGENTS = 512

/**
 * AgentOps' v2 API, as the option `format`: for an installation without an OTLP endpoint. Needs `apiKey`. It knows
 * events only; other spans are dropped and counted.
 */
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
      const spanOf = await itemsOf(group, sent, connection)
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
    const plan = planOf(await itemsOf(spans, sent, connection), sent, connection)
    return compress(encode(plan), connection.config.compression)
  },

  async resend(body, connection) {
    const plan = fromBytes<Plan>(body)
    const { session, agents, known, items } = plan
    if (agents.length <= MAX_AGENTS) {
      return send(plan, { id: session.session_id, jwt: '', agents: new Set(known), updated: false }, connection)
    }
    const refused: Delivery<unknown> = { ...NOTHING }
    reject(refused, items.length, `${agents.length} agents are more than ${MAX_AGENTS}`)
    return refused
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

function groupOf({ session, destination }: Connection, id: string): Group | undefined {
  if (session?.groupId === undefined) return undefined
  return remembered(groups, `${destination.url} ${id}`, () => ({ begun: begunAt(session), created: false }))
}

function begunAt({ root }: FormatSession): string {
  return isoTime((root as Partial<ReadableSpan>).startTime)
}

/** The spans that this API has a form for, by that form. */
async function itemsOf(
  spans: readonly ReadableSpan[],
  { id }: Sent,
  connection: Connection,
): Promise<Map<Item, ReadableSpan>> {
  const { session, config, destination } = connection
  const rootId = session?.root.spanContext().spanId
  const items = new Map<Item, ReadableSpan>()
  for (const span of spans) {
    const { name, attributes } = span
    const type = attributes[key.EVENT_TYPE] ?? (Object.hasOwn(FIELDS, name) ? name : undefined)
    if (session && span.spanContext().spanId === rootId) items.set({ update: sessionBody(id, connection, span) }, span)
    else if (type === 'agents') items.set({ agent: String(attributes[key.AGENT_ID]) }, span)
    else if (type !== undefined) {
      const event: EventBody = { ...eventBody(String(type), span, config.faithful), session_id: id }
      const { thread_id: thread } = event
      if (!config.faithful && thread) event.thread_id = await uuidOf(`${thread}`, destination.apiKey ?? '')
      items.set({ event }, span)
    }
  }
  return items
}

function planOf(spanOf: ReadonlyMap<Item, ReadableSpan>, sent: Sent, connection: Connection): Plan {
  const { session } = connection
  const items = [...spanOf.keys()]
  let agents = [...(session?.agents ?? [])]
  if (agents.length > MAX_AGENTS) {
    const named = new Set(items.map((item) => ('event' in item ? item.event.agent_id : 'agent' in item && item.agent)))
    agents = agents.filter(([id]) => named.has(id))
  }
  return {
    session: session ? sessionBody(sent.id, connection) : ({ session_id: sent.id } as SessionBody),
    resume: !session || !!sent.jwt || !!groupOf(connection, sent.id)?.created,
    agents: agents.map(([id, name]) => [id, session?.shown(key.AGENT_NAME, name) ?? name]),
    known: [...sent.agents],
    items,
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
  // What is refused comes last: to find that out must not cost the others their requests.
  const nameOf = (type: string, refused: boolean): string => `${+refused}${type}`
  const groups = groupBy(events, ({ event }) => nameOf(event.event_type, isRefused(event)))
  const order = [false, true].flatMap((refused) => Object.keys(FIELDS).map((type) => nameOf(type, refused)))
  for (const name of new Set([...order, ...groups.keys()])) {
    const group = groups.get(name) ?? []
    if (stopped) {
      settle(group, stopped)
      continue
    }
    const delivery = await deliverInParts(group, {
      maxBytes: connection.config.maxExportBytes,
      encode: (part) => encode({ events: part.map(({ event }) => withAgent(event, sent)) }),
      post: (encoded) => post(connection, urlOf('create_events', connection), encoded, authorise),
      spoiled: SPOILED,
      maxRefusals: name.startsWith('1') ? REFUSALS : undefined,
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
    // A session that cannot be created is no fault of what is in the request: that is always the same.
    if (opened.reason && created) opened = { ...(created as Refused), reason: 'undelivered' }
  }
  const refused = takeJwt(opened as Outcome, sent)
  const group = groupOf(connection, session_id)
  if (group) group.created = !refused
  return refused
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
