/**
 * One POST with a time limit. The result is a value, never an exception; a body that is not read or cancelled would hold
 * one of the six connections that a Workers request has.
 */
import type { Deadline } from '../runtime/deadline.ts'

/** A body, and the headers that say what it is. */
export interface Encoded {
  body: Uint8Array
  headers: Readonly<Record<string, string>>
}

export interface Accepted {
  reason?: undefined
  status: number
  /** Empty where the answer broke off: its status had said that the request was taken. */
  body: Uint8Array
}

export interface Refused {
  /** `rejected` is final, `undelivered` may succeed later; `request-limit`: `maxRequests` is used up. */
  reason: 'rejected' | 'undelivered' | 'request-limit'
  error: string
  /** None where no answer came. */
  status?: number
  retryAfterMs?: number
}

export type Outcome = Accepted | Refused

/** OTLP/HTTP names these four; every other status is final. */
const RETRYABLE: readonly number[] = [429, 502, 503, 504]

export async function send(
  url: string,
  { body, headers }: Encoded,
  fetch: typeof globalThis.fetch,
  until: number,
  deadline: Deadline,
): Promise<Outcome> {
  const { origin } = new URL(url)
  // Not AbortSignal.timeout: its timer outlives the request, and keeps a Durable Object from hibernating.
  const abort = new AbortController()
  // A user's `fetch` may ignore the signal: nothing waits for it longer.
  const within = <T>(promise: Promise<T>): Promise<T> => deadline.within(until - Date.now(), promise)
  try {
    const answering = fetch(url, {
      method: 'POST',
      headers,
      body: body as BodyInit,
      // A redirect would take the body, and what authorises it, to a host that nobody configured.
      redirect: 'manual',
      signal: abort.signal,
    })
    const response = await within(answering)
    const { ok, status } = response
    // Once the status is here, a body that breaks off or hangs changes nothing: to send again would send twice.
    const answer = await within(response.arrayBuffer()).catch(() => {
      abort.abort()
      return new ArrayBuffer(0)
    })
    if (ok) return { status, body: new Uint8Array(answer) }
    return {
      reason: RETRYABLE.includes(status) ? 'undelivered' : 'rejected',
      error: `${origin} answered ${status}${hint(status)}`,
      status,
      retryAfterMs: retryAfter(response.headers.get('retry-after') ?? ''),
    }
  } catch (thrown) {
    // What has not answered by now is given up, and its connection freed.
    abort.abort()
    // Its own text may quote the request; its name is enough for a reader.
    const name = (thrown as Error | undefined)?.name
    const error =
      name === 'TimeoutError' ? `${origin} did not answer in time` : `${origin} could not be reached (${name})`
    return { reason: 'undelivered', error }
  }
}

function hint(status: number): string {
  if (status < 400) return ': redirects are not followed'
  if (status === 401 || status === 403) return ': check the API key or headers'
  return status === 404 ? ': check the endpoint with its path' : ''
}

/** `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3), as milliseconds from now. */
function retryAfter(value: string): number | undefined {
  const millis = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return millis >= 0 ? millis : undefined
}
