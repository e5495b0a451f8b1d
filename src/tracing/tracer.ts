/**
 * A session's own TracerProvider. Its tracers give every span the session's clock, the session's root as parent where
 * the caller named none, and tell the session when a span opens and ends. Nothing here knows what an event is.
 */

import {
  type Context,
  INVALID_SPAN_CONTEXT,
  type Span,
  type SpanKind,
  type SpanOptions,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import { type InstrumentationScope, isTracingSuppressed } from '@opentelemetry/core'
import type { Resource } from '@opentelemetry/resources'
import { apart } from '../runtime/apart.ts'
import { toHrTime } from '../runtime/clock.ts'
import { guard } from '../runtime/diag.ts'
import { INTERNAL, RECORD, SAMPLE, SAMPLED } from '../runtime/otel.ts'
import { activeContext, runIn } from '../runtime/scope.ts'
import type { Sampler } from '../runtime/sdk.ts'
import { attributeSet, LinkSet, parentIn, RecordingSpan, type SpanOwner } from './span.ts'

/** What a session lends to its tracers. */
export interface TracingOwner extends SpanOwner {
  readonly traceId: string
  /** The flags of every span beside "sampled". */
  readonly flags: number
  readonly resource: Resource
  readonly sampler: Sampler
  /** The id of the next span, where that is the root and several processes make the same one. */
  rootSpanId(): string | undefined
  /** The context a span starts in when the caller's context names no span. */
  parentOf(context: Context): Context
  opened(span: RecordingSpan): void
}

export class SessionTracerProvider implements TracerProvider {
  readonly #owner: TracingOwner
  readonly #tracers: Map<string, Tracer> = new Map()

  constructor(owner: TracingOwner) {
    this.#owner = owner
  }

  getTracer(name: string, version?: string, options?: { schemaUrl?: string }): Tracer {
    const key = `${name}@${version ?? ''}:${options?.schemaUrl ?? ''}`
    let tracer = this.#tracers.get(key)
    if (!tracer) {
      tracer = new SessionTracer({ name, version, schemaUrl: options?.schemaUrl }, this.#owner)
      this.#tracers.set(key, tracer)
    }
    return tracer
  }

  /** Sends what has ended so far. */
  async forceFlush(): Promise<void> {
    await Promise.all(this.#owner.sinks.map((sink) => sink.forceFlush()))
  }

  async shutdown(): Promise<void> {
    await Promise.all(this.#owner.sinks.map((sink) => sink.shutdown()))
  }
}

const KINDS: readonly number[] = [1, 2, 3, 4]

class SessionTracer implements Tracer {
  readonly #scope: InstrumentationScope
  readonly #owner: TracingOwner

  constructor(scope: InstrumentationScope, owner: TracingOwner) {
    this.#scope = scope
    this.#owner = owner
  }

  startSpan(name: string, given?: SpanOptions | null, within?: Context | null): Span {
    const context = contextOr(within)
    return this.#start(name, given ?? {}, context, this.#owner.parentOf(context))
  }

  /** `outer`: the context that it starts in, unless it is to be a root. */
  #start(name: string, options: SpanOptions, context: Context, outer: Context): Span {
    const owner = this.#owner
    const { clock, resource, sampler } = owner
    if (isTracingSuppressed(context)) return trace.wrapSpanContext({ ...INVALID_SPAN_CONTEXT })
    const within = options.root ? trace.deleteSpan(context) : outer
    const parent = parentIn(within)
    const traceId = parent?.traceId ?? owner.traceId
    // A strict decoder refuses any other, with all that is in the request.
    const kind = KINDS.includes(options.kind as number) ? (options.kind as SpanKind) : INTERNAL
    const links = new LinkSet()
    const startLinks = options.links
    if (startLinks) guard('links', () => links.addAll(startLinks))
    const attributes = attributeSet()
    if (options.attributes) attributes.addAll(options.attributes)
    const asked = toHrTime(options.startTime)
    const startTime = clock.start(asked)

    const sampled = sampler.shouldSample(within, traceId, name, kind, attributes.values, links.links)
    const spanContext = {
      traceId,
      spanId: owner.rootSpanId() || randomId(),
      traceFlags: owner.flags | (sampled.decision === SAMPLE ? SAMPLED : 0),
      traceState: sampled.traceState ?? parent?.traceState,
    }
    if (sampled.decision < RECORD) return trace.wrapSpanContext(spanContext)
    if (sampled.attributes) attributes.addAll(sampled.attributes)
    const span = new RecordingSpan(
      {
        name,
        kind,
        startTime,
        asked,
        links,
        attributes,
        spanContext,
        resource,
        parentSpanContext: parent,
        instrumentationScope: this.#scope,
      },
      owner,
    )
    owner.opened(span)
    return span
  }

  startActiveSpan<F extends (span: Span) => unknown>(name: string, ...rest: unknown[]): ReturnType<F> {
    const fn = rest.pop() as F
    const [options, parentContext] = rest as [SpanOptions?, Context?]
    const context = contextOr(parentContext)
    const outer = this.#owner.parentOf(context)
    const span = this.#start(name, options ?? {}, context, outer)
    return runIn(trace.setSpan(outer, span), () => fn(span)) as ReturnType<F>
  }
}

/** The running code's, where none is given. */
function contextOr(context: Context | null | undefined): Context {
  return typeof context?.getValue === 'function' ? context : activeContext()
}

/** 16 hexadecimal digits, as OpenTelemetry draws them: unique, not secret. */
function randomId(): string {
  return apart(() => fourDigits() + fourDigits() + fourDigits() + fourDigits())
}

/** What is put in front keeps the zeros of a small number. */
function fourDigits(): string {
  return (0x10000 + Math.floor(Math.random() * 0x10000)).toString(16).slice(1)
}
