/**
 * Stable HTTP attributes of a server span (OpenTelemetry semantic conventions 1.23 and later). No query string, no
 * header and no address of the client: they may hold what nobody meant to export.
 */
import type { Attributes } from '@opentelemetry/api'
import * as key from '../semconv.ts'

const METHODS = /^(GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH|QUERY)$/

export function requestAttributes(request: Request, route?: string): Attributes {
  const { method } = request
  const known = METHODS.test(method)
  const url = new URL(request.url)
  const scheme = url.protocol.slice(0, -1)
  const attributes: Attributes = {
    [key.HTTP_METHOD]: known ? method : '_OTHER',
    [key.URL_PATH]: url.pathname,
    [key.URL_SCHEME]: scheme,
    [key.SERVER_ADDRESS]: url.hostname,
    [key.SERVER_PORT]: Number(url.port) || (scheme === 'https' ? 443 : 80),
  }
  if (route) attributes[key.HTTP_ROUTE] = route
  if (!known) attributes[key.HTTP_METHOD_ORIGINAL] = method.slice(0, 64)
  // Cloudflare's request says what the client spoke: `HTTP/2`.
  const protocol = (request as { cf?: { httpProtocol?: string } }).cf?.httpProtocol
  if (protocol) attributes[key.PROTOCOL_VERSION] = protocol.replace(/^HTTP\//, '')
  return attributes
}

/** A method as a span name may carry it: low cardinality, so an unknown one is `HTTP`. */
export function methodName({ method }: Request): string {
  return METHODS.test(method) ? method : 'HTTP'
}
