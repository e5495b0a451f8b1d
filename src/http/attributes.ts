/**
 * Stable HTTP attributes of a server span (OpenTelemetry semantic conventions 1.23 and later). No query string, no
 * header and no address of the client: they may hold what nobody meant to export.
 */
import type { Attributes } from '@opentelemetry/api'
import * as key from '../runtime/semconv.ts'

export function requestAttributes(request: Request, route?: string): Attributes {
  const { scheme, host, port, path } = partsOf(request.url)
  const known = key.METHODS.test(request.method)
  return {
    [key.HTTP_METHOD]: known ? request.method : '_OTHER',
    [key.HTTP_METHOD_ORIGINAL]: known ? undefined : request.method.slice(0, 64),
    [key.HTTP_ROUTE]: route,
    [key.URL_PATH]: path,
    [key.URL_SCHEME]: scheme,
    [key.SERVER_ADDRESS]: host,
    [key.SERVER_PORT]: Number(port) || (scheme === 'https' ? 443 : 80),
  }
}

/** A request's URL is a parsed one's text, without credentials: to parse it again costs three times as much. */
const PARTS = /^([^:]+):\/\/(\[[^\]]*\]|[^/:?#]*)(?::(\d+))?([^?#]*)/

function partsOf(url: string): Record<'scheme' | 'host' | 'port' | 'path', string | undefined> {
  const [, scheme, host, port, path] = PARTS.exec(url) ?? []
  return { scheme, host, port, path: path || '/' }
}

/** What the client spoke, `1.1` or `2`, as Cloudflare's request says; a look at `cf` costs a millisecond's fraction. */
export function protocolVersion(request: Request): string | undefined {
  return (request as { cf?: { httpProtocol?: string } }).cf?.httpProtocol?.replace('HTTP/', '')
}

/** The name of a request's session: low cardinality, so without a route only the method, and `HTTP` for an unknown one. */
export function requestName({ method }: Request, route?: string): string {
  const known = key.METHODS.test(method) ? method : 'HTTP'
  return route ? `${known} ${route}` : known
}
