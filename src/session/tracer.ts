/**
 * A session's own TracerProvider. Its tracers give every span the session's clock, the session's root as parent where
 * the caller named none, and tell the session when a span opens and ends. Nothing here knows what an event is.
 */
import { type Context, type Span, type SpanOptions, type TimeInput, type Tracer, trace } from '@opentelemetry/api'
import { timeInputToHrTime } from '@opentelemetry/core'
import { fromHrTime, type Nanos } from '../runtime/clock.ts'
import { guard } from '../runtime/diag.ts'
import { activeContext, runIn } from '../runtime/scope.ts'
import { RandomIdGenerator, type SdkSpan, type SpanProcessor, TracerProvider } from '../runtime/sdk.ts'
import type { SessionClock } from './clock.ts'
import type { SessionConfig } from './config.ts'
import { samplerOf } from './sampler.ts'

/** What a session lends to its tracers. */
export interface SpanOwner {
  clock: SessionClock
  readonly traceId: string
  /** The flags of every span beside "sampled". */
  readonly flags: number
  /** The id of the next span, where that is the root and several processes make the same one. */
  rootSpanId(): string | undefined
  /** The context a span starts in when the caller's context names no span. */
  parentOf(context: Context): Context
  opened(span: SdkSpan): void
  /** Called while the span still takes attributes. */
  ending(span: SdkSpan): void
}

/** Prompts and completions are indexed attributes: OpenTelemetry's default of 128 would cut a conversation. */
const ATTRIBUTE_COUNT_LIMIT = 1024

export class SessionTracerProvider extends TracerProvider {
  readonly #owner: SpanOwner
  readonly #processors: readonly SpanProcessor[]

  constructor(config: SessionConfig, spanProcessors: SpanProcessor[], owner: SpanOwner) {
    const ids = new RandomIdGenerator()
    const { generateSpanId } = ids
    super({
      resource: config.resource,
      sampler: samplerOf(config),
      spanProcessors,
      spanLimits: { attributeCountLimit: ATTRIBUTE_COUNT_LIMIT },
      idGenerator: Object.assign(ids, {
        generateTraceId: () => owner.traceId,
        generateSpanId: () => owner.rootSpanId() || generateSpanId(),
      }),
    })
    this.#owner = owner
    this.#processors = spanProcessors
  }

  override async forceFlush(): Promise<void> {
    await Promise.all(this.#processors.map((processor) => processor.forceFlush()))
  }

  override getTracer(...name: Parameters<TracerProvider['getTracer']>): ReturnType<TracerProvider['getTracer']> {
    const tracer = super.getTracer(...name)
    // The SDK keeps one tracer a name; it is adapted once and stays the SDK's own object.
    if (!Object.hasOwn(tracer, 'startSpan')) adapt(tracer, this.#owner)
    return tracer
  }
}

function adapt(tracer: Tracer, owner: SpanOwner): void {
  const start = tracer.startSpan.bind(tracer)
  const { clock } = owner

  tracer.startSpan = (name: string, options: SpanOptions = {}, context: Context = activeContext()): Span => {
    const parent = options.root ? context : owner.parentOf(context)
    const startTime = clock.start(nanos(options.startTime))
    const span = start(name, { ...options, startTime }, parent) as SdkSpan
    span.spanContext().traceFlags |= owner.flags
    if (!span.isRecording()) return span
    const end = span.end.bind(span)
    span.end = (endTime) => {
      if (!span.isRecording()) return end()
      owner.ending(span)
      end(clock.end(span.startTime, nanos(endTime)))
    }
    owner.opened(span)
    return span
  }

  tracer.startActiveSpan = <F extends (span: Span) => unknown>(name: string, ...rest: unknown[]): ReturnType<F> => {
    const fn = rest.pop() as F
    const [options, given] = rest as [SpanOptions?, Context?]
    const context = given ?? activeContext()
    const span = tracer.startSpan(name, options, context)
    return runIn(trace.setSpan(owner.parentOf(context), span), () => fn(span)) as ReturnType<F>
  }
}

/** A time that a caller gave; a time that is none (`NaN`, an invalid date) counts as not given. */
function nanos(time: TimeInput | undefined): Nanos | undefined {
  return time === undefined ? undefined : guard('a span time', () => fromHrTime(timeInputToHrTime(time)))
}
