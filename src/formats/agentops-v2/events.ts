/** An event as AgentOps' v2 API takes it. */
import type { HrTime } from '@opentelemetry/api'
import { hrTimeToMilliseconds } from '@opentelemetry/core'
import type { ReadableSpan } from '../../runtime/sdk.ts'
import * as key from '../../runtime/semconv.ts'
import { toJson } from '../../runtime/serialize.ts'
import { isUuid } from '../../runtime/uuid.ts'

export type EventBody = Record<string, unknown> & { id: string; event_type: string; agent_id: unknown }

/** The fields of each type, in the order of AgentOps' Python SDK. The types are sent in this order. */
export const FIELDS: Readonly<Record<string, readonly string[]>> = {
  llms: ['thread_id', 'prompt', 'prompt_tokens', 'completion', 'completion_tokens', 'cost', 'model'],
  tools: ['name', 'logs', 'tool_name'],
  errors: ['trigger_event', 'exception', 'error_type', 'code', 'details', 'logs'],
  actions: ['action_type', 'logs', 'screenshot', 'name'],
}

export function eventBody(
  type: string,
  { attributes, startTime, endTime }: ReadableSpan,
  faithful: boolean,
): EventBody {
  const data = dataOf(attributes[key.EVENT_DATA])
  // As in Python's `dict.get`: only what is absent has a default, null stays null.
  const get = (field: string, fallback: unknown = null): unknown =>
    Object.hasOwn(data, field) ? data[field] : fallback
  const id = String(attributes[key.EVENT_ID] ?? '')
  const begun = attributes[key.EVENT_TIMESTAMP] ?? isoTime(startTime)
  const isCall = type === 'actions' || type === 'tools'
  const own: Record<string, unknown> = {}
  for (const field of FIELDS[type] ?? []) own[field] = get(field)
  if (type === 'actions') own.name = own.action_type = get('action_type', get('name', 'unknown_action'))
  if (type === 'tools') own.name = own.tool_name = get('name', get('tool_name', 'unknown_tool'))
  if (type === 'errors') {
    const trigger = attributes[key.TRIGGER_EVENT_TYPE]
    Object.assign(own, {
      timestamp: begun,
      trigger_event_id: attributes[key.TRIGGER_EVENT_ID] ?? null,
      trigger_event_type: ['actions', 'llms', 'tools'].includes(String(trigger)) ? trigger : null,
    })
  }
  const event: EventBody = {
    ...{ id: isUuid(id) ? id : crypto.randomUUID(), event_type: type },
    ...{ init_timestamp: begun, end_timestamp: attributes[key.EVENT_END_TIMESTAMP] ?? isoTime(endTime) },
    ...{ params: get('params', isCall ? {} : null), returns: get('returns'), agent_id: get('agent_id') },
    session_id: attributes[key.SESSION_ID],
    ...own,
  }
  for (const [field, value] of Object.entries(data)) if (!Object.hasOwn(event, field)) event[field] = value
  if (!faithful) {
    for (const field of ['params', 'returns']) event[field] = asText(event[field], false)
    for (const field of ['logs', 'details', 'code']) {
      if (Object.hasOwn(event, field)) event[field] = asText(event[field], true)
    }
    if (type === 'llms' && event.cost !== null) event.cost = Number.isFinite(+`${event.cost}`) ? +`${event.cost}` : null
  }
  return event
}

/**
 * Whether today's backend refuses it, with 500 and after it has stored what came before it in the request: what it takes
 * must be in a request of its own, as it would be there twice when it is sent again.
 */
export function isRefused(event: EventBody): boolean {
  const { event_type: type, params, returns, logs, details, code, thread_id: thread, cost } = event
  const texts = type === 'errors' ? [logs, details, code] : [logs]
  return !!(
    !/^(llms|tools|errors)$/.test(type) ||
    [params, returns].some((value) => asText(value, false) !== value) ||
    texts.some((value) => asText(value, true) !== value) ||
    (type === 'llms' && ((thread && !isUuid(`${thread}`)) || typeof (cost ?? 0) !== 'number'))
  )
}

/** Text where the backend takes nothing else; an object is taken as params and as a result, but not as logs. */
function asText(value: unknown, objectsToo: boolean): unknown {
  if ((value ?? '') === '' || typeof value === 'string') return value
  return typeof value === 'object' && !Array.isArray(value) && !objectsToo ? value : toJson(value)
}

function dataOf(json: unknown): Record<string, unknown> {
  try {
    const data = JSON.parse(String(json ?? '{}'))
    return data && typeof data === 'object' ? data : {}
  } catch {
    return {}
  }
}

export function isoTime(time: HrTime | undefined): string {
  return new Date(time ? hrTimeToMilliseconds(time) : Date.now()).toISOString()
}
