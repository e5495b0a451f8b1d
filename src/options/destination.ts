/** "Which destination" in the README: the options, then AgentOps, then the `OTEL_EXPORTER_OTLP_*` variables; and who gets the key. */
import type { Format } from '../formats/format.ts'
import type { Destination } from '../transport/connection.ts'
import type { Settings } from './settings.ts'
import type { Say, Sources } from './sources.ts'

const AGENTOPS_TRACES = 'https://otlp.agentops.ai/v1/traces'
/** URLs (as `URL` writes them) that a key may go to: https, or this machine. */
const SAFE = /^http(s:|:\/\/(([^/]+\.)?localhost|127(\.\d+){3}|\[::1\])[:/])/
/** Headers of a destination that has a token; the same list as in AgentOps' own exporter. */
const PROTECTED_HEADER = /^(authorization|content-type|user-agent|(x-)?api-key|bearer|x-(auth|session)-token)$/i

/** Undefined where there is none, or where the key would go in clear. */
export function destinationOf(settings: Settings, format: Format, sources: Sources, say: Say): Destination | undefined {
  const { apiKey, endpoint, apiEndpoint, AGENTOPS_EXPORTER_ENDPOINT: agentops } = settings
  const base = settings.OTEL_EXPORTER_OTLP_ENDPOINT
  const otlp = settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? (base && under(base, '/v1/traces'))
  const target = format.api ? apiKey && apiEndpoint : (endpoint ?? agentops ?? (apiKey ? AGENTOPS_TRACES : otlp))
  // The token carries the key in clear: only a destination named together with the key, or AgentOps' own, gets one.
  const withKey =
    apiKey && (format.api || !endpoint || endpoint === AGENTOPS_TRACES || sources.read('apiKey') === apiKey)
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
    const name = ['OTEL_EXPORTER_OTLP_TRACES_HEADERS', 'OTEL_EXPORTER_OTLP_HEADERS'].find(sources.read)
    if (name) addHeaders(name, sources.pairs(name))
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

/** `path` below `url`, before its query. */
function under(url: string, path: string): string {
  return url.replace(/\/*(?=[?#]|$)/, path)
}

function originOf(url: string): string {
  return new URL(url).origin
}
