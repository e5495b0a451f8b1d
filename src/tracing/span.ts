/** A span that is recorded. It is what OpenTelemetry's SDK would make of it, as far as exporters and processors look. */

import {
  type Attributes,
  type AttributeValue,
  type Context,
  type Exception,
  type HrTime,
  isSpanContextValid,
  type Link,
  type Span,
  type SpanContext,
  type SpanKind,
  type SpanStatus,
  type TimeInput,
  trace,
} from '@opentelemetry/api'
import type { InstrumentationScope } from '@opentelemetry/core'
import type { Resource } from '@opentelemetry/resources'
import { apart } from '../runtime/apart.ts'
import { fromMillis, since, toHrTime } from '../runtime/clock.ts'
import { debug, describe, guard } from '../runtime/diag.ts'
import { ERROR, OK, UNSET } from '../runtime/otel.ts'
import type { ReadableSpan, SpanProcessor } from '../runtime/sdk.ts'
import type { SessionClock } from './clock.ts'
import { AttributeSet } from './values.ts'

/** Prompts and completions are indexed attributes: OpenTelemetry's default of 128 would cut a conversation. */
const MAX_ATTRIBUTES = 1024
/** OpenTelemetry's default, of events and links of a span, and of attributes of one of them. */
const MAX_EACH = 128
/** A trace's and a span's. */
const IDS = /^[\da-f]{48}$/i

/** What a session lends to its spans. */
export interface SpanOwner {
  readonly clock: SessionClock
  /** Given each span that has ended and is recorded. */
  readonly sinks: readonly SpanProcessor[]
  /** Called while the span still takes attributes. */
  ending(span: RecordingSpan): void
}

export interface SpanInit extends Pick<ReadableSpan, 'name' | 'kind' | 'parentSpanContext' | 'startTime'> {
  readonly spanContext: SpanContext
  readonly resource: Resource
  readonly instrumentationScope: InstrumentationScope
  readonly attributes: AttributeSet
  readonly links: LinkSet
  /** The start that was asked for, where it is another. */
  readonly asked?: HrTime
}

export class RecordingSpan implements Span, ReadableSpan {
  name: string
  readonly kind: SpanKind
  readonly parentSpanContext?: SpanContext
  readonly startTime: HrTime
  endTime: HrTime = [0, 0]
  status: SpanStatus = { code: UNSET }
  attributes: Attributes
  readonly events: ReadableSpan['events'] = []
  readonly links: Link[]
  droppedEventsCount = 0
  ended = false
  readonly resource: Resource
  readonly instrumentationScope: InstrumentationScope
  readonly #context: SpanContext
  readonly #attributes: AttributeSet
  readonly #links: LinkSet
  readonly #asked: HrTime | undefined
  readonly #owner: SpanOwner
  /** What looks at it last may end it once more. */
  #isEnding = false

  constructor(init: SpanInit, owner: SpanOwner) {
    this.name = describe(init.name)
    this.kind = init.kind
    this.parentSpanContext = init.parentSpanContext
    this.startTime = init.startTime
    this.attributes = init.attributes.values
    this.links = init.links.links
    this.resource = init.resource
    this.instrumentationScope = init.instrumentationScope
    this.#context = init.spanContext
    this.#attributes = init.attributes
    this.#links = init.links
    this.#asked = init.asked
    this.#owner = owner
  }

  get duration(): HrTime {
    return this.ended ? since(this.endTime, this.startTime) : [-1, -1]
  }

  get droppedAttributesCount(): number {
    return this.#attributes.dropped
  }

  get droppedLinksCount(): number {
    return this.#links.dropped
  }

  spanContext(): SpanContext {
    return this.#context
  }

  isRecording(): boolean {
    return !this.ended
  }

  /** Leaves it these attributes alone. */
  keep(attributes: Attributes): void {
    this.attributes = attributes
    this.#attributes.values = attributes
  }

