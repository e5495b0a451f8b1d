/** What a store says that cannot take more now: what comes in is answered 429, and comes again. */
export class BusyError extends Error {
  /** Seconds until it is worth another try. */
  readonly retryAfter: number

  constructor(message: string, retryAfter = 1) {
    super(message)
    this.retryAfter = retryAfter
  }
}

/** `BusyError` where a binding of Cloudflare's says that it has too much to do, else the error itself. */
export function busyOr(error: unknown, what: string): unknown {
  // "D1 DB is overloaded. Requests queued for too long.", "Too many requests queued.", "Queue send failed: Too Many Requests".
  return /overloaded|too many requests/i.test(`${error}`) ? new BusyError(`${what} is overloaded`, 5) : error
}
