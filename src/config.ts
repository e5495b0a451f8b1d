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
/** Headers of a destination that has a token; the same list as in AgentOps' own exporter. */
const PROTECTED_HEADER = /^(authorization|content-type|user-agent|(x-)?api-key|bearer|x-(auth|session)-token)$/

/** Where sessions go. `tokenUrl` and `apiKey` are there together: the key is exchanged for a token that exports carry. */
export interface Destination {
  url: string
  headers: Readonly<Record<string, string>>
  apiKey?: string
  tokenUrl?: string
}

type Kept = 'name' | 'tags' | 'attributes' | 'onDrop' | 'onExport' | 'fetch' | 'waitUntil' | 'clock'
type Chosen = 'mode' | 'scope' | 'inbound'
type Numbers = keyof typeof NUMBERS

export interface Config
  extends Readonly<Pick<AgentOpsOptions, Kept>>,
    Readonly<Required<Pick<AgentOpsOptions, Chosen | Numbers | 'disabled'>>> {
  readonly destination?: Destination
  readonly resource: Resource
  /** A share of sessions, decided by trace id, or the user's own sampler. */
  readonly sampler: number | Sampler
  /** Whether a caller's sampled flag goes before `sampler`. */
  readonly parentBased: boolean
  readonly instrumentations: { readonly global: boolean; readonly llm: boolean }
}

