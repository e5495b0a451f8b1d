/**
 * An event as span attributes, in the order that AgentOps' backend and dashboard need: the key that tells the span's
 * type first (a tool span with `agent.id` before `tool.*` is shown as an agent), indexed arrays from 0, `content`
 * before `role`, whole token counts, cost as a plain decimal.
 */
import type { Attributes, SpanKind } from '@opentelemetry/api'
import { MAX_MILLIS } from '../runtime/clock.ts'
import { warn } from '../runtime/diag.ts'
import * as key from '../runtime/semconv.ts'
import { cut, fieldsToJson, MAX_VALUE_CHARS, plainJson, toJson, toText } from '../runtime/serialize.ts'
import type { AgentEvent, EventTime, Message, PlainEvent } from './event.ts'

/** An agent as later spans carry it. */
export interface Agent {
  id: string
  name: string
}

type Fields = PlainEvent & Record<string, unknown>

/** How the events of one type become spans. */
type EventKind = readonly [
  /** Ends the span's name. */
  kind: 'operation' | 'tool' | 'llm' | 'agent',
  /** Begins the span's name where no field does. */
  name: string,
  /** The first of them that is there begins the span's name. */
  fields: readonly string[],
  /** The attribute that shows the type; its value is how the span's name begins. */
  type?: string,
  attributes?: (event: Fields, failed: boolean, plain: Plain) => Attributes,
]

/** Parameters and results as `plainJson` has them: several attributes show them. */
type Plain = Readonly<Record<'params' | 'returns', string | undefined>>

/** More messages than this are left out: a span has room for 1,024 attributes. */
const MAX_MESSAGES = 200
/** SpanKind's numbers: the enum would cost more than it says. */
const INTERNAL: SpanKind.INTERNAL = 0
const CLIENT: SpanKind.CLIENT = 2

const KINDS: ReadonlyMap<string, EventKind> = /* @__PURE__ */ new Map<string, EventKind>([
  [
    'actions',
    [
      'operation',
      'unknown_action',
      ['actionType', 'name'],
      key.ACTION_TYPE,
      (event) => ({
        [key.ACTION_LOGS]: toText(event.logs),
        [key.ACTION_SCREENSHOT]: toText(event.screenshot),
      }),
    ],
  ],
  [
    'tools',
    [
      'tool',
      'unknown_tool',
      ['name', 'toolName'],
      key.TOOL_NAME,
      (event, failed, plain) => ({
        [key.TOOL_PARAMETERS]:
          event.params === undefined ? undefined : toJson(event.params, MAX_VALUE_CHARS, plain.params),
        [key.TOOL_RESULT]: toText(event.returns, MAX_VALUE_CHARS, plain.returns),
        [key.TOOL_STATUS]: failed ? 'failed' : 'succeeded',
        [key.TOOL_LOGS]: toText(event.logs),
      }),
    ],
  ],
  ['llms', ['llm', 'chat', ['operation'], key.GEN_AI_OPERATION_NAME, llmAttributes]],
  [
    'agents',
    [
      'agent',
      'unknown_agent',
      ['name'],
      key.AGENT_NAME,
      // The page's list of agents shows it.
      (event) => ({ [key.AGENT_ROLE]: toText(event.role ?? event.name) }),
    ],
  ],
  [
    'errors',
    [
      'operation',
      'errors',
      ['errorType'],
      undefined,
      (event) => ({
        [key.ERROR_TYPE]: toText(event.errorType),
        [key.ERROR_MESSAGE]: toText(event.details),
        [key.ERROR_CODE]: toText(event.code),
      }),
    ],
  ],
])
/** Any other type names its events itself. */
const OTHER: EventKind = ['operation', 'event', ['eventType']]

/** The span's name, kind and first attributes: what is known before the event's work is done. */
export function openingOf(event: AgentEvent | PlainEvent): { name: string; kind: SpanKind; attributes: Attributes } {
  const [kind, name, fields, type] = KINDS.get(event.eventType) ?? OTHER
  const given = fields.find((field) => (event as Fields)[field])
  const operation = cut(given ? (event as Fields)[given] : name, 256)
  const attributes: Attributes = { [key.SPAN_KIND]: kind, [key.OPERATION_NAME]: operation }
  if (type) attributes[type] = operation
  return { name: `${operation}.${kind}`, kind: kind === 'llm' ? CLIENT : INTERNAL, attributes }
}

