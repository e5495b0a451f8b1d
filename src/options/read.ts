/**
 * Options and environment become one frozen Config. A wrong value never takes a request down: it names itself, what was
 * expected and what is used instead, once per isolate, and everything else is kept.
 */
import type { Attributes } from '@opentelemetry/api'
import { otlpJson } from '../formats/otlp-json.ts'
import { describe, enableDebug, guard, warn } from '../runtime/diag.ts'
import { Hidden } from '../runtime/hidden.ts'
import type { SpanExporter } from '../runtime/sdk.ts'
import type { Instrumentations } from '../session/instruments.ts'
import type { Config } from './config.ts'
import { destinationOf } from './destination.ts'
import { HOST } from './kinds.ts'
import type { AgentOpsOptions, Environment } from './options.ts'
import { resourceOf } from './resource.ts'
import { OWN, SETTINGS, type Settings } from './settings.ts'
import { type Say, sourcesOf } from './sources.ts'

/** AgentOps' own hosts. */
const AGENTOPS = /^https:\/\/([^/]+\.)?agentops\.ai[:/]/
/** What makes instrumentations; the option of each is its name, or the beginning of it. */
const MAKERS: readonly string[] = [
  'fetchCalls',
  'llmCalls',
  'aiSpans',
  'aiSdk',
  'openaiAgents',
  'langChain',
  'cloudflareAgents',
]
/** A response waits for it there, and what is left goes with the next invocation. */
const LAMBDA_FLUSH_MS = 3000

/**
 * `options` go before `env`, and `env` before the process's environment. `say`: where a complaint goes. `parent`: the
 * settings of those options whose `exporters` these are one of; they take the place of the environment and the defaults.
 * `detected`: what an adapter knows of its platform; whatever the user says about the resource goes before it.
 */
export function readConfig(
  options?: AgentOpsOptions,
  env: Environment = {},
  say: Say = warn,
  parent?: Record<string, unknown>,
  detected: Attributes = {},
): Config {
  const input = (options ?? {}) as Record<string, unknown>

  const sources = sourcesOf(input, env, !!parent, say)
  // Vercel's functions have this variable, too, and a `waitUntil`.
  const isLambda = sources.read('AWS_LAMBDA_RUNTIME_API') && !sources.read('VERCEL')
  // The first usable source; unset and empty are the same, and what cannot be used is said.
  const picked: Record<string, unknown> = {}
  /** Who named it: the options, or a variable (in capitals). */
  const namers: Record<string, string> = {}
  for (const [name, [[expected, check], fallback, ...variables]] of Object.entries(SETTINGS)) {
    const wrong: string[] = []
    let used: unknown
    for (const source of [name, ...variables]) {
      const value = sources.read(source)
      if (used !== undefined || (value ?? '') === '') continue
      try {
        used = check(value, describe(value), source)
      } catch {}
      if (used === undefined) wrong.push(`${source}: expected ${expected}, got ${show(value, source)}; `)
      else namers[name] = source
    }
    used ??= parent && !OWN.test(name) ? parent[name] : fallback
    if (name === 'flushDeadlineMs' && used === fallback && !parent && !namers[name] && isLambda) used = LAMBDA_FLUSH_MS
    picked[name] = used
    for (const complaint of wrong) say(`${complaint}${show(used, name)} is used`)
  }
  const { spool } = picked
  if (typeof spool === 'function') picked.spool = guard('spool', () => spool(env))
  picked.hidden = parent?.hidden ?? new Hidden()
  const settings = picked as unknown as Settings
  if (settings.debug) enableDebug()
  const { sampler, OTEL_TRACES_SAMPLER: samplerName, instrumentations: toggles } = settings
  const format = settings.format === 'otlp-json' ? otlpJson : settings.format
  const { propagateTo } = settings
  if (Array.isArray(propagateTo) && !parent) checkHosts(propagateTo, say)

  const exporters = (parent ? [] : settings.exporters).flatMap((exporter, i) =>
    exporterOf(exporter, i, env, say, picked),
  )
  const unknown = (name: string): void => say(`${name}: no option of this version; it is left out`)
  const instrumentations: Record<string, unknown> = { global: toggles.global === true }
  for (const [name, instrumentation] of Object.entries(toggles)) {
    const maker = MAKERS.find((one) => one.startsWith(name))
    if (name === 'global') continue
    if (!maker) unknown(`instrumentations.${name}`)
    else if (instrumentation && (instrumentation as { instruments?: unknown }).instruments !== name) {
      say(`instrumentations.${name}: expected ${maker}() of agentops-edge/instrumentation; it is left out`)
    } else if (name !== 'llm' || settings.AGENTOPS_INSTRUMENT_LLM_CALLS)
      instrumentations[name] = instrumentation || undefined
  }
  const destination = destinationOf(settings, namers, format, sources, say)
  const config: Config = {
    ...settings,
    destination,
    endSpan: settings.endSpan ?? AGENTOPS.test(`${destination?.url}`),
    format,
    exporters,
    isRedactedLater: [settings, ...exporters].some((target) => 'semconv' in target && !!target.semconv),
    resource: resourceOf(settings, sources, detected),
    sampler:
      sampler ??
      (samplerName.endsWith('off') ? 0 : samplerName.endsWith('ratio') ? settings.OTEL_TRACES_SAMPLER_ARG : 1),
    parentBased: sampler === undefined ? samplerName.startsWith('parent') : typeof sampler === 'number',
    instrumentations: instrumentations as unknown as Instrumentations,
  }
  guard('the options', () => {
    for (const name of Object.keys(input)) if (!SETTINGS[name] || (parent && name === 'exporters')) unknown(name)
  })
  if (!config.destination && !exporters.length && !config.disabled) {
    say('no apiKey and no endpoint: nothing is sent. Set AGENTOPS_API_KEY or OTEL_EXPORTER_OTLP_ENDPOINT')
  }
  return Object.freeze(config)
}

function exporterOf(
  exporter: object,
  i: number,
  env: Environment,
  say: Say,
  parent: Record<string, unknown>,
): Config | SpanExporter | [] {
  const complain = (complaint: string): void => say(`exporters[${i}]: ${complaint}`)
  try {
    // What is no object throws here, as a Proxy may.
    return 'export' in exporter ? (exporter as SpanExporter) : readConfig(exporter, env, complain, parent)
  } catch {
    complain('expected delivery options or a SpanExporter; it is left out')
    return []
  }
}

function checkHosts(hosts: readonly (string | RegExp)[], say: Say): void {
  for (const [i, host] of hosts.entries()) {
    if (typeof host === 'string' && !HOST.test(host)) {
      say(
        `propagateTo[${i}]: expected a host (api.example.com, *.example.com, as a URL writes it) or an origin; nothing matches it`,
      )
    }
  }
}

/** A value as a complaint shows it; never one that may be a secret. */
function show(value: unknown, source: string): string {
  if (/key|header|endpoint/i.test(source) && value !== undefined) return `some ${typeof value}`
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80))
  return /number|boolean|undefined/.test(typeof value) ? `${value ?? 'nothing'}` : `some ${typeof value}`
}
