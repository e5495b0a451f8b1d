/** The way of spans that share no request: AgentOps v2's, and through anybody's exporter. One batch after the other. */
import type { ExportResult } from '@opentelemetry/core'
import { type Delivery, NOTHING } from '../formats/parts.ts'
import type { Deadline } from '../runtime/deadline.ts'
import { guard, identify } from '../runtime/diag.ts'
import { SUCCESS } from '../runtime/otel.ts'
import { runQuietly } from '../runtime/scope.ts'
import type { ReadableSpan, SpanExporter } from '../runtime/sdk.ts'
import { DestinationExporter } from './exporter.ts'
import type { SenderInit } from './parcel.ts'
import { type Drop, type FlushReport, reportDrop } from './report.ts'
import type { Run } from './run.ts'

export class DirectSender {
  readonly #exporter: SpanExporter
  readonly #onDrop: ((drop: Drop) => void) | undefined
  readonly #onChange: SenderInit['onChange']
  readonly #report: FlushReport = { sent: 0, dropped: 0, spooled: 0, pending: 0 }
  #batches: (readonly ReadableSpan[])[] = []
  /** Spans of those that have failed. */
  #failed = 0
  /** The last of the runs that follow each other. */
  #running: Promise<void> = Promise.resolve()

  constructor(exporter: SpanExporter, onDrop?: (drop: Drop) => void, onChange?: SenderInit['onChange']) {
    this.#exporter = exporter
    this.#onDrop = onDrop
    this.#onChange = onChange
  }

  post(spans: readonly ReadableSpan[]): void {
    this.#batches.push(spans)
    this.#report.pending += spans.length
  }

  get waiting(): number {
    return this.#failed
  }

  report(): FlushReport {
    return { ...this.#report }
  }

  /** Never rejects. Stops at a batch that cannot be sent. */
  run(run: Run): Promise<void> {
    this.#running = this.#running.then(async () => {
      let failed = false
      for (let left = this.#batches.length; left > 0 && (run.rest || !failed); left--) {
        failed = !(await this.#send(this.#batches.shift() as ReadableSpan[], run))
      }
    })
    return this.#running
  }

  async #send(batch: readonly ReadableSpan[], run: Run): Promise<boolean> {
    const delivery = await deliver(this.#exporter, batch, run.deadline, run.tries)
    const { sent, spooled, dropped, unsent, reason = 'undelivered', error, rejection } = delivery
    const report = this.#report
    report.sent += sent
    report.spooled += spooled
    report.pending -= sent + spooled
    if (dropped + unsent.length) report.error = error
    else if (!report.dropped) report.error = undefined
    if (dropped) this.#drop(dropped, rejection ? 'rejected' : reason, rejection ?? error)
    // An exporter that forgets some of them has lost them.
    const lost = batch.length - sent - spooled - dropped
    const kept = run.rest ? 0 : unsent.length
    if (lost > kept) this.#drop(lost - kept, reason, error)
    if (kept) this.#batches.unshift(unsent)
    this.#failed = kept
    guard('onExport', () => this.#onChange?.())
    return !kept
  }

  #drop(spans: number, reason: Drop['reason'], error?: string): void {
    this.#report.dropped += spans
    this.#report.error = error
    this.#report.pending -= spans
    reportDrop({ spans, reason, error }, this.#onDrop)
  }
}

/** Exports through ours with its counts, through any other exporter with its yes or no. */
async function deliver(
  exporter: SpanExporter,
  spans: readonly ReadableSpan[],
  deadline: Deadline,
  tries: number | undefined,
): Promise<Delivery<ReadableSpan>> {
  try {
    if (exporter instanceof DestinationExporter) return await exporter.deliver(spans, deadline, tries)
    const exported = new Promise<ExportResult>((resolve, reject) => {
      const running: unknown = runQuietly(() => exporter.export([...spans], resolve))
      // Some are async, and say that they failed in a rejection.
      Promise.resolve(running).catch(reject)
    })
    const { code, error } = await deadline.within(Number.POSITIVE_INFINITY, exported)
    if (code !== SUCCESS) throw error ?? new Error('no reason given')
    return { ...NOTHING, sent: spans.length }
  } catch (error) {
    return { ...NOTHING, dropped: spans.length, reason: 'undelivered', error: identify(error) }
  }
}
