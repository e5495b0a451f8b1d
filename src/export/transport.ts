/**
 * One POST with a time limit, read to its end. The result is a value, never an exception; a body that is not read or
 * cancelled would hold one of the six connections that a Workers request has.
 */

/** `rejected`: spans of a partial success that the backend did not take (OTLP/HTTP, "Partial Success"). */
export type Outcome =
  | { kind: 'accepted'; rejected: number; message?: string; body: string }
  | { kind: 'retryable'; message: string; retryAfterMs?: number }
  | { kind: 'refused'; status: number; message: string }

export interface Request {
  url: string
  headers: Readonly<Record<string, string>>
  body: Uint8Array | string
}

/** OTLP/HTTP names these four; every other status is final. */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504])

export async function send(request: Request, fetch: typeof globalThis.fetch, timeoutMs: number): Promise<Outcome> {
  const { origin } = new URL(request.url)
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), timeoutMs)
  try {
    const response = await fetch(request.url, {
      method: 'POST',
      headers: { ...request.headers, 'content-type': 'application/json' },
      body: request.body as BodyInit,
      // A redirect would take the body, and what authorises it, to a host that nobody configured.
      redirect: 'manual',
      signal: abort.signal,
    })
    const text = await response.text()
    if (response.ok) return { kind: 'accepted', ...partialSuccess(text), body: text }
    const message = `${origin} answered ${response.status}${hint(response.status)}`
    if (!RETRYABLE.has(response.status)) return { kind: 'refused', status: response.status, message }
    return { kind: 'retryable', message, retryAfterMs: retryAfter(response.headers.get('retry-after')) }
  } catch (error) {
    // The error's own text may quote the request; its name is enough for a reader.
    const why = abort.signal.aborted
      ? `did not answer within ${timeoutMs} ms`
      : `could not be reached (${nameOf(error)})`
    return { kind: 'retryable', message: `${origin} ${why}` }
  } finally {
    clearTimeout(timer)
  }
}

function partialSuccess(body: string): { rejected: number; message?: string } {
  try {
    const { rejectedSpans, errorMessage } = JSON.parse(body)?.partialSuccess ?? {}
    return { rejected: Number(rejectedSpans) || 0, message: errorMessage && String(errorMessage).slice(0, 500) }
  } catch {
    // A 200 whose body is no OTLP: the backend took the request.
    return { rejected: 0 }
  }
}

function hint(status: number): string {
  if (status === 401 || status === 403) return ': check the API key or the headers'
  if (status === 404) return ': check the endpoint, it is the whole URL of the traces path'
  if (status === 413) return ': lower maxExportBatchSize'
  return status >= 300 && status < 400 ? ': redirects are not followed' : ''
}

/** `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3), as milliseconds from now. */
function retryAfter(value: string | null): number | undefined {
  if (!value) return undefined
  const millis = /^\s*\d+\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return millis >= 0 ? millis : undefined
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error
}
