/**
 * Options and environment become one frozen Config. A wrong value never takes a request down: it names itself, what was
 * expected and what is used instead, once per isolate, and everything else is kept.
 */
import type { Attributes } from '@opentelemetry/api'
import { defaultResource, type Resource, resourceFromAttributes } from '@opentelemetry/resources'
import { warn } from './diag.ts'
import type { AgentOpsOptions, Environment } from './options.ts'
import type { Sampler } from './sdk.ts'
import { AGENTOPS_SDK_NAME, AGENTOPS_SDK_VERSION, SERVICE_NAME } from './semconv.ts'
import { VERSION } from './version.ts'

const AGENTOPS_TRACES = 'https://otlp.agentops.ai/v1/traces'
const AGENTOPS_API = 'https://api.agentops.ai'
const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/
/** Headers of a destination that has a token; the same list as in AgentOps' own exporter. */
const PROTECTED_HEADER = /^(authorization|content-type|user-agent|(x-)?api-key|bearer|x-(auth|session)-token)$/

/** Where sessions go. `tokenUrl` and `apiKey` are there together: the key is exchanged for a token that exports carry. */
export interface Destination {
  url: string
  headers: Readonly<Record<string, string>>
  apiKey?: string
  tokenUrl?: string
}

/** Options as they were given, if they were. */
type Kept = 'name' | 'tags' | 'attributes' | 'onDrop' | 'onExport' | 'fetch' | 'waitUntil' | 'clock'
type Defaulted =
  | 'mode'
  | 'scope'
  | 'inbound'
  | 'disabled'
  | 'maxQueueSize'
  | 'maxExportBatchSize'
  | 'exportIntervalMs'
  | 'workDeadlineMs'
  | 'exportTimeoutMs'
  | 'flushDeadlineMs'
  | 'retryAttempts'

export interface Config
  extends Readonly<Pick<AgentOpsOptions, Kept>>,
    Readonly<Required<Pick<AgentOpsOptions, Defaulted>>> {
  readonly destination?: Destination
  readonly resource: Resource
  /** A share of sessions, decided by trace id, or the user's own sampler. */
  readonly sampler: number | Sampler
  /** Whether a caller's sampled flag goes before `sampler`. */
  readonly parentBased: boolean
  readonly instrumentations: { readonly global: boolean; readonly llm: boolean }
}

/** What is expected, and the value as it is used or undefined where it cannot be. */
type Kind = readonly [expected: string, check: (value: unknown, source: string) => unknown]

const text: Kind = ['text', (value) => (typeof value === 'string' ? value : undefined)]
const fn: Kind = ['a function', (value) => (typeof value === 'function' ? value : undefined)]
const object: Kind = [
  'an object',
  (value) => (value && typeof value === 'object' && !Array.isArray(value) ? value : undefined),
]
const number = (min: number, max: number, valid: (value: number) => boolean, what: string): Kind => [
  `${what} from ${min} to ${max}`,
  (value) =>
    typeof value !== 'boolean' && valid(+`${value}`) && +`${value}` >= min && +`${value}` <= max
      ? +`${value}`
      : undefined,
]
const whole = (min: number, max: number): Kind => number(min, max, Number.isInteger, 'a whole number')
const share: Kind = /* @__PURE__ */ number(0, 1, Number.isFinite, 'a number')
const oneOf = (...choices: readonly unknown[]): Kind => [
  choices.join(' or '),
  (value) => (choices.includes(value) ? value : undefined),
]
const perRequest = ([expected, check]: Kind): Kind => [
  `${expected} or a function of the request`,
  (value, source) => (typeof value === 'function' ? value : check(value, source)),
]
/** A text of the environment is a list with commas, one of the options a single tag. */
const tags: Kind = [
  'text, a list of texts',
  (value, source) => {
    if (typeof value === 'string') return source === 'tags' ? value : value.split(/\s*,\s*/).filter(Boolean)
    return Array.isArray(value) && value.every((tag) => typeof tag === 'string') ? value : undefined
  },
]
const url: Kind = [
  'an http(s) URL without user and password',
  (value) => {
    try {
      const { href, protocol, username, password } = new URL(`${value}`)
      if (/^https?:$/.test(protocol) && !username && !password) return new URL(href)
    } catch {}
    return undefined
  },
]
/** OpenTelemetry takes only `true` for true, AgentOps more. */
const flag: Kind = [
  'true or false',
  (value, source) => {
    const yes = /^OTEL/.test(source) ? /^true$/i : /^(true|t|1|y|yes|on)$/i
    if (yes.test(`${value}`)) return true
    return /^(false|f|0|n|no|off)$/i.test(`${value}`) ? false : undefined
  },
]
const sampler: Kind = [
  'a number from 0 to 1 or a Sampler',
  (value, source) =>
    typeof (value as Sampler).shouldSample === 'function'
      ? value
      : typeof value === 'number'
        ? share[1](value, source)
        : undefined,
]
const samplerName: Kind = [
  "an OpenTelemetry sampler's name",
  (value) => /^(parentbased_)?(always_on|always_off|traceidratio)$/.exec(`${value}`) ?? undefined,
]