/**
 * Every attribute of the event but `session.id` and the user's own, which the session puts on all spans. One that is
 * undefined is left out by the span.
 */
export function attributesOf(event: AgentEvent | PlainEvent, agent: Agent | undefined, failed: boolean): Attributes {
  const fields = event as Fields
  const [kind, , , , typeAttributes] = KINDS.get(event.eventType) ?? OTHER
  const { params, returns, triggerEvent } = fields as PlainEvent & { triggerEvent?: PlainEvent | null }
  const plain = { params: plainJson(params), returns: plainJson(returns) }
  const { attributes } = openingOf(event)
  const isOperation = kind === 'operation'
  const agentId = fields.agentId || agent?.id
  Object.assign(attributes, typeAttributes?.(fields, failed, plain))
  attributes[isOperation ? key.ACTION_AGENT_ID : key.AGENT_ID] = agentId
  // What the type says stays where the agent is not known by name.
  if (agent && agentId === agent.id) attributes[isOperation ? key.ACTION_AGENT_NAME : key.AGENT_NAME] = agent.name
  // The page reads those of tools and models by their own names, and would label a tool with these.
  if (kind !== 'tool' && kind !== 'llm') {
    attributes[key.ENTITY_INPUT] = params === undefined ? params : fieldsToJson(...callInput(params, plain.params))
    attributes[key.ENTITY_OUTPUT] = toText(returns, MAX_VALUE_CHARS, plain.returns)
  }
  attributes[key.EVENT_ID] = fields.id
  attributes[key.EVENT_TYPE] = cut(fields.eventType)
  attributes[key.EVENT_TIMESTAMP] = isoTime(fields.initTimestamp)
  attributes[key.EVENT_END_TIMESTAMP] = isoTime(fields.endTimestamp)
  attributes[key.EVENT_DATA] = dataOf(fields, agentId, plain)
  attributes[key.TRIGGER_EVENT_ID] = triggerEvent?.id
  attributes[key.TRIGGER_EVENT_TYPE] = triggerEvent?.eventType
  return attributes
}

/** Milliseconds since the epoch, or undefined (said once) where the value is no time that OTLP can hold. */
export function toMillis(time: EventTime | undefined): number | undefined {
  const millis = Number(typeof time === 'string' ? Date.parse(time) : time)
  if (millis > 0 && millis < MAX_MILLIS) return millis
  return refuse(time, 'an event time is no Date, milliseconds or ISO 8601 text; the time of recording is used')
}

/** `failed`: what has not answered has no model that it answered with. */
export function llmAttributes({ model, operation, threadId, ...event }: Fields, failed?: boolean): Attributes {
  const { responseModel = failed ? undefined : model } = event
  const prompt = tokens(event.promptTokens)
  const completion = tokens(event.completionTokens)
  return {
    [key.GEN_AI_REQUEST_TYPE]: operation === 'embeddings' ? 'embedding' : 'chat',
    [key.GEN_AI_REQUEST_MODEL]: toText(model),
    [key.GEN_AI_RESPONSE_MODEL]: toText(responseModel),
    ...messageAttributes(key.GEN_AI_PROMPT, event.prompt, 'user'),
    ...messageAttributes(key.GEN_AI_COMPLETION, event.completion, 'assistant'),
    [key.GEN_AI_PROMPT_TOKENS]: prompt,
    [key.GEN_AI_COMPLETION_TOKENS]: completion,
    [key.GEN_AI_TOTAL_TOKENS]:
      tokens(event.totalTokens) ?? (prompt === undefined || completion === undefined ? undefined : prompt + completion),
    [key.GEN_AI_INPUT_TOKENS]: prompt,
    [key.GEN_AI_OUTPUT_TOKENS]: completion,
    [key.GEN_AI_TOTAL_COST]: cost(event.cost),
    [key.LLM_THREAD_ID]: toText(threadId),
  }
}

