/**
 * "Which destination" in docs/reference/options.md: the options, then AgentOps, then the `OTEL_EXPORTER_OTLP_*` variables. And who gets
 * a key: AgentOps itself, and a place that was named where the key was, in the options or in the environment; over https,
 * or on this machine.
 */
import type { Format } from '../formats/format.ts'
import { Hidden } from '../runtime/hidden.ts'
import type { Destination } from '../transport/connection.ts'
import { AGENTOPS_API, type Settings } from './settings.ts'
import type { Say, Sources } from './sources.ts'

const AGENTOPS_TRACES = 'https://otlp.agentops.ai/v1/traces'
/** URLs (as `URL` writes them) that a key may go to: https, or this machine. */
const SAFE = /^http(s:|:\/\/(([^/]+\.)?localhost|127(\.\d+){3}|\[::1\])[:/])/
/** Headers of a destination that has a token; the same list as in AgentOps' own exporter. */
const PROTECTED_HEADER = /^(authorization|content-type|user-agent|(x-)?api-key|bearer|x-(auth|session)-token)$/i
/** A header as `fetch` takes it, without the spaces around it. */
const HEADER = /^[\w!#$%&'*+.^`|~-]+:[\t\x20-\x7e\x80-\xff]*$/
/** Headers whose values are no secrets, and may be common words. */
const PLAIN_HEADER = /^(accept|content|user-agent)/

/** `namers`: by setting, the option or the variable (in capitals) that named it. Undefined where there is none, or where the key would go to a place that it was not named with, or in clear. */
export function destinationOf(
  settings: Settings,
  namers: Readonly<Record<string, string>>,
  format: Format,
  sources: Sources,
  say: Say,
): Destination | undefined {
  const { apiKey, parentKey, endpoint, apiEndpoint, hidden, AGENTOPS_EXPORTER_ENDPOINT: agentops } = settings
  const base = settings.OTEL_EXPORTER_OTLP_ENDPOINT
  const otlp = settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? (base && under(base, '/v1/traces'))
  const target = format.api ? apiKey && apiEndpoint : (endpoint ?? agentops ?? (apiKey ? AGENTOPS_TRACES : otlp))
  /** Whether `key` may go to `place`, by the settings that they are; whoever named it, AgentOps' own is one. */
  const belongs = (key: string, place: string, url: string): boolean =>
    url === AGENTOPS_TRACES || url === AGENTOPS_API || isVariable(namers[key]) === isVariable(namers[place])
  const refuse = (key: string, place: string): void =>
    say(
      `${namers[place]} and ${namers[key]}: expected both in the options, or in the environment; the key does not go there`,
    )
  const place = endpoint ? 'endpoint' : 'AGENTOPS_EXPORTER_ENDPOINT'
  const withKey = apiKey && target && (format.api || belongs('apiKey', place, target))
  if (target === agentops && apiKey && !withKey) refuse('apiKey', place)

  const headers: Record<string, string> = {}
  const addHeaders = (source: string, added: object): void => {
    for (const [name, value] of Object.entries(added)) {
      if (!PLAIN_HEADER.test(name.toLowerCase())) hidden.add(value)
      const text = typeof value === 'string' ? value.trim() : '\n'
      if (HEADER.test(`${name}:${text}`) && !(withKey && PROTECTED_HEADER.test(name))) {
        headers[name.toLowerCase()] = text
        continue
      }
      say(
        `${source}: ${/^[\w -]{1,24}$/.test(name) ? `"${name}"` : 'a name'} is reserved, or no header with a text value; it is left out`,
      )
    }
  }
  if (target && !withKey && target !== agentops && originOf(otlp ?? target) === originOf(target)) {
    // The environment's headers may hold another vendor's secret: they go where the environment sends.
    const name = ['OTEL_EXPORTER_OTLP_TRACES_HEADERS', 'OTEL_EXPORTER_OTLP_HEADERS'].find(sources.read)
    if (name) addHeaders(name, sources.pairs(name))
  }
  addHeaders('headers', settings.headers)
  for (const key of [apiKey, parentKey]) hidden.add(key)
  if (!target) return undefined
  // Its tokens come and go; what is configured stays.
  const destination = { url: target, headers, hidden: new Hidden(hidden) }
  // Who has no such page quotes its address.
  for (const value of new URL(target).searchParams.values()) destination.hidden.add(value)
  if (!withKey) return destination
  const open = [target, apiEndpoint].find((to) => !SAFE.test(to))
  const isRefused = !belongs('apiKey', 'apiEndpoint', apiEndpoint)
  if (open) say(`${originOf(open)}: expected https, as the key goes there; nothing is sent`)
  else if (isRefused) refuse('apiKey', 'apiEndpoint')
  if (open || isRefused) return undefined
  if (!format.api) return { ...destination, apiKey, tokenUrl: under(apiEndpoint, '/v3/auth/token') }
  const isParents = belongs('parentKey', 'apiEndpoint', apiEndpoint)
  if (parentKey && !isParents) refuse('parentKey', 'apiEndpoint')
  return { ...destination, apiKey, parentKey: isParents ? parentKey : undefined }
}

function isVariable(name: string | undefined): boolean {
  return /^[A-Z]/.test(name ?? '')
}

/** `path` below `url`, before its query. */
function under(url: string, path: string): string {
  return url.replace(/\/*(?=[?#]|$)/, path)
}

function originOf(url: string): string {
  return new URL(url).origin
}