/** Every option, and every variable that is none's (in capitals): its kind, its default, its variables in order. */
const SETTINGS: Record<string, readonly [kind: Kind, fallback?: unknown, ...variables: string[]]> = {
  apiKey: [text, undefined, 'AGENTOPS_API_KEY'],
  endpoint: [url],
  AGENTOPS_EXPORTER_ENDPOINT: [url],
  apiEndpoint: [url, /* @__PURE__ */ new URL(AGENTOPS_API), 'AGENTOPS_API_ENDPOINT'],
  OTEL_EXPORTER_OTLP_ENDPOINT: [url],
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: [url],
  headers: [object, {}],
  format: [oneOf('otlp-json'), 'otlp-json'],
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: [oneOf('http/json'), 'http/json', 'OTEL_EXPORTER_OTLP_PROTOCOL'],
  serviceName: [text],
  OTEL_SERVICE_NAME: [text],
  resourceAttributes: [object, {}],
  name: [perRequest(text), undefined, 'AGENTOPS_TRACE_NAME'],
  tags: [perRequest(tags), undefined, 'AGENTOPS_DEFAULT_TAGS'],
  attributes: [perRequest(object)],
  mode: [oneOf('single', 'multi'), 'single'],
  scope: [oneOf('async', 'process'), 'async'],
  inbound: [oneOf('continue', 'link', 'ignore'), 'continue'],
  maxQueueSize: [whole(1, 1e6), 2048, 'AGENTOPS_MAX_QUEUE_SIZE', 'OTEL_BSP_MAX_QUEUE_SIZE'],
  maxExportBatchSize: [whole(1, 1e5), 512, 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE'],
  exportIntervalMs: [whole(1, 6e5), 1000, 'AGENTOPS_EXPORT_FLUSH_INTERVAL', 'OTEL_BSP_SCHEDULE_DELAY'],
  workDeadlineMs: [whole(0, 9e5), 15_000],
  exportTimeoutMs: [whole(1, 6e5), 10_000, 'OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', 'OTEL_EXPORTER_OTLP_TIMEOUT'],
  flushDeadlineMs: [whole(1, 6e5), 25_000],
  retryAttempts: [whole(0, 20), 4],
  sampler: [sampler],
  OTEL_TRACES_SAMPLER: [samplerName, ['', 'parentbased_', 'always_on']],
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
  endpoint?: URL
  AGENTOPS_EXPORTER_ENDPOINT?: URL
  apiEndpoint: URL
  OTEL_EXPORTER_OTLP_ENDPOINT?: URL
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT?: URL
  headers: object
  serviceName?: string
  OTEL_SERVICE_NAME?: string
  resourceAttributes: Attributes
  sampler?: number | Sampler
  OTEL_TRACES_SAMPLER: string[]
  OTEL_TRACES_SAMPLER_ARG: number
  instrumentations: Record<string, unknown>
  AGENTOPS_INSTRUMENT_LLM_CALLS: boolean
}

/** `options` go before `env`, and `env` before the process's environment. `say`: where a complaint goes. */
export function readConfig(
  options: AgentOpsOptions = {},
  env: Environment = {},
  say: (message: string) => void = warn,
): Config {
  const given = (options ?? {}) as Record<string, unknown>

  /** Cloudflare's variables may be numbers, booleans or bindings too. */
  const variable = (name: string): unknown => {
    const value = env[name] ?? (globalThis as { process?: { env?: Environment } }).process?.env?.[name]
    return typeof value === 'string' ? value.trim() : value
  }

  /** The first usable source; unset and empty are the same, and what cannot be used is said. */
  const pick = (name: string): unknown => {
    const [[expected, check], fallback, ...variables] = SETTINGS[name] as [Kind, unknown, ...string[]]
    const wrong: string[] = []
    let used: unknown
    for (const source of [name, ...variables]) {
      const value = /^[A-Z]/.test(source) ? variable(source) : given[source]
      if (used !== undefined || value === undefined || value === null || value === '') continue
      used = check(value, source)
      if (used === undefined) wrong.push(`${source}: expected ${expected}, got ${show(value, source)}; `)
    }
    used ??= fallback
    for (const complaint of wrong) say(`${complaint}${show(used, name)} is used`)
    return used
  }

  /** `key=value,key2=value2`, percent-encoded (OpenTelemetry's environment); a pair that is none is left out alone. */
  const pairs = (name: string): Record<string, string> => {
    const found: Record<string, string> = {}
    for (const pair of `${variable(name) ?? ''}`.split(',').filter((pair) => pair.trim())) {
      try {
        const [, key, value] = /^\s*([^=\s]+)\s*=(.*)$/.exec(pair) as unknown as [string, string, string]
        found[decodeURIComponent(key)] = decodeURIComponent(value.trim())
      } catch {
        // Not shown: it may hold a secret.
        say(`${name}: expected key=value pairs, percent-encoded; one that is none is left out`)
      }
    }
    return found
  }

  const validHeaders = (source: string, headers: object): Record<string, string> => {
    const valid: Record<string, string> = {}
    for (const [name, value] of Object.entries(headers)) {
      try {
        if (typeof value !== 'string') throw 0
        valid[[...new Headers([[name, value]]).keys()].join()] = value
      } catch {
        say(`${source}: "${name}" is no header with a text value; it is left out`)
      }
    }
    return valid
  }

  const settings = Object.fromEntries(Object.keys(SETTINGS).map((name) => [name, pick(name)])) as unknown as Settings
  const toggles = settings.instrumentations
  const [, parent, samplerKind] = settings.OTEL_TRACES_SAMPLER
  const ratio = { always_off: 0, traceidratio: settings.OTEL_TRACES_SAMPLER_ARG }[samplerKind as string] ?? 1
  const fromEnv = pairs('OTEL_RESOURCE_ATTRIBUTES')
  const service =
    settings.serviceName ??
    settings.resourceAttributes[SERVICE_NAME] ??
    settings.OTEL_SERVICE_NAME ??
    fromEnv[SERVICE_NAME]

  /** "Which destination" in the README: the options, then AgentOps, then the `OTEL_EXPORTER_OTLP_*` variables. */
  const destination = (): Destination | undefined => {
    const { apiKey, endpoint, apiEndpoint, AGENTOPS_EXPORTER_ENDPOINT: agentops } = settings
    const base = settings.OTEL_EXPORTER_OTLP_ENDPOINT
    if (base) base.pathname = `${base.pathname.replace(/\/+$/, '')}/v1/traces`
    const otlp = settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? base
    const target = endpoint ?? agentops ?? (apiKey ? new URL(AGENTOPS_TRACES) : otlp)
    const headers = validHeaders('headers', settings.headers)
    if (!target) return undefined

    // The token carries the key in clear: only a destination named together with the key, or AgentOps' own, gets one.
    if (!apiKey || (endpoint && endpoint.href !== AGENTOPS_TRACES && given.apiKey !== apiKey)) {
      // The environment's headers may hold another vendor's secret: they go where the environment sends.
      const name = ['OTEL_EXPORTER_OTLP_TRACES_HEADERS', 'OTEL_EXPORTER_OTLP_HEADERS'].find(variable)
      const own = name && target !== agentops && (otlp ?? target).origin === target.origin
      return { url: target.href, headers: { ...(own && validHeaders(name, pairs(name))), ...headers } }
    }
    const open = [target, apiEndpoint].find((to) => to.protocol !== 'https:' && !LOOPBACK.test(to.hostname))
    if (open) {
      say(`${open.origin}: expected https, because requests to it carry the key; nothing is sent`)
      return undefined
    }
    for (const name of Object.keys(headers).filter((name) => PROTECTED_HEADER.test(name))) {
      say(`headers: ${name} is the exporter's own; it is left out`)
      delete headers[name]
    }
    return { url: target.href, headers, apiKey, tokenUrl: `${apiEndpoint.href.replace(/\/+$/, '')}/v3/auth/token` }
  }

  const config: Config = {
    ...settings,
    destination: destination(),
    resource: defaultResource().merge(
      resourceFromAttributes({
        ...fromEnv,
        ...settings.resourceAttributes,
        ...(service && { [SERVICE_NAME]: service }),
        [AGENTOPS_SDK_NAME]: 'agentops-edge',
        [AGENTOPS_SDK_VERSION]: VERSION,
      }),
    ),
    sampler: settings.sampler ?? ratio,
    parentBased: settings.sampler === undefined ? !!parent : typeof settings.sampler === 'number',
    instrumentations: {
      global: toggles.global === true,
      llm: settings.AGENTOPS_INSTRUMENT_LLM_CALLS && toggles.llm !== false,
    },
  }
  for (const name of ['fetch', 'llm', 'ai']) {
    if (toggles[name] === true) say(`instrumentations.${name}: this version does not have it; it stays off`)
  }
  for (const name of Object.keys(given)) {
    if (!SETTINGS[name]) say(`${name}: there is no such option; it is ignored`)
  }
  if (!config.destination && !config.disabled) {
    say(
      'no apiKey and no endpoint: sessions work, nothing is sent. Set AGENTOPS_API_KEY or OTEL_EXPORTER_OTLP_ENDPOINT',
    )
  }
  return Object.freeze(config)
}

/** A value as a complaint shows it; never one that may be a secret. */
function show(value: unknown, source: string): string {
  if (typeof value === 'string' && !/key|header|endpoint/i.test(source)) return JSON.stringify(value.slice(0, 80))
  return /number|boolean|undefined/.test(typeof value) ? `${value ?? 'nothing'}` : `a value of type ${typeof value}`
}
