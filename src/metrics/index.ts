/**
 * Metrics beside the sessions: model calls, requests, sessions and events, counted in the isolate over an interval and
 * sent in one request by whichever session ends then.
 *
 * ```ts
 * const metrics = sessionMetrics()
 *
 * app.use(agentops({ metrics }))
 * ```
 *
 * @module
 */
import type { Attributes, Counter, Histogram } from '@opentelemetry/api'
import { hrTimeToMilliseconds } from '@opentelemetry/core'
import {
  type AggregationTemporality,
  MeterProvider,
  MetricReader,
  type PushMetricExporter,
  type ViewOptions,
} from '@opentelemetry/sdk-metrics'
import type { MetricsConfig, MetricsRecorder } from '../options/metrics.ts'
import { gapsOf } from '../runtime/chunks.ts'
import { Deadline, sleep } from '../runtime/deadline.ts'
import { identify, warn } from '../runtime/diag.ts'
import { type Leaving, onLeaving } from '../runtime/leaving.ts'
import { DELTA, ERROR } from '../runtime/otel.ts'
import { runQuietly } from '../runtime/scope.ts'
import type { ReadableSpan } from '../runtime/sdk.ts'
import * as key from '../runtime/semconv.ts'
import { unref } from '../runtime/timers.ts'
import { mayWake } from '../runtime/turns.ts'
import { VERSION } from '../runtime/version.ts'
import type { Session } from '../session/session.ts'
import { remembered } from '../transport/isolate.ts'
import { MetricExporter } from './exporter.ts'
import { latest, type Measure, older } from './gen-ai.ts'
import { pick, some } from './pick.ts'

export type { MetricsConfig, MetricsRecorder } from '../options/metrics.ts'
export type { Delivered } from '../session/sink.ts'
export { MetricExporter } from './exporter.ts'

/** Where metrics go, how often, and under which views. */
export interface SessionMetricsOptions {
  /** URL that OTLP metrics are posted to; `false`: only the `exporters` get them. Default: `/v1/metrics` beside the traces. Env: `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`. */
  endpoint?: string | false
  /** How long metrics of an isolate are added up before they are sent, ms. Default 10 000; on Workers and Vercel not past the end of the invocation that sends them. */
  exportIntervalMs?: number
  /** OpenTelemetry Views: other names, attributes and aggregations. */
  views?: ViewOptions[]
  /** OpenTelemetry exporters beside ours. Default: none. */
  exporters?: readonly PushMetricExporter[]
}

/** The metrics of one destination, and one resource. */
interface State {
  /** Sends what has been added up; `by`: when it must be over, milliseconds since the epoch. */
  send(by?: number): Promise<void>
  measure: Measure
  requests: Histogram
  sessions: Counter
  events: Counter
  exported: Counter
  processed: Counter
  /** Until when somebody else is going to send, milliseconds since the epoch. */
  leasedUntil: number
  /** Values that providers chose, by what they are of. */
  named: Map<string, Set<unknown>>
  /** On a process that lives on: for those that end before. */
  timer?: ReturnType<typeof setTimeout>
}

const INTERVAL_MS = 10_000
/** Models that answer to one name, and such names, that metrics tell apart; OpenTelemetry's limit for all of them is 2,000. */
const MAX_VALUES = 16
const MAX_NAMED = 100
/** What is left of an invocation for the request itself. */
const MARGIN_MS = 3000
/** A session that should have sent, and has not, was ended by the platform: another takes over. */
const TAKE_OVER_MS = 5000

/** OpenTelemetry's own advice, seconds. */
const HTTP_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

const MODEL = [key.GEN_AI_OPERATION_NAME, key.GEN_AI_PROVIDER, key.GEN_AI_REQUEST_MODEL, key.GEN_AI_RESPONSE_MODEL]
const REQUEST = [key.HTTP_METHOD, key.HTTP_ROUTE, key.HTTP_STATUS, key.URL_SCHEME, key.PROTOCOL_VERSION]
/** AgentOps' event types, of spans that are events of somebody else's. */
const TYPES: Readonly<Record<string, string>> = { llm: 'llms', tool: 'tools', agent: 'agents' }

