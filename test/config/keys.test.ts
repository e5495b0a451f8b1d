/**
 * Where a key goes, over every way to name one: only where it was named together with the place (options with options,
 * the environment with the environment, an `exporters` entry with itself), or to AgentOps; never in clear but on this
 * machine. What is asked is what the library hands to `fetch`.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { agentopsV2 } from '../../src/formats/index.ts'
import { type AgentOpsOptions, createAgentOps } from '../../src/index.ts'
import { sessionMetrics } from '../../src/metrics/index.ts'

const LEVELS = ['option', 'environment', 'entry'] as const
type Level = (typeof LEVELS)[number]
const AGENTOPS_API = 'https://api.agentops.ai'
const AGENTOPS_OTLP = 'https://otlp.agentops.ai'

type Scheme = 'https' | 'http' | 'loopback'
interface Case {
  format: 'otlp' | 'v2'
  keys: readonly Level[]
  apis: readonly Level[]
  endpoints: readonly Level[]
  /** The variable that names the environment's. */
  variable: string
  /** Of endpoints and of the API. */
  schemes: readonly [Scheme, Scheme]
}
interface Asked {
  origin: string
  path: string
  /** URL, headers and body. */
  text: string
}

/** All choices of some of them, none and all included. */
function subsets<T>(all: readonly T[]): T[][] {
  return Array.from({ length: 2 ** all.length }, (_, choice) => all.filter((_, at) => choice & (1 << at)))
}

const AGENTOPS_VARIABLE = 'AGENTOPS_EXPORTER_ENDPOINT'
const VARIABLES = [AGENTOPS_VARIABLE, 'OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']

function originOf(kind: 'endpoint' | 'api', level: Level, { schemes }: Case): string {
  const scheme = schemes[kind === 'endpoint' ? 0 : 1]
  if (scheme !== 'loopback') return `${scheme}://${level}-${kind}.example.com`
  const port = 4000 + LEVELS.indexOf(level) * 10 + (kind === 'api' ? 1 : 0)
  return `http://${['127.0.0.1', 'localhost', '[::1]'][LEVELS.indexOf(level)]}:${port}`
}

let made = 0
/** UUIDs, as v2 takes no others, of which no two cases share one: tokens are kept by them. */
function keysOf(): Record<Level, string> {
  const [option, environment, entry] = LEVELS.map((_, at) => {
    return `${String(++made).padStart(8, '0')}-${at}111-4111-8111-111111111111`
  }) as [string, string, string]
  return { option, environment, entry }
}
const parentOf = (key: string): string => key.replace(/^./, 'f')
const header = (level: Level): string => `header-of-the-${level}`

/** All that is asked for one session of such a client. */
async function ask(one: Case, keys: Record<Level, string>, more: AgentOpsOptions = {}): Promise<Asked[]> {
  const { format, variable } = one
  const asked: Asked[] = []
  const own = (level: Level) => ({
    ...(one.keys.includes(level) && { apiKey: keys[level], parentKey: parentOf(keys[level]) }),
    ...(one.apis.includes(level) && { apiEndpoint: originOf('api', level, one) }),
    ...(one.endpoints.includes(level) && { endpoint: `${originOf('endpoint', level, one)}/v1/traces` }),
    ...(level !== 'environment' && { headers: { 'x-own': header(level) } }),
    ...(format === 'v2' && { format: agentopsV2 }),
  })
  const named = own('environment')
  const environment = {
    AGENTOPS_API_KEY: named.apiKey,
    AGENTOPS_PARENT_KEY: named.parentKey,
    AGENTOPS_API_ENDPOINT: named.apiEndpoint,
    [variable]: variable === 'OTEL_EXPORTER_OTLP_ENDPOINT' ? named.endpoint?.replace('/v1/traces', '') : named.endpoint,
    OTEL_EXPORTER_OTLP_HEADERS: `x-environment=${header('environment')}`,
  }
  const hasEntry = [one.keys, one.apis, one.endpoints].some((levels) => levels.includes('entry'))
  const client = createAgentOps(
    {
      ...own('option'),
      exporters: hasEntry ? [own('entry')] : [],
      compression: 'none',
      retryAttempts: 0,
      mode: 'multi',
      fetch: async (input, init) => {
        const { origin, pathname: path } = new URL(`${input}`)
        const headers = JSON.stringify([...new Headers(init?.headers)])
        const body = new TextDecoder().decode(init?.body as Uint8Array)
        asked.push({ origin, path, text: `${input} ${headers} ${body}` })
        // What is given for a key holds it, as a token does for all who can read one.
        const [key = ''] = /\d{8}-\d111-4111-8111-1{12}/.exec(`${headers} ${body}`) ?? []
        return Response.json({ token: `token of ${key}`, jwt: `jwt of ${key}` })
      },
      ...more,
    },
    environment,
  )
  const session = client.startSession({ name: 'job' })
  await session.end()
  return asked
}

