/**
 * An event as span attributes, in the order that AgentOps' backend and dashboard need: the key that tells the span's
 * type first (a tool span with `agent.id` before `tool.*` is shown as an agent), indexed arrays from 0, `content`
 * before `role`, whole token counts, cost as a plain decimal.
 */
import { type Attributes, type AttributeValue, SpanKind } from '@opentelemetry/api'
import { warn } from '../diag.ts'
import * as key from '../semconv.ts'
import type { AgentEvent, EventTime, LLMEvent, Message, PlainEvent } from './event.ts'
import { cut, MAX_VALUE_CHARS, toJson, toText } from './serialize.ts'

/** An agent as later spans carry it. */
export interface Agent {
  id: string
  name: string
}

/** What only the session knows of an event. */
export interface EventFacts {
  agent?: Agent
  tags: readonly string[]
  failed: boolean
}

/** More messages than this are left out: a span has room for 1,024 attributes. */
const MAX_MESSAGES = 200
/** Later than the year 2500, nanoseconds no longer fit OTLP's 64 bits. */
const MAX_MILLIS = 1.7e13
/** Fields that have an attribute of their own, or hold another event. */
const NOT_DATA: ReadonlySet<string> = new Set([
  'eventType',
  'id',
  'initTimestamp',
  'endTimestamp',
  'exception',
  'triggerEvent',
])

type Fields = PlainEvent & Record<string, unknown>

/** The span's name, kind and first attributes: what is known before the event's work is done. */
export function openingOf(event: AgentEvent | PlainEvent): { name: string; kind: SpanKind; attributes: Attributes } {
  const fields = event as Fields
  const [operation, suffix] = operationOf(fields)
  const type: Attributes = {}
  if (suffix === 'tool') type[key.TOOL_NAME] = operation
  if (suffix === 'llm') type[key.GEN_AI_OPERATION_NAME] = operation
  return {
    name: `${operation}.${suffix}`,
    kind: suffix === 'llm' ? SpanKind.CLIENT : SpanKind.INTERNAL,
    attributes: { [key.SPAN_KIND]: suffix, [key.OPERATION_NAME]: operation, ...type },
  }
}

/** Every attribute of the event but `session.id` and the user's own, which the session puts on all spans. */
export function attributesOf(event: AgentEvent | PlainEvent, facts: EventFacts): Attributes {
  const fields = event as Fields
  const { agentId } = fields
  const agent = agentId
    ? { id: agentId, name: facts.agent?.id === agentId ? facts.agent.name : undefined }
    : facts.agent
  return defined({
    ...openingOf(event).attributes,
    ...typeAttributes(fields, facts.failed),
    ...agentAttributes(fields.eventType, agent),
    [key.ENTITY_INPUT]: fields.params === undefined ? undefined : callInput(fields.params),
    [key.ENTITY_OUTPUT]: fields.returns === undefined ? undefined : toText(fields.returns),
    [key.TAGS]: [...facts.tags],
    [key.EVENT_ID]: fields.id,
    [key.EVENT_TYPE]: cut(fields.eventType),
    [key.EVENT_TIMESTAMP]: isoTime(fields.initTimestamp),
    [key.EVENT_END_TIMESTAMP]: isoTime(fields.endTimestamp),
    [key.EVENT_DATA]: dataOf({ ...fields, agentId: agent?.id }),
    ...triggerAttributes(fields.triggerEvent),
  })
}

/** Milliseconds since the epoch, or undefined (said once) where the value is no time that OTLP can hold. */
export function toMillis(time: EventTime | undefined): number | undefined {
  if (time === undefined || time === null) return undefined
  const millis = typeof time === 'string' ? Date.parse(time) : Number(time)
  if (millis > 0 && millis < MAX_MILLIS) return millis
  warn(
    'an event time is no Date, milliseconds since 1970 or ISO 8601 text; the time of recording is used',
    'event-time',
  )
  return undefined
}

function operationOf(event: Fields): [operation: string, suffix: string] {
  const name = (value: unknown, fallback: string): string => cut(String(value || fallback), 256)
  switch (event.eventType) {
    case 'actions':
      return [name(event.actionType ?? event.name, 'unknown_action'), 'operation']
    case 'tools':
      return [name(event.name ?? event.toolName, 'unknown_tool'), 'tool']
    case 'llms':
      return ['chat', 'llm']
    case 'agents':
      return [name(event.name, 'unknown_agent'), 'agent']
    case 'errors':
      return [name(event.errorType, 'errors'), 'operation']
    default:
      return [name(event.eventType, 'event'), 'operation']
  }
}

function typeAttributes(event: Fields, failed: boolean): Attributes {
  switch (event.eventType) {
    case 'actions':
      return {
        [key.ACTION_TYPE]: openingOf(event).attributes[key.OPERATION_NAME],
        [key.ACTION_LOGS]: optionalText(event.logs),
        [key.ACTION_SCREENSHOT]: optionalText(event.screenshot),
      }
    case 'tools':
      return {
        [key.TOOL_PARAMETERS]: event.params === undefined ? undefined : toJson(event.params),
        [key.TOOL_RESULT]: optionalText(event.returns),
        [key.TOOL_STATUS]: failed ? 'failed' : 'succeeded',
        [key.TOOL_LOGS]: optionalText(event.logs),
      }
    case 'llms':
      return llmAttributes(event as LLMEvent)
    case 'errors':
      return {
        [key.ERROR_TYPE]: optionalText(event.errorType),
        [key.ERROR_MESSAGE]: optionalText(event.details),
        [key.ERROR_CODE]: optionalText(event.code),
      }
    default:
      return {}
  }
}

