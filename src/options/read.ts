/**
 * Options and environment become one frozen Config. A wrong value never takes a request down: it names itself, what was
 * expected and what is used instead, once per isolate, and everything else is kept.
 */
import type { Attributes, TextMapPropagator } from '@opentelemetry/api'
import { defaultResource, type Resource, resourceFromAttributes } from '@opentelemetry/resources'
import type { Format } from '../formats/format.ts'
import { otlpJson } from '../formats/otlp-json.ts'
import { PROPAGATORS } from '../propagation/propagators.ts'
import { describe, guard, warn } from '../runtime/diag.ts'
import type { Sampler, SpanExporter } from '../runtime/sdk.ts'
import { AGENTOPS_SDK_NAME, AGENTOPS_SDK_VERSION, SDK_LANGUAGE, SERVICE_NAME } from '../runtime/semconv.ts'
import { VERSION } from '../runtime/version.ts'
import type { Keep } from '../session/keep.ts'
import { redactAll } from '../session/redact.ts'
import type { AgentOpsOptions, Environment, Spool } from './options.ts'

const AGENTOPS_TRACES = 'https://otlp.agentops.ai/v1/traces'
/** URLs (as `URL` writes them) that a key may go to: https, or this machine. */
const SAFE = /^http(s:|:\/\/(([^/]+\.)?localhost|127(\.\d+){3}|\[::1\])[:/])/
/** Headers of a destination that has a token; the same list as in AgentOps' own exporter. */
const PROTECTED_HEADER = /^(authorization|content-type|user-agent|(x-)?api-key|bearer|x-(auth|session)-token)$/i

const BREAKER = { failures: 5, cooldownMs: 30_000 }
const { navigator } = globalThis as { navigator?: { userAgent?: string } }
/** A Worker's request on the free plan may make 50, the user's own included. */
const MAX_REQUESTS = navigator?.userAgent === 'Cloudflare-Workers' ? 12 : Number.POSITIVE_INFINITY
/** What makes a destination, its keys included: what is missing there is nobody else's. */
const OWN = /Key$|^(endpoint|headers|format)$|ENDPOINT$/

/** Where sessions go. Where there is a `tokenUrl`, the key is exchanged for a token that exports carry. */
export interface Destination {
  url: string
  headers: Readonly<Record<string, string>>
  apiKey?: string
  tokenUrl?: string
}

/** What is on. */
type Instrumentations = {
  readonly [Name in 'fetch' | 'llm' | 'ai']?: Exclude<NonNullable<AgentOpsOptions['instrumentations']>[Name], false>
} & { readonly global: boolean }

/** Options as they were given, if they were. */
type Kept =
  | 'name'
  | 'sessionId'
  | 'tags'
  | 'attributes'
  | 'onDrop'
  | 'onExport'
  | 'fetch'
  | 'waitUntil'
  | 'clock'
  | 'parentKey'
  | 'trust'
  | 'propagateTo'
  | 'onSpan'
  | 'redact'
  | 'metrics'
type Defaulted =
  | 'mode'
  | 'scope'
  | 'inbound'
  | 'queueSessions'
  | 'disabled'
  | 'failOnDisconnect'
  | 'maxQueueSize'
  | 'maxExportBatchSize'
  | 'exportIntervalMs'
  | 'workDeadlineMs'
  | 'exportTimeoutMs'
  | 'flushDeadlineMs'
  | 'retryAttempts'
  | 'maxExportBytes'
  | 'compression'
  | 'maxRequests'
  | 'faithful'
  | 'captureContent'
  | 'propagators'