  setAttribute(name: string, value: AttributeValue): this {
    if (this.#takes()) this.#attributes.add(typeof name === 'string' ? name : describe(name), value)
    return this
  }

  setAttributes(attributes: Attributes): this {
    if (this.#takes()) this.#attributes.addAll(attributes)
    return this
  }

  addEvent(name: string, attributesOrTime?: Attributes | TimeInput, time?: TimeInput): this {
    return this.#change(() => {
      const isTime =
        typeof attributesOrTime !== 'object' || attributesOrTime instanceof Date || Array.isArray(attributesOrTime)
      const { values, dropped } = new AttributeSet(MAX_EACH, isTime ? {} : attributesOrTime)
      const at = toHrTime(time ?? (isTime ? attributesOrTime : undefined)) ?? fromMillis(this.#owner.clock.now())
      this.droppedEventsCount += push(this.events, {
        name: describe(name),
        time: at,
        attributes: values,
        droppedAttributesCount: dropped,
      })
    })
  }

  addLink(link: Link): this {
    return this.#change(() => this.#links.add(link))
  }

  addLinks(links: readonly Link[]): this {
    return this.#change(() => this.#links.addAll(links))
  }

  /** As the API has it: `OK` is final, and nothing unsets a status. */
  setStatus(status: SpanStatus): this {
    return this.#change(() => {
      const { code, message } = status
      if ((code !== OK && code !== ERROR) || this.status.code === OK) return
      this.status = code === ERROR && typeof message === 'string' ? { code, message } : { code }
    })
  }

  updateName(name: string): this {
    return this.#change(() => {
      this.name = describe(name)
    })
  }

  recordException(exception: Exception, time?: TimeInput): void {
    this.#change(() => {
      const { code, name, message, stack } = (
        typeof exception === 'string' ? { message: exception } : (exception ?? {})
      ) as { code?: unknown; name?: string; message?: string; stack?: string }
      this.addEvent(
        'exception',
        { 'exception.type': code ? `${code}` : name, 'exception.message': message, 'exception.stacktrace': stack },
        time,
      )
    })
  }

  end(time?: TimeInput): void {
    this.#change(() => {
      if (this.#isEnding) return
      this.#isEnding = true
      const { clock, sinks } = this.#owner
      const at = toHrTime(time)
      // A span that nobody could look at is not sent.
      try {
        this.#owner.ending(this)
      } finally {
        this.endTime = clock.end(this.startTime, at, this.#asked)
        this.ended = true
      }
      for (const sink of sinks) guard('taking a span', () => apart(() => sink.onEnd(this)))
    })
  }

  /** What is given may throw when it is looked at. */
  #change(change: () => void): this {
    if (this.#takes()) guard('a change of a span', change)
    return this
  }

  #takes(): boolean {
    if (this.ended) debug(`span ${this.name}: it has ended; what is set on it, or ends it again, is left out`)
    return !this.ended
  }
}

/** The links of a span; what names no span is left out. */
export class LinkSet {
  readonly links: Link[] = []
  /** Left out so far. */
  dropped = 0

  add({ context, attributes }: Link): void {
    if (!IDS.test(`${context?.traceId}${context?.spanId}`)) {
      this.dropped++
      debug('a link without a span’s context is left out')
      return
    }
    const { values, dropped } = new AttributeSet(MAX_EACH, attributes)
    this.dropped += push(this.links, { context, attributes: values, droppedAttributesCount: dropped })
  }

  addAll(links: readonly Link[]): void {
    for (const link of links) this.add(link)
  }
}

/** What is a span's parent in `context`: a valid context of a span, of this process or another. */
export function parentIn(context: Context): SpanContext | undefined {
  const span = trace.getSpan(context)
  const parent = span?.spanContext()
  // Those of a session need no check.
  return parent && (span instanceof RecordingSpan || isSpanContextValid(parent)) ? parent : undefined
}

export function attributeSet(): AttributeSet {
  return new AttributeSet(MAX_ATTRIBUTES)
}

/** Adds to a list that holds so many, the newest; gives how many had to go. */
function push<Item>(list: Item[], item: Item): number {
  list.push(item)
  return list.length > MAX_EACH ? list.splice(0, 1).length : 0
}