function agentAttributes(type: string, agent: Partial<Agent> | undefined): Attributes {
  if (!agent) return {}
  if (type === 'tools' || type === 'llms' || type === 'agents') {
    return { [key.AGENT_ID]: agent.id, [key.AGENT_NAME]: agent.name }
  }
  return { [key.ACTION_AGENT_ID]: agent.id, [key.ACTION_AGENT_NAME]: agent.name }
}

function llmAttributes(event: LLMEvent): Attributes {
  const prompt = tokens(event.promptTokens)
  const completion = tokens(event.completionTokens)
  return {
    [key.GEN_AI_REQUEST_TYPE]: 'chat',
    [key.GEN_AI_REQUEST_MODEL]: optionalText(event.model),
    [key.GEN_AI_RESPONSE_MODEL]: optionalText(event.model),
    ...messageAttributes(key.GEN_AI_PROMPT, event.prompt, 'user'),
    ...messageAttributes(key.GEN_AI_COMPLETION, event.completion, 'assistant'),
    [key.GEN_AI_PROMPT_TOKENS]: prompt,
    [key.GEN_AI_COMPLETION_TOKENS]: completion,
    [key.GEN_AI_TOTAL_TOKENS]: prompt === undefined || completion === undefined ? undefined : prompt + completion,
    [key.GEN_AI_INPUT_TOKENS]: prompt,
    [key.GEN_AI_OUTPUT_TOKENS]: completion,
    [key.GEN_AI_TOTAL_COST]: cost(event.cost),
    [key.LLM_THREAD_ID]: optionalText(event.threadId),
  }
}

/** Messages as indexed keys; all of them together take no more room than one other value. */
function messageAttributes(prefix: string, value: LLMEvent['prompt'], role: string): Attributes {
  if (value === undefined || value === null) return {}
  const messages = (Array.isArray(value) ? value : [value]) as readonly (string | Message)[]
  const attributes: Attributes = {}
  let room = MAX_VALUE_CHARS
  const put = (name: string, part: unknown): void => {
    if (part === undefined || part === null) return
    const text = toText(part, Math.max(room, 64))
    room -= text.length
    attributes[name] = text
  }
  for (const [index, message] of messages.slice(0, MAX_MESSAGES).entries()) {
    const at = `${prefix}.${index}`
    const full: Message = typeof message === 'object' && message !== null ? message : { content: message }
    put(`${at}.content`, full.content)
    put(`${at}.role`, full.role ?? role)
    put(`${at}.finish_reason`, full.finish_reason)
    if (!Array.isArray(full.tool_calls)) continue
    for (const [j, call] of full.tool_calls.slice(0, MAX_MESSAGES).entries()) {
      const { name, arguments: input } = call?.function ?? call ?? {}
      put(`${at}.tool_calls.${j}.name`, name)
      put(`${at}.tool_calls.${j}.arguments`, input)
    }
  }
  return attributes
}

/** A count that is no whole number makes AgentOps' page, or its whole collector request, fail: it is left out. */
function tokens(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined
  if (Number.isInteger(value) && (value as number) >= 0) return value as number
  warn('a token count is no whole number of 0 or more; it is left out of the span', 'tokens')
  return undefined
}

/** US dollars as a plain decimal of at most nine places: AgentOps' page fails on `4.5e-5`. */
function cost(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  const dollars = Number(value)
  if (value !== '' && dollars >= 0 && dollars < 1e15) return dollars.toFixed(9).replace(/\.?0+$/, '')
  warn('an LLM cost is no number of dollars; it is left out of the span', 'cost')
  return undefined
}

/** The form in which AgentOps' decorators keep a call's input. */
function callInput(params: unknown): string {
  const named = typeof params === 'object' && params !== null && !Array.isArray(params)
  if (named) return `{"args":[],"kwargs":${toJson(params)}}`
  return `{"args":${toJson(Array.isArray(params) ? params : [params])},"kwargs":{}}`
}

/** The event's other fields as AgentOps spells them (`action_type`). */
function dataOf(event: Fields): string {
  const data: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(event)) {
    if (!NOT_DATA.has(name)) data[name.replace(/[A-Z]/g, (upper) => `_${upper.toLowerCase()}`)] = value
  }
  return toJson(data)
}

function triggerAttributes(trigger: unknown): Attributes {
  const { id, eventType } = (trigger ?? {}) as Partial<PlainEvent>
  return { [key.TRIGGER_EVENT_ID]: id, [key.TRIGGER_EVENT_TYPE]: eventType }
}

function isoTime(time: EventTime | undefined): string {
  return new Date(toMillis(time) ?? Date.now()).toISOString()
}

function optionalText(value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : toText(value)
}

/** Without the attributes that have no value. */
function defined(attributes: Attributes): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).filter((entry): entry is [string, AttributeValue] => entry[1] !== undefined),
  )
}
