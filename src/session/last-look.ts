/**
 * The last look at a span: what it says when it leaves. The order is the privacy contract: what others wrote is concealed
 * before the user adds to it, and nothing is added after credentials are hidden. A step that fails costs only itself.
 */
import type { Attributes } from '@opentelemetry/api'
import { type Agent, attributesOf } from '../events/attributes.ts'
import { type AgentEvent, type PlainEvent, withoutValues } from '../events/event.ts'
import { guard } from '../runtime/diag.ts'
import { ERROR, OK } from '../runtime/otel.ts'
import type { SdkSpan } from '../runtime/sdk.ts'
import * as key from '../runtime/semconv.ts'
import type { RecordingSpan } from '../tracing/span.ts'
import { conceal, hasName } from './conceal.ts'
import type { SessionConfig } from './config.ts'
import { hide } from './hide.ts'
import type { InstrumentedSession, RunningEvent } from './instruments.ts'
import { fitPage } from './page.ts'
import { redactSpan } from './redact.ts'

/** A span that has begun: the agent that it belongs to, and the event that it is, if any. */
export interface OpenSpan extends RunningEvent {
  agent?: Agent
  event?: AgentEvent | PlainEvent
  /** The event is an instrumentation's. */
  isObserved?: boolean
}

/** What the look takes from the session. */
export interface Subject extends InstrumentedSession {
  readonly config: SessionConfig
  /** The user's, for every span. */
  readonly attributes: Attributes | undefined
}

/** Sessions whose `onSpan` runs: what it makes is not given to it, or it would go on for ever. */
const asked: WeakSet<Subject> = new WeakSet()

/** Gives whether the span has failed. */
export function lookAt(span: RecordingSpan, open: OpenSpan, session: Subject): boolean {
  const { instrumentations, captureContent, onSpan, redact, isRedactedLater } = session.config
  const isEvent = !!open.event || span === session.root
  let identity: Attributes = {}
  guard('what identifies a span', () => {
    identity = identityOf(session)
    span.setAttributes(identity)
  })
  guard('a span of a framework', () => {
    instrumentations.ai?.ending(span, session)
    session.onTool?.(span)
  })
  guard('concealing', () => conceal(span, isEvent, captureContent))
  guard('a span', () => describeSpan(span, open, identity, session))
  if (onSpan && !asked.has(session)) {
    asked.add(session)
    guard('onSpan', () => onSpan(span))
    asked.delete(session)
  }
  guard('a span', () => fitPage(span, session.groupId))
  const failed = span.status.code === ERROR
  hide(span, session.hidden)
  if (redact && !isRedactedLater) redactSpan(redact, span)
  return failed
}

function identityOf({ tags, groupId, id }: Subject): Attributes {
  return { [key.TAGS]: tags as string[], [key.SESSION_ID]: groupId ?? id }
}

/** What the user has said: his event, his attributes of every span, which replace none of ours. */
function describeSpan(span: SdkSpan, open: OpenSpan, identity: Attributes, session: Subject): void {
  const { agent, event, isObserved } = open
  const failed = span.status.code === ERROR
  let described: Attributes | undefined
  if (event) {
    event.endTimestamp ??= session.now()
    const said = isObserved || session.config.recordValues ? event : withoutValues(event)
    described = attributesOf(open.fill?.(said) ?? said, agent, failed)
    session.stats.cost += Number(described[key.GEN_AI_TOTAL_COST] ?? 0)
  } else if (agent && hasName(span.attributes, 'isWork')) {
    described = { [key.AGENT_ID]: agent.id, [key.AGENT_NAME]: agent.name }
  }
  if (session.attributes) span.setAttributes({ ...described, ...session.attributes, ...described, ...identity })
  else if (described) span.setAttributes(described)
  // AgentOps reads a span without a status as indeterminate: one that ended without an error went well.
  const isJudged = key.END_STATE in span.attributes || span.attributes[key.INCOMPLETE]
  if (!failed && span !== session.root && !isJudged) span.setStatus({ code: OK })
}
