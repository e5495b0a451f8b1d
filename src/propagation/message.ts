/**
 * Trace context through a queue, whose messages have no headers: `traceparent` and `tracestate` as properties of the
 * body, as CloudEvents' distributed tracing extension names them. Only where the user says so: a body is his.
 */
import { type Context, type Link, trace } from '@opentelemetry/api'
import { guard, warn } from '../runtime/diag.ts'
import { carrierIn, type InboundPolicy, isPlain, linksOf, readInbound } from './inbound.ts'
import { messageHeaders } from './outbound.ts'
import { type Carrier, extract } from './propagators.ts'
import { traceContextPropagator } from './trace-context.ts'

/** What is needed of a message that was received. */
interface Received {
  readonly body: unknown
}

/** The body as a carrier; one that is no object carries nothing. */
function carrierOf({ body }: Received): Carrier {
  return carrierIn(isPlain(body) ? body : {})
}

/** What its sender's span is to a session of this message alone. */
export function inboundOfMessage(message: Received, policy: InboundPolicy): ReturnType<typeof readInbound> {
  return readInbound(carrierOf(message), ofMessages(policy))
}

export function linksOfMessage(message: Received, policy: InboundPolicy): Link[] {
  return linksOf(carrierOf(message), ofMessages(policy))
}

/** Any other property of a body, `baggage` as well, is the user's. */
function ofMessages(policy: InboundPolicy): InboundPolicy {
  return { ...policy, propagators: [traceContextPropagator] }
}

/**
 * The context of the span that a message was sent in with `sendTraced`; undefined where it names none. Never throws.
 *
 * ```ts
 * await agentops.withSession({ name: 'job', parent: messageContext(message) }, () => work(message.body))
 * ```
 */
export function messageContext(message: Received): Context | undefined {
  const context = guard('reading the context of a message', () => extract(carrierOf(message), [traceContextPropagator]))
  return context && trace.getSpanContext(context) && context
}

/**
 * A copy of `body` that names the active span, for a `sendBatch` of your own. Outside a session it is `body` itself; so
 * it is, and said once, where it is no plain object. A context that it has from an earlier queue is replaced.
 */
export function tracedBody<Body>(body: Body): Body {
  return guard('tracing a message', () => traced(body)) ?? body
}

/**
 * Sends `body` with the context of the active span (see `tracedBody`), and gives what the queue gives.
 *
 * ```ts
 * await sendTraced(env.JOBS, { url }, { delaySeconds: 5 })
 * ```
 */
export function sendTraced<Body, Rest extends unknown[], Result>(
  queue: { send(body: Body, ...rest: Rest): Result },
  body: NoInfer<Body>,
  ...rest: Rest
): Result {
  return queue.send(tracedBody(body), ...rest)
}

function traced<Body>(body: Body): Body {
  const context = messageHeaders()
  if (!context) return body
  if (!isPlain(body)) {
    return warn('sendTraced: expected a plain object as the body; any other is sent without its trace') ?? body
  }
  const { traceparent: _, tracestate: __, ...rest } = body
  return { ...rest, ...context } as Body
}