export interface Config
  extends Readonly<Pick<AgentOpsOptions, Kept>>,
    Readonly<Required<Pick<AgentOpsOptions, Defaulted>>> {
  readonly destination?: Destination
  readonly format: Format
  readonly breaker: { readonly failures: number; readonly cooldownMs: number }
  readonly spool?: Spool
  /** The destinations beside `destination`. */
  readonly exporters: readonly (Config | SpanExporter)[]
  readonly resource: Resource
  /** A share of sessions, decided by trace id, or the user's own sampler. */
  readonly sampler: number | Sampler
  /** Whether a caller's sampled flag goes before `sampler`. */
  readonly parentBased: boolean
  /** Where `agentops-edge/metrics` posts to, unless it is told. */
  readonly OTEL_EXPORTER_OTLP_METRICS_ENDPOINT?: string
  /** Of which one has to say yes. */
  readonly keep?: readonly Keep[]
  readonly instrumentations: Instrumentations
}

/** What is expected, and the value as it is used; undefined or an error where it cannot be. `text` is the value as text. */
type Kind = readonly [expected: string, check: (value: unknown, text: string, source: string) => unknown]

const text: Kind = ['text', (value) => (typeof value === 'string' ? value : undefined)]
const fn: Kind = ['a function', (value) => (typeof value === 'function' ? value : undefined)]
/** A copy, as a getter may throw; of a Headers, its pairs. */
const object: Kind = [
  'an object',
  (value) =>
    typeof value === 'object' && !Array.isArray(value)
      ? { ...(value instanceof Headers ? Object.fromEntries(value) : value) }
      : undefined,
]
const whole = (min: number, max: number): Kind => [
  `a whole number from ${min} to ${max}`,
  (_, text) => (Number.isInteger(+text) && +text >= min && +text <= max ? +text : undefined),
]
const share: Kind = ['a number from 0 to 1', (_, text) => (+text >= 0 && +text <= 1 ? +text : undefined)]
const sampler: Kind = [
  'a number from 0 to 1 or a Sampler',
  (value, text, source) =>
    typeof (value as Sampler).shouldSample === 'function' ? value : share[1](value, text, source),
]
const oneOf = (...choices: string[]): Kind => [
  choices.join(' or '),
  (_, text) => (choices.includes(text) ? text : undefined),
]
/** OpenTelemetry's environment has another name for the same. */
const formatKind: Kind = [
  'otlp-json, or otlpProtobuf or agentopsV2 from agentops-edge/formats',
  (value, text) => {
    if (text === 'otlp-json' || text === 'http/json') return 'otlp-json'
    return typeof (value as Format).deliver === 'function' ? value : undefined
  },
]
const breaker: Kind = [
  '{ failures, cooldownMs } as whole numbers',
  (value) => {
    const limits = { ...BREAKER, ...(value as object) }
    const [, check] = whole(1, 1e9)
    return Object.values(limits).every((limit) => check(limit, `${limit}`, '')) ? limits : undefined
  },
]
const spool: Kind = [
  'a spool of agentops-edge/spool, or a function of the environment',
  (value) => (typeof value === 'function' || typeof (value as Spool).keep === 'function' ? value : undefined),
]
const isFunction = (value: unknown): boolean => typeof value === 'function'
const keep: Kind = [
  'a function, or a list of functions',
  (value) => {
    const all = [value].flat()
    return all.length && all.every(isFunction) ? all : undefined
  },
]
const policy: Kind = [
  'continue, link or ignore, or a function of the request',
  (value, text) => (isFunction(value) || /^(continue|link|ignore)$/.test(text) ? value : undefined),
]
const hosts: Kind = [
  'a function, or a list of hosts and patterns',
  (value) =>
    isFunction(value) ||
    (Array.isArray(value) && value.every((host) => typeof host === 'string' || host instanceof RegExp))
      ? value
      : undefined,
]
/** Of the environment, names. */
const propagators: Kind = [
  'a list of propagators; in the environment tracecontext, baggage or none',
  (value, text) => {
    const all = Array.isArray(value)
      ? (value as TextMapPropagator[])
      : text.split(/\s*,\s*/).flatMap((name) => (name === 'none' ? [] : PROPAGATORS[name]))
    return all.every((one) => isFunction(one?.inject) && isFunction(one?.extract)) ? all : undefined
  },
]
/** OpenTelemetry's variable is a flag in one version of its conventions and names where content goes in another. */
const content: Kind = [
  'true or false',
  (value, text, source) =>
    /^span_(only|and_event)$/i.test(text) ||
    (/^(event_only|no_content)$/i.test(text) ? false : flag[1](value, text, source)),
]
const recorder: Kind = [
  'sessionMetrics() of agentops-edge/metrics',
  (value) => (isFunction((value as AgentOpsOptions['metrics'])?.record) ? value : undefined),
]
const list: Kind = ['a list', (value) => (Array.isArray(value) ? [...value] : undefined)]
const perRequest = ([expected, check]: Kind): Kind => [
  `${expected} or a function of the request`,
  (value, text, source) => (typeof value === 'function' ? value : check(value, text, source)),
]
/** A text of the environment is a list with commas, one of the options a single tag. */
const tags: Kind = [
  'text, a list of texts',
  (value, _, source) => {
    if (typeof value === 'string') return source === 'tags' ? value : value.split(/\s*,\s*/).filter(Boolean)
    return Array.isArray(value) && value.every((tag) => typeof tag === 'string') ? value : undefined
  },
]
const url: Kind = [
  'an http(s) URL without credentials',
  (_, text) => {
    const { href } = new URL(text)
    return /^https?:\/\/[^@/]+\//.test(href) ? href : undefined
  },
]
/** OpenTelemetry takes only `true` for true, AgentOps more. */
const flag: Kind = [
  'true or false',
  (_, text, source) =>
    (source.startsWith('OTEL') ? /^true$/i : /^(true|t|1|y|yes|on)$/i).test(text) ||
    (/^(false|f|0|n|no|off)$/i.test(text) ? false : undefined),
]