const isSafe = (origin: string): boolean => /^https:|^http:\/\/(localhost|127\.0\.0\.1|\[::1\]):/.test(origin)

/** What went where it must not, each a sentence. */
function faultsOf(one: Case, keys: Record<Level, string>, asked: readonly Asked[]): string[] {
  const faults: string[] = []
  const { endpoints, apis, format } = one
  const isOtlp = one.variable !== AGENTOPS_VARIABLE
  const api = (level: Level): string[] => (apis.includes(level) ? [originOf('api', level, one)] : [])
  const endpoint = (level: Level): string[] => (endpoints.includes(level) ? [originOf('endpoint', level, one)] : [])
  for (const { origin, path, text } of asked) {
    const say = (what: string): number => faults.push(`${what} went to ${origin}${path}`)
    for (const level of LEVELS) {
      const key = keys[level]
      const bare = text.replaceAll(`token of ${key}`, '').replaceAll(`jwt of ${key}`, '')
      const hasKey = bare.includes(key) || bare.includes(parentOf(key))
      if (hasKey && ![...api(level), AGENTOPS_API].includes(origin)) say(`the key of the ${level}`)
      // OpenTelemetry's variables are for anybody's backend.
      const places = level === 'environment' && isOtlp ? [] : endpoint(level)
      const forToken = format === 'v2' ? [...api(level), AGENTOPS_API] : [...places, AGENTOPS_OTLP]
      if (text.length > bare.length && !forToken.includes(origin)) say(`the token of the ${level}`)
      if ((hasKey || text.length > bare.length) && !isSafe(origin)) say(`the key of the ${level}, in clear,`)
    }
    const carries = (level: Level): boolean => text.includes(header(level))
    const ofEntry = [...endpoint('entry'), ...api('entry')]
    const ours = [AGENTOPS_API, AGENTOPS_OTLP]
    if (LEVELS.some(carries) && path === '/v3/auth/token') say('a header')
    if (carries('option') && ofEntry.includes(origin)) say('a header of the options')
    if (carries('entry') && ![...ofEntry, ...ours].includes(origin)) say('a header of the entry')
    const named = endpoints.includes('environment') && isOtlp ? endpoint('environment') : endpoint('option')
    if (carries('environment') && !named.includes(origin)) say('a header of the environment')
    if (carries('environment') && text.includes('token of')) say('a header of the environment, beside a token,')
  }
  return faults
}

