/** What a store says that cannot take more now: what comes in is answered 429, and comes again. */
export class BusyError extends Error {
  /** Seconds until it is worth another try. */
  readonly retryAfter: number

  constructor(message: string, retryAfter = 1) {
    super(message)
    this.retryAfter = retryAfter
  }
}
