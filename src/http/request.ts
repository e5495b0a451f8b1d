/** A `Request` for what came as something else: an event of Lambda, a request of `node:http`. */

/** Fields with one value or several; what is no header (HTTP/2's `:path`) is not for us to refuse, and left out. */
export function headersOf(fields: Readonly<Record<string, unknown>>): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(fields)) {
    try {
      if (value !== undefined) headers.set(name, [value].flat().join(', '))
    } catch {}
  }
  return headers
}

/** `Request` refuses a method such as TRACE; its name is all that is needed then. */
export function requestOf(url: URL, method: string, headers: Headers): Request {
  try {
    return new Request(url, { method, headers })
  } catch {
    return Object.defineProperty(new Request(url, { headers }), 'method', { value: method })
  }
}

/** The URL of a request, of what its caller sent: what is no host, port or path is left out, and never throws. */
export function urlOf(scheme: 'http' | 'https', host: string, target: string): URL {
  const url = new URL(`${scheme}://localhost`)
  url.host = host
  // A proxy is sent the whole URL.
  const [path = '', query = ''] = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, '').split(/\?(.*)/s)
  url.pathname = path
  url.search = query
  return url
}
