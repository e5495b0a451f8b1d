/**
 * How a session ends: it waits for what it holds, closes its spans, decides whether it is kept, and has what is left
 * delivered. What ends later is still sent: a session never goes deaf.
 */
import type { Attributes } from '@opentelemetry/api'
import { type FlushReport, sumOf } from '../outbox/report.ts'
import { debug, guard, isDebugging, warn } from '../runtime/diag.ts'
import { later } from '../runtime/timers.ts'
import type { Keep } from './keep.ts'
import type { Delivered, Outlets } from './sink.ts'
import type { SessionView } from './view.ts'

export type WaitUntil = (promise: Promise<unknown>) => void

/** What ending takes from the session. */
export interface Endable extends SessionView {
  readonly config: { readonly keep?: readonly Keep[]; readonly workDeadlineMs: number }
  /** Where it is shown. */
  readonly url: string
  /** Ends the spans that are open, the root last. */
  close(): void
  /** All its work is over. */
  ended(): void
}

export class Ending {
  readonly #session: Endable
  readonly #outlets: Outlets
  readonly #lateWaitUntil: WaitUntil | undefined
  readonly #holds: Set<Promise<unknown>> = new Set()
  /** `kept` before its end: it has outgrown what can wait for the decision. */
  #sampling: 'undecided' | 'kept' = 'undecided'
  /** When the platform ends the invocation, milliseconds since the epoch. */
  #limit = Number.POSITIVE_INFINITY
  waitUntil: WaitUntil | undefined
  /** From when it begins to end. */
  ended: Promise<FlushReport> | undefined

  constructor(session: Endable, outlets: Outlets, waitUntil?: WaitUntil, lateWaitUntil?: WaitUntil) {
    this.#session = session
    this.#outlets = outlets
    this.waitUntil = waitUntil
    this.#lateWaitUntil = lateWaitUntil
  }

  hold(promise: Promise<unknown>): void {
    const settled: Promise<unknown> = Promise.allSettled([promise]).then(() => this.#holds.delete(settled))
    this.#holds.add(settled)
  }

  /** `waits`: whether the end waits for what is held. */
  endBy(at: number, waits = true): void {
    this.#limit = at
    if (!waits) this.#holds.clear()
    for (const sink of this.#outlets.sinks) sink.endBy(at)
  }

  report(): FlushReport {
    return sumOf(this.#outlets.sinks.map((sink) => sink.report()))
  }

  amend(attributes: Attributes): void {
    for (const sink of this.#outlets.sinks) sink.amend(attributes)
  }

  async flush(): Promise<FlushReport> {
    await Promise.all(this.#outlets.sinks.map((sink) => sink.forceFlush()))
    return this.report()
  }

  /** The process ends; see `Sink.leave`. */
  async leave(ms: number, last: boolean): Promise<void> {
    await Promise.all(this.#outlets.sinks.map((sink) => sink.leave(ms, last)))
  }

  /**
   * Never rejects. Once: what is called while the session closes (`onSpan`) may end it once more. `leaves`: nobody looks
   * at the report.
   */
  run(leaves = false): Promise<FlushReport> {
    let begin = (_: Promise<FlushReport>): void => {}
    this.ended = new Promise((resolve) => {
      begin = resolve
    })
    begin(this.#run(leaves))
    return this.ended
  }

  async #run(leaves: boolean): Promise<FlushReport> {
    const session = this.#session
    const { sinks, meter } = this.#outlets
    // Without anything held it closes in the turn that ends it.
    if (this.#holds.size > 0) await this.#released()
    for (const sink of sinks) sink.closing()
    guard('ending the session', () => session.close())
    session.ended()
    if (sinks.length && isDebugging()) debug(`a session has ended, and is shown at ${session.url}`)
    this.#decide()
    const begun = Date.now()
    // Metrics count what becomes of each span.
    const mayLeave = leaves && !meter
    await Promise.all(sinks.map((sink) => sink.close(mayLeave)))
    const report = this.report()
    const delivered: Delivered = { report, begun, waitUntil: this.waitUntil, endBy: this.#limit }
    // Metrics of many sessions go in one request; only where nothing keeps the runtime alive for it is it waited for.
    await guard('metrics', () => meter?.flush(delivered))
    // The session stays in AsyncLocalStorage for as long as the request's code may run; the runtime's context must not.
    this.waitUntil = this.#lateWaitUntil
    for (const sink of sinks) sink.release((flushed) => guard('waitUntil', () => this.waitUntil?.(flushed)))
    return report
  }

  /** It is too large to wait for the decision: it is kept. */
  outgrow(): void {
    this.#sampling = 'kept'
    warn('keep: a session has outgrown its buffer, so it is kept. Raise maxQueueSize or maxExportBytes')
    for (const sink of this.#outlets.sinks) sink.open()
  }

  /** What is held has settled, or the deadline is over. */
  async #released(): Promise<void> {
    let off = (): void => {}
    const deadline = new Promise<void>((resolve) => {
      // What is held must leave some of the invocation's time to the export.
      const remainingMs = Math.max(0, (this.#limit - Date.now()) * 0.8)
      off = later(() => resolve(), Math.min(this.#session.config.workDeadlineMs, remainingMs))
    })
    const settled = async (): Promise<void> => {
      while (this.#holds.size > 0) await Promise.all(this.#holds)
    }
    await Promise.race([settled(), deadline])
    off()
  }

  /** Tail sampling. A function that throws refuses nothing. */
  #decide(): void {
    const { keep } = this.#session.config
    if (!keep || this.#sampling === 'kept') return
    const kept = keep.some((one) => guard('keep', () => one(this.#session)) !== false)
    for (const sink of this.#outlets.sinks) {
      if (kept) sink.open()
      else sink.refuse()
    }
  }
}