/** What did not come where it has to: where all that is named is named together. */
function missingOf(one: Case, keys: Record<Level, string>, asked: readonly Asked[]): string[] {
  const missing: string[] = []
  const { apis, endpoints, format, variable, schemes } = one
  const isSent = (origin: string, what: string): boolean =>
    asked.some((each) => each.origin === origin && each.text.includes(what))
  const arrives = (level: Level, others: readonly Level[]): void => {
    const isAlone = (levels: readonly Level[]): boolean => !levels.some((each) => others.includes(each))
    const isOtlp = level === 'environment' && variable !== AGENTOPS_VARIABLE
    if (!one.keys.includes(level) || !isAlone(apis) || !isAlone(endpoints)) return
    const [hasApi, hasEndpoint] = [apis.includes(level), endpoints.includes(level) && !isOtlp]
    if ((hasApi && schemes[1] === 'http') || (hasEndpoint && schemes[0] === 'http' && format === 'otlp')) return
    const api = hasApi ? originOf('api', level, one) : AGENTOPS_API
    if (!isSent(api, keys[level])) missing.push(`the key of the ${level} at ${api}`)
    const to = hasEndpoint ? originOf('endpoint', level, one) : AGENTOPS_OTLP
    if (format === 'otlp' && !isSent(to, `token of ${keys[level]}`)) missing.push(`its token at ${to}`)
  }
  arrives('option', ['environment'])
  if (!one.keys.includes('option')) arrives('environment', ['option'])
  arrives('entry', ['option', 'environment'])
  // Without a key.
  const [to] = endpoints
  if (!one.keys.length && format === 'otlp' && to && !isSent(originOf('endpoint', to, one), 'job.session')) {
    missing.push(`spans at ${originOf('endpoint', to, one)}`)
  }
  return missing
}

const SCHEMES: Case['schemes'][] = [
  ['https', 'https'],
  ['loopback', 'loopback'],
  ['http', 'http'],
  ['https', 'http'],
  ['http', 'https'],
]

let said: string[] = []
beforeEach(() => {
  said = []
  vi.spyOn(console, 'warn').mockImplementation((line) => void said.push(`${line}`))
})
afterEach(() => void vi.restoreAllMocks())

describe.each(['otlp', 'v2'] as const)('%s', (format) => {
  test.each(SCHEMES)('endpoints over %s, the API over %s', async (...schemes) => {
    const cases: Case[] = []
    for (const keys of subsets(LEVELS)) {
      for (const apis of subsets(LEVELS)) {
        // v2 has no endpoint but the API.
        for (const endpoints of format === 'v2' ? [[], [...LEVELS]] : subsets(LEVELS)) {
          const isWhole = endpoints.includes('environment') && schemes.every((scheme) => scheme === 'https')
          const variables = isWhole ? VARIABLES : VARIABLES.slice(0, 1)
          for (const variable of variables) cases.push({ format, keys, apis, endpoints, variable, schemes })
        }
      }
    }
    const faults: string[] = []
    const missing: string[] = []
    for (const one of cases) {
      const keys = keysOf()
      const asked = await ask(one, keys)
      const list = (levels: readonly Level[]): string => levels.join('+') || 'none'
      const { apis, endpoints, variable } = one
      const by = endpoints.includes('environment') ? ` (${variable})` : ''
      const what = `key: ${list(one.keys)}; apiEndpoint: ${list(apis)}; endpoint: ${list(endpoints)}${by}`
      for (const fault of new Set(faultsOf(one, keys, asked))) faults.push(`${what}: ${fault}`)
      for (const miss of missingOf(one, keys, asked)) missing.push(`${what}: ${miss}`)
      if (Object.values(keys).some((key) => said.join().includes(key))) faults.push(`${what}: a key is said`)
    }
    expect({ faults, missing }).toEqual({ faults: [], missing: [] })
  })
})

test('metrics take a key nowhere else', async () => {
  const faults: string[] = []
  for (const keys of subsets<Level>(['option', 'environment'])) {
    for (const endpoints of subsets<Level>(['option', 'environment'])) {
      for (const scheme of ['https', 'http'] as const) {
        const one: Case = {
          format: 'otlp',
          keys,
          apis: [],
          endpoints,
          variable: AGENTOPS_VARIABLE,
          schemes: ['https', 'https'],
        }
        for (const origin of [
          `${scheme}://metrics.example.com`,
          originOf('endpoint', 'option', one).replace('https', scheme),
        ]) {
          const names = keysOf()
          const metrics = sessionMetrics({ endpoint: `${origin}/v1/metrics`, exportIntervalMs: 1 })
          const asked = await ask(one, names, { metrics })
          expect(asked.some(({ path }) => path === '/v1/metrics')).toBe(true)
          for (const fault of faultsOf(one, names, asked)) faults.push(`${keys}; ${endpoints}; ${origin}: ${fault}`)
        }
      }
    }
  }
  expect(faults).toEqual([])
})
