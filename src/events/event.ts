/**
 * The events of a session, as AgentOps names them. An event is plain data: making one needs no session, reads no clock
 * in global scope and draws no random number there, so it may be made anywhere. Recording it gives it its id.
 */

import { systemNow } from '../runtime/clock.ts'
import { describe, guard, isError } from '../runtime/diag.ts'

/** A point in time: a `Date`, milliseconds since the Unix epoch, or an ISO 8601 string. */
export type EventTime = Date | number | string

/** AgentOps' own types are `actions`, `llms`, `tools`, `errors` and `apis`; any other text is kept as it is. */
export type EventType = 'actions' | 'llms' | 'tools' | 'errors' | 'apis' | (string & {})

/**
 * The fields that every event has, all optional. Values of any kind are recorded as JSON, up to 65,536 characters
 * each.
 */
export interface EventInit {
  /** UUID. Default: drawn when the event is recorded. */
  id?: string
  params?: unknown
  returns?: unknown
  /** Default: when the event was made. */
  initTimestamp?: EventTime
  /** Default: when the event was recorded. */
  endTimestamp?: EventTime
  /** Default: the agent in whose scope the event is recorded. */
  agentId?: string
}

/** What was done, with what and what came of it: the fields of an `ActionEvent`, all optional. */
export interface ActionEventInit extends EventInit {
  /** What was done. Default `unknown_action`. */
  actionType?: string
  logs?: unknown
  /** URL of a picture. */
  screenshot?: string
}

/** A tool's call: the fields of a `ToolEvent`, all optional. */
export interface ToolEventInit extends EventInit {
  /** Default `unknown_tool`. */
  name?: string
  logs?: unknown
}

/** One message of a conversation, in the form that chat completion APIs share. */
export interface Message {
  role?: string
  content?: unknown
  finish_reason?: string
  tool_calls?: unknown
}

/** A model's call: the fields of an `LLMEvent`, all optional. Tokens are whole numbers, costs US dollars. */
export interface LLMEventInit extends EventInit {
  threadId?: string
  /** Text, or the messages sent. */
  prompt?: string | Message | readonly Message[]
  /** Whole tokens, 0 or more. */
  promptTokens?: number
  completion?: string | Message | readonly Message[]
  /** Whole tokens, 0 or more. */
  completionTokens?: number
  /** US dollars. */
  cost?: number | string
  model?: string
}

/** What went wrong: the fields of an `ErrorEvent`, all optional. */
export interface ErrorEventInit extends EventInit {
  /** The event during which it happened. */
  triggerEvent?: AgentEvent
  /** What was thrown: fills `errorType`, `details` and `logs` where they are not given. */
  exception?: unknown
  /** Default: the exception's class name, else `errors`. */
  errorType?: string
  code?: string | number
  details?: unknown
  /** Default: the exception's stack. */
  logs?: unknown
}

/** What the four event classes share. Subclasses only name their type and the fields that it may be given. */
export abstract class AgentEvent<Init extends EventInit = EventInit> {
  abstract readonly eventType: EventType
  declare id?: string
  declare params?: unknown
  declare returns?: unknown
  declare initTimestamp?: EventTime
  declare endTimestamp?: EventTime
  declare agentId?: string

  constructor(init?: Init) {
    guard('an event whose fields cannot be read', () => Object.assign(this, init))
    if (this.initTimestamp !== undefined) return
    // Global scope has no clock on Workers (it reads 0); the event then begins when it is recorded.
    this.initTimestamp = systemNow() || undefined
    stamped.add(this)
  }
}

/** Events that begin when they were made, because nobody gave them a time. */
const stamped: WeakSet<object> = new WeakSet()

/** Whether the event's start is the platform's time, which a session with a clock of its own does not share. */
export function isStamped(event: object): boolean {
  return stamped.has(event)
}

/** Something the agent did. */
export class ActionEvent extends AgentEvent<ActionEventInit> {
  readonly eventType = 'actions' as const
  declare actionType?: string
  declare logs?: unknown
  declare screenshot?: string
}

/** A tool that the agent called. */
export class ToolEvent extends AgentEvent<ToolEventInit> {
  readonly eventType = 'tools' as const
  declare name?: string
  declare logs?: unknown
}

/** A call of a language model. */
export class LLMEvent extends AgentEvent<LLMEventInit> {
  readonly eventType = 'llms' as const
  declare threadId?: string
  declare prompt?: string | Message | readonly Message[]
  declare promptTokens?: number
  declare completion?: string | Message | readonly Message[]
  declare completionTokens?: number
  declare cost?: number | string
  declare model?: string
}

/** An error, with the event that it belongs to where there is one. */
export class ErrorEvent extends AgentEvent<ErrorEventInit> {
  readonly eventType = 'errors' as const
  declare triggerEvent?: AgentEvent
  declare exception?: unknown
  declare errorType?: string
  declare code?: string | number
  declare details?: unknown
  declare logs?: unknown

  constructor(init?: ErrorEventInit) {
    super(init)
    const { exception } = this
    if (exception === undefined) return
    guard('an exception that cannot be read', () => {
      this.errorType ??= errorType(exception)
      this.details ??= describe(exception)
      this.logs ??= (exception as Error | null)?.stack
    })
  }

  /** When it happened: the same as `initTimestamp`. */
  get timestamp(): EventTime | undefined {
    return this.initTimestamp
  }
}

/** A plain object that `record` takes for an event. */
export type PlainEvent = { eventType: EventType } & EventInit & Record<string, unknown>

/** Fields that hold no value: names, ids, times, tokens, a cost; and of an error what it says of itself. */
const NO_VALUE =
  /^((agent|thread)?[iI]d|name|toolName|(event|action|error)Type|operation|(responseM|m)odel|(init|end)Timestamp|(prompt|completion)Tokens|triggerEvent|cost)$/
const OF_ERRORS = /^(code|details|logs)$/

/** A copy without values: parameters, results, prompts, completions, logs, and fields of the user's own. */
export function withoutValues(event: AgentEvent | PlainEvent): PlainEvent {
  const isOfError = event.eventType === 'errors'
  const kept = Object.entries(event).filter(([name]) => NO_VALUE.test(name) || (isOfError && OF_ERRORS.test(name)))
  return Object.fromEntries(kept) as PlainEvent
}

/** The class name of an error, or the type of what was thrown instead of one. */
export function errorType(error: unknown): string {
  if (!isError(error)) return typeof error
  return error.name === 'Error' ? error.constructor.name || 'Error' : error.name
}
