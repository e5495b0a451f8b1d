/** Puts what the user has said, a session and its sinks together. */
import type { Config } from '../options/config.ts'
import type { DeliveryConfig, Presented, Semconv } from '../outbox/config.ts'
import type { Extra } from '../outbox/extras.ts'
import { SessionSpanProcessor } from '../outbox/processor.ts'
import { sourceOf } from '../outbox/source.ts'
import { registerGlobal } from '../session/global.ts'
import type { RootInit } from '../session/init.ts'
import { redactSpan } from '../session/redact.ts'
import { Session } from '../session/session.ts'
import type { Sink } from '../session/sink.ts'

export function openSession(config: Config, init: RootInit = {}): Session {
  if (config.instrumentations.global) registerGlobal()
  const { metrics } = config
  const semconv = semconvOf(config)
  return new Session(config, init, (session) => ({
    sinks: sinksOf(config, session, init, semconv),
    meter: metrics && {
      // `redact` has yet to see what is presented to each destination.
      record: (span) => metrics.record(semconv ? shown(semconv.copy(span), config) : span, session, config),
      flush: (delivered) => metrics.flush(delivered, config),
    },
  }))
}

/** Any destination's. */
function semconvOf({ semconv, exporters }: Config): Semconv | undefined {
  return semconv ?? (exporters as Partial<Config>[]).find((target) => target.semconv)?.semconv
}

function shown(span: Presented, { redact }: Config): Presented {
  if (redact) redactSpan(redact, span)
  return span
}

/** One for each destination. */
function sinksOf(config: Config, session: Session, init: RootInit, semconv: Semconv | undefined): Sink[] {
  const { destination, exporters, maxRequests, onExport } = config
  const targets = destination || !exporters.length ? [config, ...exporters] : exporters
  const own = targets.filter((target) => !('export' in target))
  return targets.map((target) => {
    // Each of ours has its share, so that one destination's faults cost the others nothing; what remains is the first's.
    const requests = { left: Math.ceil((maxRequests - own.indexOf(target)) / own.length) }
    const isForeign = 'export' in target
    const exporter = isForeign ? target : sourceOf(target, { session, requests, isUnwatched: init.isUnwatched })
    const { maxExportBatchSize, maxExportBytes, exportIntervalMs, flushDeadlineMs } = isForeign ? config : target
    return new SessionSpanProcessor(exporter, {
      ...{ maxExportBatchSize, maxExportBytes, exportIntervalMs, flushDeadlineMs },
      maxQueueSize: config.maxQueueSize,
      onDrop: config.onDrop,
      onExport: onExport && (() => onExport(session.report())),
      present:
        semconv && ((span) => shown((!isForeign && target.semconv?.present(span)) || semconv.copy(span), config)),
      extras: isForeign ? [] : extrasOf(target),
      carries: init.carries ?? !!init.waitUntil,
      onOutgrown: config.keep && (() => session.outgrow()),
    })
  })
}

function extrasOf({ endSpan, format }: DeliveryConfig): Extra[] {
  // AgentOps v2 has its own words for both.
  if (format.api) return ['error']
  return endSpan ? ['end'] : []
}
