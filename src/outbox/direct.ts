/** Spans through anybody's exporter, with its yes or no as the answer. */
import type { ExportResult } from '@opentelemetry/core'
import { NOTHING } from '../formats/parts.ts'
import { identify, OwnError } from '../runtime/diag.ts'
import { SUCCESS } from '../runtime/otel.ts'
import { runQuietly } from '../runtime/scope.ts'
import type { SpanExporter } from '../runtime/sdk.ts'
import type { Sending } from './run.ts'

export function through(exporter: SpanExporter): Sending['direct'] {
  return async (spans, { deadline }) => {
    try {
      const exported = new Promise<ExportResult>((resolve, reject) => {
        const running: unknown = runQuietly(() => exporter.export([...spans], resolve))
        // Some are async, and say that they failed in a rejection.
        Promise.resolve(running).catch(reject)
      })
      const { code, error } = await deadline.within(Number.POSITIVE_INFINITY, exported)
      if (code !== SUCCESS) throw error ?? new OwnError('no reason given')
      return { ...NOTHING, sent: spans.length }
    } catch (error) {
      return { ...NOTHING, dropped: spans.length, reason: 'undelivered', error: identify(error) }
    }
  }
}