/** Collected when a session asks for it: there is no timer that the platform would freeze. */
class SessionReader extends MetricReader {
  protected async onForceFlush(): Promise<void> {}
  protected async onShutdown(): Promise<void> {}
}

/** Made once, outside of any function that makes options for each request. */
export function sessionMetrics(options: SessionMetricsOptions = {}): MetricsRecorder {
  const { exportIntervalMs: interval = INTERVAL_MS } = options
  /** A new environment a request makes a new Config a request; a `fetch` may be one request's. */
  const byConfig: WeakMap<MetricsConfig, State> = new WeakMap()
  const byFetch: WeakMap<object, Map<string, State>> = new WeakMap()
  const common: Map<string, State> = new Map()
  const leave: Leaving = { send: (ms) => Promise.all([...common.values()].map(({ send }) => send(Date.now() + ms))) }

  const stateOf = (config: MetricsConfig): State => {
    const known = byConfig.get(config)
    if (known) return known
    const { destination, fetch, isFetchLasting, resource, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: named } = config
    const { url, apiKey, tokenUrl, headers } = destination ?? {}
    const own = fetch && !isFetchLasting
    const states = own ? (byFetch.get(fetch) ?? new Map<string, State>()) : common
    if (own) byFetch.set(fetch, states)
    else onLeaving(leave)
    const name = JSON.stringify([url, apiKey, tokenUrl, headers, named, !!config.semconv, resource.attributes])
    const state = remembered(
      states,
      name,
      () => stateFor(config, options),
      ({ leasedUntil }) => leasedUntil < Date.now(),
    )
    byConfig.set(config, state)
    return state
  }

  return {
    record(span, session, config) {
      record(stateOf(config), span, session)
    },

    flush({ report, begun, waitUntil, endBy }, config) {
      const state = stateOf(config)
      const { sent, dropped, spooled, sampledOut = 0 } = report
      state.exported.add(sent)
      if (dropped) state.exported.add(dropped, { [key.ERROR_TYPE]: 'dropped' })
      if (spooled) state.exported.add(spooled, { [key.ERROR_TYPE]: 'spooled' })
      if (sampledOut) state.processed.add(sampledOut, { [key.ERROR_TYPE]: 'sampled_out' })
      const now = Date.now()
      if (state.leasedUntil > now) {
        const isAlive = !waitUntil && endBy === Number.POSITIVE_INFINITY && mayWake()
        if (isAlive && !state.timer) {
          state.timer = setTimeout(() => {
            state.timer = undefined
            state.leasedUntil = Date.now() + interval
            void state.send()
          }, state.leasedUntil - now)
          unref(state.timer)
        }
        return undefined
      }
      const wait = Math.max(0, Math.min(interval, endBy - now - MARGIN_MS))
      const sendLater = async (): Promise<void> => {
        await sleep(wait)
        state.leasedUntil = 0
        await state.send()
      }
      if (waitUntil) {
        state.leasedUntil = now + wait + TAKE_OVER_MS
        waitUntil(sendLater())
        return undefined
      }
      const by = Math.min(begun + config.flushDeadlineMs, endBy)
      // The traces have taken all the time there was.
      if (by <= now) return undefined
      // The invocation may be frozen with its end: who ends next after the interval sends, and is waited for.
      state.leasedUntil = now + interval
      return state.send(by)
    },

    forceFlush: async (config) => byConfig.get(config)?.send(),
  }
}

