/** One call, one event: what shows a model's call beside what the wire says of it, and how the two become one. */
import { type Attributes, createContextKey, trace } from '@opentelemetry/api'
import { llmAttributes } from '../events/attributes.ts'
import type { PlainEvent } from '../events/event.ts'
import { debug, guard } from '../runtime/diag.ts'
import { activeContext } from '../runtime/scope.ts'
import type { SdkSpan } from '../runtime/sdk.ts'
import * as key from '../runtime/semconv.ts'
import type { Caller, FrameworkInstrumentation, InstrumentedSession, RunningEvent } from '../session/instruments.ts'
import { isModel, type Usage } from './wires/wire.ts'

/** Says what the standard's names need, where the environment asks for them. */
export function optedIn({ config }: InstrumentedSession): void {
  if (config.isRedactedLater) return
  const { process } = globalThis as { process?: { env?: Record<string, unknown> } }
  if (/\bgen_ai_latest_experimental\b/.test(`${process?.env?.[OPT_IN]}`)) {
    debug(
      `${OPT_IN}: AgentOps' names are sent; for the standard's give a destination semconv: genAi of agentops-edge/semconv`,
    )
  }
}

/** What a call, or several together, took. `cost`: US dollars. */
export type Spent = Usage & { cost?: number }

/** What calls inside a span of somebody else's said: the last one's words, the tokens of all. */
export interface Inside {
  calls: Set<{ spent: Spent; isSpans?: boolean }>
  said: Partial<PlainEvent>
}

/** OpenTelemetry's variable, a list. */
const OPT_IN = 'OTEL_SEMCONV_STABILITY_OPT_IN'

/** Spans of frameworks and events of the user's that are a model's call, by what the wire said inside of them. */
const insides: WeakMap<SdkSpan, Inside> = new WeakMap()

export const insideOf = (span: SdkSpan): Inside | undefined => insides.get(span)

/** What a span of a framework says that it is, in any of the conventions. */
export const saysOf = ({ attributes }: SdkSpan): unknown =>
  attributes[key.GEN_AI_OPERATION_NAME] ??
  attributes['ai.operationId'] ??
  attributes['openinference.span.kind'] ??
  attributes['traceloop.span.kind']

/**
 * The span that the running code is inside of, where that is this very call: an `llm` event of the user's, or a client's
 * own; plain requests may be between. Any other work between says that it is another call.
 */
export function around(session: InstrumentedSession): SdkSpan | undefined {
  let span = trace.getSpan(activeContext()) as SdkSpan | undefined
  while (span?.attributes && span !== session.root) {
    const says = saysOf(span)
    const kind = span.attributes[key.SPAN_KIND] ?? 'http'
    if (kind === 'llm' || isModel(says)) return span.isRecording() ? span : undefined
    if (kind !== 'http' || says !== undefined) return undefined
    span = session.events.above(span)
  }
  return undefined
}

/** Whose call a request is that is made in a context with it. */
export const CALLER: symbol = /* @__PURE__ */ createContextKey('agentops.caller')

/** Whose call a request is, as a framework tells of it. */
export function callerOf(session: InstrumentedSession, model?: string, headers?: Headers): Caller | undefined {
  for (const one of Object.values(session.config.instrumentations) as Partial<FrameworkInstrumentation>[]) {
    const caller = guard('a framework', () => one?.caller?.(session, model, headers))
    if (caller) return caller
  }
  return activeContext().getValue(CALLER) as Caller | undefined
}

/** Adds what a call inside of `span` says. `running`: the user's event, which is told at its end. */
export function sharing(span: SdkSpan, running: RunningEvent | undefined): Inside {
  const inside = insides.get(span) ?? { calls: new Set(), said: {} }
  insides.set(span, inside)
  if (running) {
    running.fill ??= (event) => {
      const whole: PlainEvent = { ...(event as PlainEvent), ...inside.said }
      for (const [name, value] of Object.entries(event)) {
        if (value === undefined) continue
        whole[name] = value
        // A sum is that of his own counts.
        if (name.endsWith('Tokens')) delete whole.totalTokens
      }
      return whole
    }
  }
  return inside
}

export function sumOf(calls: Iterable<{ spent: Spent }>): Spent {
  const sum: Spent = {}
  for (const { spent } of calls) {
    for (const name in spent) if (spent[name] !== undefined) sum[name] = (sum[name] ?? 0) + spent[name]
  }
  return sum
}

export function countsOf({ prompt, completion, total, cost }: Spent): Partial<PlainEvent> {
  return { promptTokens: prompt, completionTokens: completion, totalTokens: total, cost }
}

/** The counts that no event has. */
export function usageAttributes({ prompt, completion, total, uncached, cost, ...counts }: Spent): Attributes {
  const attributes: Attributes = {}
  for (const name in counts) {
    const isCache = name.startsWith('cache')
    attributes[`gen_ai.usage.${name}${isCache ? '.input' : ''}_tokens`] = counts[name]
    // As AgentOps reads them.
    if (isCache) attributes[`gen_ai.usage.${name}_input_tokens`] = counts[name]
  }
  return attributes
}

/** Puts what is known on somebody else's span, which may end with the answer's last word. `isRead`: `aiSpans()` adds the contents. */
export function showOn(span: SdkSpan, { said }: Inside, isRead: boolean): void {
  const { prompt, completion, ...rest } = said
  const hasOwn = Object.keys(span.attributes).some((name) => name.startsWith(key.GEN_AI_PROMPT))
  span.setAttributes({
    ...(isRead ? undefined : { [key.SPAN_KIND]: 'llm' }),
    ...llmAttributes((isRead ? rest : { ...rest, completion, prompt: hasOwn ? undefined : prompt }) as never),
  })
}