/** Messages as indexed keys; all of them together take no more room than one other value. */
function messageAttributes(prefix: string, value: unknown, role: string): Attributes {
  const attributes: Attributes = {}
  let room = MAX_VALUE_CHARS
  const put = (name: string, part: unknown): void => {
    const text = toText(part, Math.max(room, 64))
    if (text === undefined) return
    room -= text.length
    attributes[name] = text
  }
  let i = 0
  for (const [, message] of listOf(value)) {
    const full = (Object(message) === message ? message : { content: message }) as Message
    // The page shows the first key of an answer: its role is none.
    const isEmpty = (full.content ?? undefined) === undefined && ![full.tool_calls ?? []].flat().length
    if (isEmpty && prefix === key.GEN_AI_COMPLETION) continue
    const at = `${prefix}.${i++}.`
    put(`${at}content`, full.content)
    for (const [j, call] of listOf(full.tool_calls)) {
      const called = Object((call as { function?: unknown } | null)?.function ?? call)
      put(`${at}tool_calls.${j}.id`, (call as { id?: unknown } | null)?.id)
      put(`${at}tool_calls.${j}.name`, called.name)
      put(`${at}tool_calls.${j}.arguments`, called.arguments)
    }
    put(`${at}role`, full.role ?? role)
    put(`${at}finish_reason`, full.finish_reason)
  }
  return attributes
}

/** One value or several, with their indices. */
function listOf(value: unknown): Iterable<[number, unknown]> {
  if (value === undefined || value === null) return []
  return (Array.isArray(value) ? value.slice(0, MAX_MESSAGES) : [value]).entries()
}

/** A count that is no whole number makes AgentOps' page, or its whole collector request, fail: it is left out. */
function tokens(value: unknown): number | undefined {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  return refuse(value, 'a token count is no whole number of 0 or more; it is left out')
}

/** US dollars as a plain decimal of at most nine places: AgentOps' page fails on `4.5e-5`. */
function cost(value: unknown): string | undefined {
  const dollars = Number(value ?? undefined)
  if (value !== '' && dollars >= 0 && dollars < 1e15) return dollars.toFixed(9).replace(/\.?0+$/, '')
  return refuse(value, 'an LLM cost is no number of dollars; it is left out')
}

/** Says what is wrong with a value, unless none was given. */
function refuse(value: unknown, problem: string): undefined {
  if (value !== undefined && value !== null) warn(problem)
}

/** The form in which AgentOps' decorators keep a call's input. */
function callInput(params: unknown, plain: string | undefined): Parameters<typeof fieldsToJson> {
  if (Array.isArray(params)) return [{ args: params, kwargs: {} }, { args: plain }]
  if (typeof params === 'object' && params) return [{ args: [], kwargs: params }, { kwargs: plain }]
  return [{ args: [params], kwargs: {} }, {}]
}

/** The event's other fields as AgentOps spells them (`action_type`): not those that have an attribute of their own. */
function dataOf(event: Fields, agentId: string | undefined, plain: Plain): string {
  const data: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(event)) {
    if (!APART.has(name)) data[name.replace(/[A-Z]/g, (upper) => `_${upper.toLowerCase()}`)] = value
  }
  data.agent_id = agentId
  return fieldsToJson(data, plain)
}

const APART: ReadonlySet<string> = /* @__PURE__ */ new Set([
  'eventType',
  'id',
  'initTimestamp',
  'endTimestamp',
  'exception',
  'triggerEvent',
])

/** The second that was asked for last, and how its times begin: those of an event, and of the next, often share one. */
let second = 0
let head = ''

function isoTime(time: EventTime | undefined): string {
  const millis = Math.trunc(toMillis(time) ?? Date.now())
  if (Math.floor(millis / 1000) !== second || !head) {
    second = Math.floor(millis / 1000)
    head = new Date(millis).toISOString().slice(0, -4)
  }
  return `${head}${`${1000 + (millis % 1000)}`.slice(1)}Z`
}