/** Whole numbers: default, least, greatest, then the environment variables in order. */
const NUMBERS = {
  maxQueueSize: [2048, 1, 1e6, 'AGENTOPS_MAX_QUEUE_SIZE', 'OTEL_BSP_MAX_QUEUE_SIZE'],
  maxExportBatchSize: [512, 1, 1e5, 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE'],
  exportIntervalMs: [1000, 1, 6e5, 'AGENTOPS_EXPORT_FLUSH_INTERVAL', 'OTEL_BSP_SCHEDULE_DELAY'],
  workDeadlineMs: [15_000, 0, 9e5],
  exportTimeoutMs: [10_000, 1, 6e5, 'OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', 'OTEL_EXPORTER_OTLP_TIMEOUT'],
  flushDeadlineMs: [25_000, 1, 6e5],
  retryAttempts: [4, 0, 20],
} as const

/** The first choice is the default. */
const CHOICES = {
  mode: ['single', 'multi'],
  scope: ['async', 'process'],
  inbound: ['continue', 'link', 'ignore'],
} as const

/** A value as it is used, or undefined where it cannot be. */
type Check<T> = (value: unknown, source: string) => T | undefined

const isFunction: Check<unknown> = (value) => (typeof value === 'function' ? value : undefined)
const isText: Check<string> = (value) => (typeof value === 'string' ? value : undefined)
const isObject: Check<object> = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
const isShare: Check<number> = (value) => (Number(value) >= 0 && Number(value) <= 1 ? Number(value) : undefined)
const isOneOf =
  (choices: readonly unknown[]): Check<unknown> =>
  (value) =>
    choices.includes(value) ? value : undefined
const isUrl: Check<URL> = (value) => {
  try {
    const url = new URL(String(value))
    if (/^https?:$/.test(url.protocol) && !url.username && !url.password) return url
  } catch {}
  return undefined
}
/** OpenTelemetry takes only `true` for true, AgentOps also `1`, `t`, `yes`. */
const isFlag: Check<boolean> = (value, source) => {
  const other = source.startsWith('OTEL_') ? '' : '|1|t|y|yes|on'
  if (new RegExp(`^(true${other})$`, 'i').test(String(value))) return true
  return /^(false|0|f|n|no|off)$/i.test(String(value)) ? false : undefined
}
/** A text from the environment is a list with commas, one from the options a single tag. */
const isTags: Check<string | string[]> = (value, source) => {
  if (Array.isArray(value)) return value.every((tag) => typeof tag === 'string') ? value : undefined
  if (typeof value !== 'string' || source === 'tags') return isText(value, source)
  return value
    .split(',')
    .map((tag) => tag.trim())
    .filter(Boolean)
}

/** `options` go before `env`, and `env` before the process's environment. `say`: where a complaint goes. */
export function readConfig(
  options: AgentOpsOptions = {},
  env: Environment = {},
  say: (message: string) => void = warn,
): Config {
  if (isObject(options, '') === undefined) say('options: expected an object; none is used')
  const given = (isObject(options, '') ?? {}) as Record<string, unknown>
  const known = new Set<string>(['instrumentations'])

  /** Cloudflare's variables may be numbers, booleans or bindings too. */
  const variable = (name: string): unknown => {
    const value = env[name] ?? processEnvironment()[name]
    return typeof value === 'string' ? value.trim() : value
  }

  /** The first usable of an option and its variables (capitals name a variable); unset and empty are the same, what cannot be used is said. */
  const pick = <T, F>(name: string, check: Check<T>, expected: string, fallback: F, ...variables: string[]): T | F => {
    known.add(name)
    const wrong: string[] = []
    let used: T | F = fallback
    for (const source of [name, ...variables]) {
      const value = /^[A-Z]/.test(source) ? variable(source) : given[source]
      if (value === undefined || value === null || value === '') continue
      const checked = check(value, source)
      if (checked !== undefined) {
        used = checked
        break
      }
      wrong.push(`${source}: expected ${expected}, got ${show(value, source)}; `)
    }
    for (const complaint of wrong) say(`${complaint}${show(used, name)} is used`)
    return used
  }
  const fn = <T>(name: string): T | undefined => pick(name, isFunction as Check<T>, 'a function', undefined)
  const perRequest = <T>(
    name: string,
    check: Check<unknown>,
    expected: string,
    ...variables: string[]
  ): T | undefined =>
    pick(
      name,
      (value, source) => (isFunction(value, source) ?? check(value, source)) as T | undefined,
      `${expected} or a function of the request`,
      undefined,
      ...variables,
    )
  const number = (name: Numbers): number => {
    const [fallback, min, max, ...variables] = NUMBERS[name]
    const whole: Check<number> = (value) => {
      const count = typeof value === 'boolean' ? Number.NaN : Number(value)
      return Number.isInteger(count) && count >= min && count <= max ? count : undefined
    }
    return pick(name, whole, `a whole number from ${min} to ${max}`, fallback, ...variables)
  }
  const choice = <Name extends Chosen>(name: Name): Config[Name] =>
    pick(
      name,
      isOneOf(CHOICES[name]) as Check<Config[Name]>,
      CHOICES[name].join(' or '),
      CHOICES[name][0] as Config[Name],
    )

  /** `key=value,key2=value2`, percent-encoded (OpenTelemetry, environment variables); a bad pair is left out alone. */
  const pairs = (name: string): Record<string, string> => {
    const found: Record<string, string> = {}
    for (const pair of String(variable(name) ?? '').split(',')) {
      const [key = '', ...value] = pair.split('=')
      try {
        if (value.length > 0 && key.trim())
          found[decodeURIComponent(key.trim())] = decodeURIComponent(value.join('=').trim())
        else if (pair.trim()) throw 0
      } catch {
        // The pair is not shown: it may hold a secret.
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
        new Headers([[name, value]])
        valid[name.toLowerCase()] = value
      } catch {
        say(`${source}: ${show(name, '')} is no header with a text value; it is left out`)
      }
    }
    return valid
  }

  /** "Which destination" in the README: the options, then AgentOps, then the `OTEL_EXPORTER_OTLP_*` variables. */
  const readDestination = (): Destination | undefined => {
    const url = (name: string, ...variables: string[]): URL | undefined =>
      pick(name, isUrl, 'an http(s) URL without user and password', undefined, ...variables)
    const apiKey = pick('apiKey', isText, 'text', undefined, 'AGENTOPS_API_KEY')
    const option = url('endpoint')
    const agentops = url('AGENTOPS_EXPORTER_ENDPOINT')
    const api = url('apiEndpoint', 'AGENTOPS_API_ENDPOINT') ?? new URL(AGENTOPS_API)
    const base = url('OTEL_EXPORTER_OTLP_ENDPOINT')
    if (base) base.pathname = `${base.pathname.replace(/\/+$/, '')}/v1/traces`
    const otlp = url('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ?? base
    const headers = validHeaders('headers', pick('headers', isObject, 'an object', {}))
    const target = option ?? agentops ?? (apiKey ? new URL(AGENTOPS_TRACES) : otlp)
    if (!target) return undefined

    // The token carries the key in clear: only a destination named together with the key, or AgentOps' own, gets one.
    const ours = !option || target.href === AGENTOPS_TRACES || given.apiKey === apiKey
    if (!apiKey || !ours) {
      // The environment's headers may hold another vendor's secret: they go where the environment sends.
      const name = ['OTEL_EXPORTER_OTLP_TRACES_HEADERS', 'OTEL_EXPORTER_OTLP_HEADERS'].find(variable)
      const own = name && target !== agentops && (otlp ?? target).origin === target.origin
      return { url: target.href, headers: { ...(own && validHeaders(name, pairs(name))), ...headers } }
    }
    const open = [target, api].find(({ protocol, hostname }) => protocol !== 'https:' && !LOOPBACK.test(hostname))
    if (open) {
      say(`${open.origin}: expected https, because requests to it carry the key; nothing is sent`)
      return undefined
    }
    for (const name of Object.keys(headers).filter((name) => PROTECTED_HEADER.test(name))) {
      say(`headers: ${name} is the exporter's own; it is left out`)
      delete headers[name]
    }
    return { url: target.href, headers, apiKey, tokenUrl: `${api.href.replace(/\/+$/, '')}/v3/auth/token` }
  }

  /** A ratio goes after the caller's decision, as in OpenTelemetry's default; a sampler of the user's own decides alone. */
  const readSampler = (): Pick<Config, 'sampler' | 'parentBased'> => {
    const isSampler: Check<number | Sampler> = (value) =>
      typeof value === 'number'
        ? isShare(value, '')
        : typeof (value as Sampler).shouldSample === 'function'
          ? (value as Sampler)
          : undefined
    const own = pick('sampler', isSampler, 'a number from 0 to 1 or a Sampler', undefined)
    if (own !== undefined) return { sampler: own, parentBased: typeof own === 'number' }
    const isName: Check<RegExpExecArray> = (value) =>
      /^(parentbased_)?(always_on|always_off|traceidratio)$/.exec(String(value)) ?? undefined
    const [, parent, kind] = pick('OTEL_TRACES_SAMPLER', isName, "an OpenTelemetry sampler's name", ['', 'parent'])
    const ratio = kind === 'traceidratio' ? pick('OTEL_TRACES_SAMPLER_ARG', isShare, 'a number from 0 to 1', 1) : 1
    return { sampler: kind === 'always_off' ? 0 : ratio, parentBased: !!parent }
  }

  const toggles = pick('instrumentations', isObject, 'an object', {}) as Record<string, unknown>
  for (const name of ['fetch', 'llm', 'ai']) {
    if (toggles[name] === true) say(`instrumentations.${name}: this version does not have it; it stays off`)
  }
  const fromEnv = pairs('OTEL_RESOURCE_ATTRIBUTES')
  const serviceFromEnv = pick('OTEL_SERVICE_NAME', isText, 'text', fromEnv[SERVICE_NAME])
  const ownAttributes = pick('resourceAttributes', isObject, 'an object', {}) as Attributes
  const service = pick('serviceName', isText, 'text', ownAttributes[SERVICE_NAME] ?? serviceFromEnv)
  const disabled = pick('disabled', isFlag, 'true or false', false, 'OTEL_SDK_DISABLED')
  const destination = readDestination()
  pick('format', isOneOf(['otlp-json']), 'otlp-json', 'otlp-json')
  pick(
    'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL',
    isOneOf(['http/json']),
    'http/json',
    'http/json',
    'OTEL_EXPORTER_OTLP_PROTOCOL',
  )

  const config: Config = {
    destination,
    disabled,
    resource: defaultResource().merge(
      resourceFromAttributes({
        ...fromEnv,
        ...ownAttributes,
        ...(service && { [SERVICE_NAME]: service }),
        [AGENTOPS_SDK_NAME]: 'agentops-edge',
        [AGENTOPS_SDK_VERSION]: VERSION,
      }),
    ),
    ...readSampler(),
    ...(Object.fromEntries((Object.keys(NUMBERS) as Numbers[]).map((name) => [name, number(name)])) as Record<
      Numbers,
      number
    >),
    mode: choice('mode'),
    scope: choice('scope'),
    inbound: choice('inbound'),
    name: perRequest('name', isText, 'text', 'AGENTOPS_TRACE_NAME'),
    tags: perRequest('tags', isTags, 'text, a list of texts', 'AGENTOPS_DEFAULT_TAGS'),
    attributes: perRequest('attributes', isObject, 'an object'),
    onDrop: fn('onDrop'),
    onExport: fn('onExport'),
    fetch: fn('fetch'),
    waitUntil: fn('waitUntil'),
    clock: fn('clock'),
    instrumentations: {
      global: toggles.global === true,
      llm: pick('AGENTOPS_INSTRUMENT_LLM_CALLS', isFlag, 'true or false', toggles.llm !== false),
    },
  }
  for (const name of Object.keys(given)) if (!known.has(name)) say(`${name}: there is no such option; it is ignored`)
  if (!destination && !disabled) {
    say(
      'no apiKey and no endpoint: sessions work, nothing is sent. Set AGENTOPS_API_KEY or OTEL_EXPORTER_OTLP_ENDPOINT',
    )
  }
  return Object.freeze(config)
}

const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/

export function processEnvironment(): Environment {
  return (globalThis as { process?: { env?: Environment } }).process?.env ?? {}
}

/** A value as a complaint shows it; never one that may be a secret. */
function show(value: unknown, source: string): string {
  if (typeof value === 'string' && !/key|header|endpoint/i.test(source)) return JSON.stringify(value.slice(0, 80))
  return typeof value === 'number' || typeof value === 'boolean' || value === undefined
    ? `${value ?? 'nothing'}`
    : `a value of type ${typeof value}`
}
