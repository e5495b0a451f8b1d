/** What every span of a session gets just before it ends, in the order in which it gets it. */
import type { Attributes } from '@opentelemetry/api'
import { type Agent, attributesOf } from '../events/attributes.ts'
import type { AgentEvent, PlainEvent } from '../events/event.ts'
import { guard } from '../runtime/diag.ts'
import { ERROR, OK } from '../runtime/otel.ts'
import type { SdkSpan } from '../runtime/sdk.ts'
import * as key from '../runtime/semconv.ts'
import type { SessionConfig } from './config.ts'
import type { InstrumentedSession } from './instruments.ts'
import { redactSpan } from './redact.ts'

/** A span that has begun: the agent that it belongs to, and the event that it is, if any. */
export interface OpenSpan {
  agent?: Agent
  event?: AgentEvent | PlainEvent
}

/** What the look takes from the session. */
export interface Subject extends InstrumentedSession {
  readonly config: SessionConfig
  /** The user's, for every span. */
  readonly attributes: Attributes | undefined
}

/** Gives whether the span has failed. */
export function lookAt(span: SdkSpan, { agent, event }: OpenSpan, session: Subject): boolean {
  const { instrumentations, onSpan, redact } = session.config
  guard('a span', () => {
    instrumentations.ai?.ending(span, session)
    if (event) event.endTimestamp ??= session.now()
    const failed = span.status.code === ERROR
    const own = event ? attributesOf(event, agent, session.tags, failed) : {}
    session.stats.cost += Number(own[key.GEN_AI_TOTAL_COST] ?? 0)
    if (!event && agent && Object.keys(span.attributes).some((name) => /^(gen_ai|tool)\./.test(name))) {
      Object.assign(own, { [key.AGENT_ID]: agent.id, [key.AGENT_NAME]: agent.name })
    }
    Object.assign(own, {
      [key.TAGS]: [...session.tags],
      [key.SESSION_ID]: session.groupId ?? session.id,
      [key.CONVERSATION_ID]: session.groupId,
    })
    // The user's own come last, and replace none of ours.
    span.setAttributes({ ...own, ...session.attributes, ...own })
    // AgentOps reads a span without a status as indeterminate: one that ended without an error went well.
    if (!failed && span !== session.root && !span.attributes[key.INCOMPLETE]) span.setStatus({ code: OK })
  })
  if (onSpan) guard('onSpan', () => onSpan(span))
  const failed = span.status.code === ERROR
  if (session.hidden.texts.length) redactSpan((_, value) => session.hidden.from(value), span)
  if (redact) redactSpan(redact, span)
  return failed
}
