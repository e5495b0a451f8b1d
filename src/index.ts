/**
 * Sessions, events and delivery, on any runtime with `fetch`. Importing this does no I/O, starts no timer, draws no
 * random number and touches no global.
 */
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
export { type Analytics, analyticsOf } from './export/analytics.ts'
export { type BufferOptions, SessionSpanProcessor } from './export/buffer.ts'
export { SessionExporter } from './export/exporter.ts'
export type { Authorise, Connection, Format } from './export/format.ts'
export type { Delivery } from './export/parts.ts'
export type { Encoded, Outcome } from './export/transport.ts'
export { action, addTags, agent, llm, record, setEndState, tool } from './helpers.ts'
export { type AgentOps, createAgentOps } from './manager.ts'
export type {
  AgentOpsOptions,
  DeliveryOptions,
  Drop,
  Environment,
  FlushReport,
  PerRequest,
  Spool,
} from './options.ts'
export { type Keep, keepErrors, keepRare, keepShare, keepSlow, keepTagged } from './session/keep.ts'
export { currentSession } from './session/scope.ts'
export type { EndState, Session, SessionInit, SessionStats } from './session/session.ts'