function stateFor(config: MetricsConfig, { endpoint, views = [], exporters = [] }: SessionMetricsOptions): State {
  const { destination, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: named } = config
  const own: PushMetricExporter[] =
    endpoint !== false && (endpoint || named || destination) ? [new MetricExporter(config, {}, endpoint)] : []
  const targets = [...own, ...exporters].map((exporter) => {
    const temporality = exporter.selectAggregationTemporality?.bind(exporter)
    const reader = new SessionReader({
      aggregationTemporalitySelector: temporality ?? ((): AggregationTemporality => DELTA),
      aggregationSelector: exporter.selectAggregation?.bind(exporter),
    })
    return { exporter, reader }
  })
  const provider = new MeterProvider({ resource: config.resource, views, readers: targets.map(({ reader }) => reader) })
  const meter = provider.getMeter('agentops-edge', VERSION)
  const histogram = (name: string, unit: string, explicitBucketBoundaries: number[]): Histogram =>
    meter.createHistogram(name, { unit, advice: { explicitBucketBoundaries } })
  const counter = (name: string, unit: string): Counter => meter.createCounter(name, { unit })
  return {
    measure: (config.semconv ? latest : older)({ histogram, counter }),
    requests: histogram('http.server.request.duration', 's', HTTP_SECONDS),
    sessions: counter('agentops.sessions', '{session}'),
    events: counter('agentops.events', '{event}'),
    exported: counter('otel.sdk.exporter.span.exported', '{span}'),
    processed: counter('otel.sdk.processor.span.processed', '{span}'),
    leasedUntil: 0,
    named: new Map(),
    async send(by) {
      await Promise.all(targets.map(({ exporter, reader }) => collect(exporter, reader, by)))
    },
  }
}

/** Never rejects. */
async function collect(exporter: PushMetricExporter, reader: MetricReader, by?: number): Promise<void> {
  try {
    const { resourceMetrics } = await reader.collect()
    const isEmpty = resourceMetrics.scopeMetrics.every(({ metrics }) => metrics.every((one) => !one.dataPoints.length))
    if (isEmpty) return
    const exported = new Promise<{ code: number; error?: Error }>((resolve, reject) => {
      const running: unknown = runQuietly(() => (exporter as MetricExporter).export(resourceMetrics, resolve, by))
      // Some are async, and say that they failed in a rejection.
      Promise.resolve(running).catch(reject)
    })
    // Ours keeps to it by itself, and says what failed; another's may keep to none.
    const limit = new Deadline(by ?? Number.POSITIVE_INFINITY)
    const { code, error } = await (by && !(exporter instanceof MetricExporter)
      ? limit.within(Number.POSITIVE_INFINITY, exported)
      : exported)
    if (code && !(exporter instanceof MetricExporter)) throw error
  } catch (error) {
    warn(`a metric exporter failed; what it was given is lost (${identify(error)})`, 'a metric exporter failed')
  }
}

function record(state: State, span: ReadableSpan, session: Session): void {
  const { attributes, status, duration } = span
  const seconds = hrTimeToMilliseconds(duration) / 1000
  const failed = { [key.ERROR_TYPE]: attributes[key.ERROR_TYPE] ?? (status.code === ERROR ? '_OTHER' : undefined) }
  const kind = attributes[key.SPAN_KIND]
  if (kind === 'session') {
    state.sessions.add(1, pick(attributes, [key.END_STATE]))
    if (attributes[key.HTTP_METHOD] !== undefined) {
      const answered = session.answeredAfterMs
      state.requests.record(answered === undefined ? seconds : answered / 1000, {
        ...pick(attributes, REQUEST),
        ...some(failed),
      })
    }
    return
  }
  const type = attributes[key.EVENT_TYPE] ?? TYPES[`${kind}`]
  if (type === undefined) return
  limit(state, failed, key.ERROR_TYPE, '')
  state.events.add(1, { [key.EVENT_TYPE]: type, ...some(failed) })
  const model = type === 'llms' ? pick(attributes, MODEL) : {}
  // A provider may answer with another model each time: it must not take the room of the others.
  limit(state, model, key.GEN_AI_RESPONSE_MODEL, `${model[key.GEN_AI_PROVIDER]} ${model[key.GEN_AI_REQUEST_MODEL]}`)
  state.measure({
    kind: type === 'llms' ? 'llm' : kind,
    attributes,
    seconds,
    model,
    failed: some(failed),
    gaps: gapsOf(span.spanContext()),
  })
}

/** Leaves out a value of which `of` has had too many others. */
function limit(state: State, attributes: Attributes, name: string, of: string): void {
  if (attributes[name] === undefined) return
  const values = state.named.get(of) ?? new Set()
  if (state.named.size < MAX_NAMED) state.named.set(of, values)
  if (values.size < MAX_VALUES) values.add(attributes[name])
  if (!values.has(attributes[name])) delete attributes[name]
}
