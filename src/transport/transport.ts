/**
 * One POST with a time limit. The result is a value, never an exception; a body that is not read or cancelled would hold
 * one of the six connections that a Workers request has.
 */
import { concat } from '../runtime/bytes.ts'
import { type Deadline, sleep } from '../runtime/deadline.ts'
import { printable } from '../runtime/diag.ts'
import type { Hidden } from '../runtime/hidden.ts'

/** A body, and the headers that say what it is. */
export interface Encoded {
  body: Uint8Array
  headers: Readonly<Record<string, string>>
}

export interface Accepted {
  reason?: undefined
  status: number
  /** At most its first 64 KiB; empty where the answer broke off: its status had said that the request was taken. */
  body: Uint8Array
}

export interface Refused {
  /** `rejected` is final, `undelivered` may succeed later; `request-limit`: `maxRequests` is used up. */
  reason: 'rejected' | 'undelivered' | 'request-limit'
  error: string
  /** None where no answer came. */
  status?: number
  retryAfterMs?: number
  /** Undelivered, and of no use to try again: it is kept for later. */
  isFinal?: boolean
  /** Of a token endpoint: when it may be asked again, milliseconds since the epoch. */
  retryAt?: number
  /** No request was made: one before has failed. */
  isRemembered?: boolean
}

/** What became of one request: taken, or refused with a reason. A value, never an exception. */
export type Outcome = Accepted | Refused

/** What sending needs beside what is sent. */
export interface Sending {
  fetch: typeof globalThis.fetch
  /** Milliseconds since the epoch. */
  until: number
  deadline: Deadline
  final?: readonly number[]
  /** What nothing that the backend says is shown with. */
  hidden: Hidden
}

/** More of an answer is not read. */
const MAX_ANSWER = 65_536
const MAX_WORDS = 200
/** workerd's own refusals: no fault of the destination's. */
const LOCAL = /too many subrequests|different request|subrequest depth/i

export function send(url: string, encoded: Encoded, sending: Sending): Promise<Outcome> {
  const { until, deadline } = sending
  // A user's `fetch` may ignore the signal: nothing waits for it longer. Code may have held the thread to the end of the
  // time: what has come meanwhile is seen first.
  return deadline.limited(until - Date.now(), (within) =>
    post(url, encoded, sending, (promise) =>
      within(promise).catch((late) => {
        const over = sleep(0).then(() => {
          throw late
        })
        return Promise.race([promise, over])
      }),
    ),
  )
}

async function post(
  url: string,
  { body, headers }: Encoded,
  { fetch, final, hidden }: Sending,
  within: <T>(promise: Promise<T>) => Promise<T>,
): Promise<Outcome> {
  // A query may hold a secret.
  const place = url.replace(/[?#].*/, '')
  // Not AbortSignal.timeout: its timer outlives the request, and keeps a Durable Object from hibernating.
  const abort = new AbortController()
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
    const answer = await within(beginning(response)).catch(() => {
      abort.abort()
      return new Uint8Array(0)
    })
    const isPage = ok && /html/i.test(response.headers.get('content-type') ?? '')
    if (ok && !isPage) return { status, body: answer }
    return refusal(place, response, wordsOf(answer, hidden), final)
  } catch (thrown) {
    // What has not answered by now is given up, and its connection freed.
    abort.abort()
    return failure(place, thrown)
  }
}

function refusal(place: string, { status, headers }: Response, words: string, final: Sending['final']): Refused {
  const mayPass = (status >= 500 || status === 408 || status === 429) && !final?.includes(status)
  return {
    reason: mayPass ? 'undelivered' : 'rejected',
    error: `${place} answered ${status}${hint(status)}${words}`,
    status,
    retryAfterMs: retryAfter(headers.get('retry-after') ?? ''),
  }
}

function failure(place: string, thrown: unknown): Refused {
  const { name, message, cause } = Object(thrown) as Error & { cause?: { code?: string } }
  // Its own text may quote the request; its name, or the code of what caused it, is enough for a reader.
  if (LOCAL.test(message))
    return { reason: 'request-limit', error: `this invocation may make no request any more: ${name}` }
  const why = name === 'TimeoutError' ? 'did not answer in time' : `could not be reached (${cause?.code ?? name})`
  return { reason: 'undelivered', error: `${place} ${why}` }
}

async function beginning(response: Response): Promise<Uint8Array> {
  const { headers } = response
  const isShort = Number(headers.get('content-length') ?? Number.NaN) <= MAX_ANSWER && !headers.has('content-encoding')
  return isShort ? new Uint8Array(await response.arrayBuffer()) : firstOf(response)
}

async function firstOf({ body }: Response): Promise<Uint8Array> {
  const reader = body?.getReader()
  const parts: Uint8Array[] = []
  for (let length = 0; reader && length < MAX_ANSWER; ) {
    const { done, value } = await reader.read()
    if (done) return concat(parts)
    parts.push(value)
    length += value.length
  }
  reader?.cancel().catch(() => {})
  return concat(parts).subarray(0, MAX_ANSWER)
}

/** The backend's own words, unless they are a page. */
function wordsOf(answer: Uint8Array, hidden: Hidden): string {
  const words = printable(hidden.from(new TextDecoder().decode(answer)))
    .replace(/\s+/g, ' ')
    .trim()
  return words && !words.startsWith('<') ? `; it said: ${words.slice(0, MAX_WORDS)}` : ''
}

function hint(status: number): string {
  if (status < 300) return ' with a web page: check the endpoint'
  if (status < 400) return ': redirects are not followed'
  if (status === 401 || status === 403) return ': check the API key or headers'
  return status === 404 ? ': check the endpoint with its path' : ''
}

/** `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3), as milliseconds from now. */
function retryAfter(value: string): number | undefined {
  const millis = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return millis >= 0 ? millis : undefined
}