/** Every option, and every variable that is none's (in capitals): its kind, its default, its variables in order. */
const SETTINGS: Record<string, readonly [kind: Kind, fallback?: unknown, ...variables: string[]]> = {
  apiKey: [text, undefined, 'AGENTOPS_API_KEY'],
  endpoint: [url],
  AGENTOPS_EXPORTER_ENDPOINT: [url],
  apiEndpoint: [url, 'https://api.agentops.ai', 'AGENTOPS_API_ENDPOINT'],
  OTEL_EXPORTER_OTLP_ENDPOINT: [url],
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: [url],
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: [url],
  headers: [object, {}],
  format: [formatKind, 'otlp-json', 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'],
  faithful: [flag, false],
  parentKey: [text, undefined, 'AGENTOPS_PARENT_KEY'],
  compression: [
    oneOf('auto', 'gzip', 'none'),
    'auto',
    'OTEL_EXPORTER_OTLP_TRACES_COMPRESSION',
    'OTEL_EXPORTER_OTLP_COMPRESSION',
  ],
  maxExportBytes: [whole(1000, 1e8), 4 << 20],
  maxRequests: [whole(1, 1e6), MAX_REQUESTS],
  breaker: [breaker, BREAKER],
  spool: [spool],
  exporters: [list, []],
  serviceName: [text],
  OTEL_SERVICE_NAME: [text],
  resourceAttributes: [object, {}],
  name: [perRequest(text), undefined, 'AGENTOPS_TRACE_NAME'],
  sessionId: [perRequest(text)],
  failOnDisconnect: [flag, false],
  tags: [perRequest(tags), undefined, 'AGENTOPS_DEFAULT_TAGS'],
  attributes: [perRequest(object)],
  mode: [oneOf('single', 'multi'), 'single'],
  scope: [oneOf('async', 'process'), 'async'],
  inbound: [policy, 'continue'],
  trust: [fn],
  propagateTo: [hosts],
  propagators: [propagators, Object.values(PROPAGATORS), 'OTEL_PROPAGATORS'],
  captureContent: [content, false, 'OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT'],
  onSpan: [fn],
  redact: [fn],
  keep: [keep],
  metrics: [recorder],
  queueSessions: [oneOf('batch', 'message'), 'batch'],
  maxQueueSize: [whole(1, 1e6), 2048, 'AGENTOPS_MAX_QUEUE_SIZE', 'OTEL_BSP_MAX_QUEUE_SIZE'],
  maxExportBatchSize: [whole(1, 1e5), 512, 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE'],
  exportIntervalMs: [whole(1, 6e5), 1000, 'AGENTOPS_EXPORT_FLUSH_INTERVAL', 'OTEL_BSP_SCHEDULE_DELAY'],
  workDeadlineMs: [whole(0, 9e5), 15_000],
  exportTimeoutMs: [whole(1, 6e5), 10_000, 'OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', 'OTEL_EXPORTER_OTLP_TIMEOUT'],
  flushDeadlineMs: [whole(1, 6e5), 25_000],
  retryAttempts: [whole(0, 20), 4],
  sampler: [sampler],
  OTEL_TRACES_SAMPLER: [
    oneOf(
      'always_on',
      'always_off',
      'traceidratio',
      'parentbased_always_on',
      'parentbased_always_off',
      'parentbased_traceidratio',
    ),
    'parentbased_always_on',
  ],
  OTEL_TRACES_SAMPLER_ARG: [share, 1],
  instrumentations: [object, {}],
  AGENTOPS_INSTRUMENT_LLM_CALLS: [flag, true],
  onDrop: [fn],
  onExport: [fn],
  fetch: [fn],
  waitUntil: [fn],
  clock: [fn],
  disabled: [flag, false, 'OTEL_SDK_DISABLED'],
}

/** The settings that the Config is made of, beside the options that it takes over as they are. */
interface Settings extends Pick<Config, Kept | Defaulted> {
  apiKey?: string
  endpoint?: string
  AGENTOPS_EXPORTER_ENDPOINT?: string
  apiEndpoint: string
  format: Format | 'otlp-json'
  breaker: Config['breaker']
  spool?: Spool
  exporters: readonly object[]
  OTEL_EXPORTER_OTLP_ENDPOINT?: string
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT?: string
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT?: string
  headers: object
  serviceName?: string
  OTEL_SERVICE_NAME?: string
  resourceAttributes: Attributes
  keep?: readonly Keep[]
  sampler?: number | Sampler
  OTEL_TRACES_SAMPLER: string
  OTEL_TRACES_SAMPLER_ARG: number
  instrumentations: Record<string, unknown>
  AGENTOPS_INSTRUMENT_LLM_CALLS: boolean
}

/**
 * `options` go before `env`, and `env` before the process's environment. `say`: where a complaint goes. `parent`: the
 * settings of those options whose `exporters` these are one of; they take the place of the environment and the defaults.
 * `detected`: what an adapter knows of its platform; whatever the user says about the resource goes before it.
 */
export function readConfig(
  options?: AgentOpsOptions,
  env: Environment = {},
  say: (message: string) => void = warn,
  parent?: Record<string, unknown>,
  detected: Attributes = {},
): Config {
  const given = (options ?? {}) as Record<string, unknown>

  /** An option, or a variable (in capitals), of which an entry of `exporters` has none; Cloudflare's may be no text. */
  const read = (source: string): unknown =>
    guard(source, () => {
      if (!/^[A-Z]/.test(source)) return given[source]
      const value = parent
        ? undefined
        : (env?.[source] ?? (globalThis as { process?: { env?: Environment } }).process?.env?.[source])
      return typeof value === 'string' ? value.trim() : value
    })

  /** `key=value,key2=value2`, percent-encoded (OpenTelemetry's environment); a pair that is none is left out alone. */
  const pairs = (name: string): Record<string, string> => {
    const found: Record<string, string> = {}
    for (const pair of `${read(name) ?? ''}`.match(/[^\s,][^,]*/g) ?? []) {
      try {
        const [, key, value] = /^([^=\s]+)\s*=(.*)$/.exec(pair) as unknown as [string, string, string]
        found[decodeURIComponent(key)] = decodeURIComponent(value.trim())
      } catch {
        // Not shown: it may hold a secret.
        say(`${name}: expected percent-encoded key=value pairs; any other is left out`)
      }
    }
    return found
  }

  // The first usable source; unset and empty are the same, and what cannot be used is said.
  const picked: Record<string, unknown> = {}
  for (const [name, [[expected, check], fallback, ...variables]] of Object.entries(SETTINGS)) {
    const wrong: string[] = []
    let used: unknown
    for (const source of [name, ...variables]) {
      const value = read(source)
      if (used !== undefined || (value ?? '') === '') continue
      try {
        used = check(value, describe(value), source)
      } catch {}
      if (used === undefined) wrong.push(`${source}: expected ${expected}, got ${show(value, source)}; `)
    }
    used ??= parent && !OWN.test(name) ? parent[name] : fallback
    picked[name] = used
    for (const complaint of wrong) say(`${complaint}${show(used, name)} is used`)
  }
  const { spool } = picked
  if (typeof spool === 'function') picked.spool = guard('spool', () => spool(env))
  const settings = picked as unknown as Settings
  const { sampler, OTEL_TRACES_SAMPLER: samplerName, instrumentations: toggles } = settings
  const format = settings.format === 'otlp-json' ? otlpJson : settings.format

  /** "Which destination" in the README: the options, then AgentOps, then the `OTEL_EXPORTER_OTLP_*` variables. */
  const destination = (): Destination | undefined => {
    const { apiKey, endpoint, apiEndpoint, AGENTOPS_EXPORTER_ENDPOINT: agentops } = settings
    const base = settings.OTEL_EXPORTER_OTLP_ENDPOINT
    const otlp = settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? (base && under(base, '/v1/traces'))
    const target = format.api ? apiKey && apiEndpoint : (endpoint ?? agentops ?? (apiKey ? AGENTOPS_TRACES : otlp))
    // The token carries the key in clear: only a destination named together with the key, or AgentOps' own, gets one.
    const withKey = apiKey && (format.api || !endpoint || endpoint === AGENTOPS_TRACES || read('apiKey') === apiKey)
    const headers = new Headers()
    const addHeaders = (source: string, added: object): void => {
      for (const [name, value] of Object.entries(added)) {
        try {
          if (typeof value !== 'string' || (withKey && PROTECTED_HEADER.test(name))) throw 0
          headers.set(name, value)
        } catch {
          say(`${source}: "${name}" is reserved, or no header with a text value; it is left out`)
        }
      }
    }
    if (target && !withKey && target !== agentops && originOf(otlp ?? target) === originOf(target)) {
      // The environment's headers may hold another vendor's secret: they go where the environment sends.
      const name = ['OTEL_EXPORTER_OTLP_TRACES_HEADERS', 'OTEL_EXPORTER_OTLP_HEADERS'].find(read)
      if (name) addHeaders(name, pairs(name))
    }
    addHeaders('headers', settings.headers)
    if (!target) return undefined
    const found = { url: target, headers: Object.fromEntries(headers) }
    if (!withKey) return found
    const open = [target, apiEndpoint].find((to) => !SAFE.test(to))
    if (!open) return { ...found, apiKey, tokenUrl: format.api ? undefined : under(apiEndpoint, '/v3/auth/token') }
    say(`${originOf(open)}: expected https, as the key goes there; nothing is sent`)
    return undefined
  }

  const exporters = (parent ? [] : settings.exporters).flatMap((exporter, i): Config | SpanExporter | [] => {
    const complain = (complaint: string): void => say(`exporters[${i}]: ${complaint}`)
    try {
      // What is no object throws here, as a Proxy may.
      return 'export' in exporter ? (exporter as SpanExporter) : readConfig(exporter, env, complain, picked)
    } catch {
      complain('expected delivery options or a SpanExporter; it is left out')
      return []
    }
  })
  const { attributes: sdk } = defaultResource()
  const layers: Attributes[] = [
    // The SDK's own default of the name shows the path of the running program, and its build for the edge says "webjs".
    { ...sdk, [SERVICE_NAME]: 'unknown_service', [SDK_LANGUAGE]: isNode() ? 'nodejs' : sdk[SDK_LANGUAGE] },
    detected,
    pairs('OTEL_RESOURCE_ATTRIBUTES'),
    { [SERVICE_NAME]: settings.OTEL_SERVICE_NAME },
    settings.resourceAttributes,
    {
      [SERVICE_NAME]: settings.serviceName,
      [AGENTOPS_SDK_NAME]: 'agentops-edge',
      [AGENTOPS_SDK_VERSION]: VERSION,
    },
  ]
  // What is undefined overrides nothing.
  const described = Object.fromEntries(
    layers.flatMap((layer) => Object.entries(layer).filter(([, value]) => value !== undefined)),
  )
  if (settings.redact) redactAll(settings.redact, described)
  const toggle = (name: 'fetch' | 'llm' | 'ai', maker: string): unknown => {
    const given = toggles[name] as { instruments?: unknown } | false | undefined
    if (!given || given.instruments === name) return given || undefined
    return say(`instrumentations.${name}: expected ${maker}() of agentops-edge/instrumentation; it is left out`)
  }
  const config: Config = {
    ...settings,
    destination: destination(),
    format,
    exporters,
    resource: resourceFromAttributes(described),
    sampler:
      sampler ??
      (samplerName.endsWith('off') ? 0 : samplerName.endsWith('ratio') ? settings.OTEL_TRACES_SAMPLER_ARG : 1),
    parentBased: sampler === undefined ? samplerName.startsWith('parent') : typeof sampler === 'number',
    instrumentations: {
      global: toggles.global === true,
      fetch: toggle('fetch', 'fetchCalls'),
      llm: settings.AGENTOPS_INSTRUMENT_LLM_CALLS ? toggle('llm', 'llmCalls') : undefined,
      ai: toggle('ai', 'aiSpans'),
    } as Instrumentations,
  }
  const unknown = (name: string): void => say(`${name}: no option of this version; it is left out`)
  guard('the options', () => {
    for (const name of Object.keys(given)) if (!SETTINGS[name] || (parent && name === 'exporters')) unknown(name)
  })
  for (const name of Object.keys(toggles))
    if (!/^(global|fetch|llm|ai)$/.test(name)) unknown(`instrumentations.${name}`)
  if (!config.destination && !exporters.length && !config.disabled) {
    say('no apiKey and no endpoint: nothing is sent. Set AGENTOPS_API_KEY or OTEL_EXPORTER_OTLP_ENDPOINT')
  }
  return Object.freeze(config)
}

/** `path` below `url`, before its query. */
function under(url: string, path: string): string {
  return url.replace(/\/*(?=[?#]|$)/, path)
}

/** Lambda's runtime and servers, as `telemetry.sdk.language` tells them from the rest. */
function isNode(): boolean {
  return (globalThis as { process?: { release?: { name?: string } } }).process?.release?.name === 'node'
}

function originOf(url: string): string {
  return new URL(url).origin
}

/** A value as a complaint shows it; never one that may be a secret. */
function show(value: unknown, source: string): string {
  if (/key|header|endpoint/i.test(source) && value !== undefined) return `some ${typeof value}`
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80))
  return /number|boolean|undefined/.test(typeof value) ? `${value ?? 'nothing'}` : `some ${typeof value}`
}
