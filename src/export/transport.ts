/**
 * One POST with a time limit, read to its end. The result is a value, never an exception; a body that is not read or
 * cancelled would hold one of the six connections that a Workers request has.
 */

/** `rejected` is final, `undelivered` may succeed later, and without a `reason` it was accepted. */
export type Outcome =
  | { reason?: undefined; status: number; body: string }
  | {
      reason: 'rejected' | 'undelivered'
      error: string
      /** None where no answer came. */
      status?: number
      retryAfterMs?: number
    }

/** OTLP/HTTP names these four; every other status is final. */
const RETRYABLE: readonly number[] = [429, 502, 503, 504]

export async function send(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array | string,
  fetch: typeof globalThis.fetch,
  timeoutMs: number,
): Promise<Outcome> {
  const { origin } = new URL(url)
  // Not AbortSignal.timeout: its timer outlives the request, and keeps a Durable Object from hibernating.
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), timeoutMs)
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: body as BodyInit,
      // A redirect would take the body, and what authorises it, to a host that nobody configured.
      redirect: 'manual',
      signal: abort.signal,
    })
    const { ok, status } = response
    const text = await response.text()
    if (ok) return { status, body: text }
    return {
      reason: RETRYABLE.includes(status) ? 'undelivered' : 'rejected',
      error: `${origin} answered ${status}${hint(status)}`,
      status,
      retryAfterMs: retryAfter(response.headers.get('retry-after') ?? ''),
    }
  } catch (thrown) {
    // Its own text may quote the request; its name is enough for a reader.
    const error = abort.signal.aborted
      ? `${origin} did not answer within ${timeoutMs} ms`
      : `${origin} could not be reached (${(thrown as Error)?.name})`
    return { reason: 'undelivered', error }
  } finally {
    clearTimeout(timer)
  }
}

function hint(status: number): string {
  if (status < 400) return ': redirects are not followed'
  if (status === 401 || status === 403) return ': check the API key or headers'
  if (status === 404) return ': check the endpoint with its path'
  return status === 413 ? ': lower maxExportBatchSize' : ''
}

/** `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3), as milliseconds from now. */
function retryAfter(value: string): number | undefined {
  const millis = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return millis >= 0 ? millis : undefined
}
