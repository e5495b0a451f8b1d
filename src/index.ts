/**
 * Sessions, events and delivery, on any runtime with `fetch`. Importing this does no I/O, starts no timer, draws no
 * random number and touches no global.
 *
 * @module
 */

export { type Analytics, analyticsOf } from './client/analytics.ts'
export { type AgentOps, createAgentOps } from './client/client.ts'
export { action, addTags, agent, llm, record, setConversation, setEndState, setUser, tool } from './client/helpers.ts'
export type { Agent } from './events/attributes.ts'
export {
  ActionEvent,
  type ActionEventInit,
  type AgentEvent,
  ErrorEvent,
  type ErrorEventInit,
  type EventInit,
  type EventTime,
  type EventType,
  LLMEvent,
  type LLMEventInit,
  type Message,
  type PlainEvent,
  ToolEvent,
  type ToolEventInit,
} from './events/event.ts'
export type { Connection, Format, Wire } from './formats/format.ts'
export type { Delivery } from './formats/parts.ts'
export type { AgentOpsOptions, DeliveryOptions, Environment, PerRequest } from './options/options.ts'
export { type BufferOptions, SessionSpanProcessor } from './outbox/processor.ts'
export type { Drop, FlushReport } from './outbox/report.ts'
export type { Spool } from './outbox/spool.ts'
export { currentSession } from './session/current.ts'
export type { SessionInit } from './session/init.ts'
export { type Keep, keepErrors, keepRare, keepShare, keepSlow, keepTagged } from './session/keep.ts'
export type { Session } from './session/session.ts'
export type { EndState, SessionStats, SessionView } from './session/view.ts'
export type { Authorise } from './transport/connection.ts'
export type { Encoded, Outcome } from './transport/transport.ts'
export { SessionExporter } from './wiring/exporter.ts'
