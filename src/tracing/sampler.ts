/** Head sampling: whether a session is recorded, decided when it begins. What is decided at its end: `session/keep.ts`. */
import { guard, warn } from '../runtime/diag.ts'
import { DROP, RECORD, SAMPLE, SAMPLED } from '../runtime/otel.ts'
import type { Sampler } from '../runtime/sdk.ts'
import { parentIn } from './span.ts'

export interface SamplingConfig {
  readonly disabled: boolean
  /** A share of sessions, decided by trace id, or the user's own sampler. */
  readonly sampler: number | Sampler
  /** Whether a caller's sampled flag goes before `sampler`. */
  readonly parentBased: boolean
  /** There where metrics count what is not sampled, too. */
  readonly metrics?: object
}

const DECISIONS: readonly number[] = [DROP, RECORD, SAMPLE]

const samplers: WeakMap<SamplingConfig, Sampler> = new WeakMap()

/** One for all sessions of a client. */
export function samplerOf(config: SamplingConfig): Sampler {
  const made = samplers.get(config) ?? make(config)
  samplers.set(config, made)
  return made
}

function make({ disabled, sampler, parentBased, metrics }: SamplingConfig): Sampler {
  // A disabled session records nothing, whatever its caller decided.
  if (disabled) return sampling(() => ({ decision: DROP }))
  const root = typeof sampler === 'number' ? byTraceId(sampler) : guarded(sampler)
  const decides = parentBased ? followed(root) : root
  return metrics ? counted(decides) : decides
}

function sampling(shouldSample: Sampler['shouldSample']): Sampler {
  return { shouldSample, toString: () => 'agentops-edge' }
}

/** As OpenTelemetry's `TraceIdRatioBased` decides, so that services with the same share keep the same traces. */
function byTraceId(share: number): Sampler {
  const bound = share * 0xff_ff_ff_ff
  return sampling((_, traceId) => {
    let folded = 0
    for (let i = 0; i < 32; i += 8) folded ^= Number.parseInt(traceId.slice(i, i + 8), 16)
    return { decision: share >= 1 || folded >>> 0 < Math.floor(bound) ? SAMPLE : DROP }
  })
}

/** What the parent has decided stands, be it a caller or another span. */
function followed(root: Sampler): Sampler {
  return sampling((context, ...call) => {
    const parent = parentIn(context)
    if (!parent) return root.shouldSample(context, ...call)
    return { decision: parent.traceFlags & SAMPLED ? SAMPLE : DROP }
  })
}

/** One of the user's that throws, or decides nothing, samples. */
function guarded(sampler: Sampler): Sampler {
  return sampling((...call) => {
    const result = guard('the sampler', () => sampler.shouldSample(...call)) ?? { decision: SAMPLE }
    if (DECISIONS.includes(result.decision)) return result
    warn('the sampler: expected a decision (0, 1 or 2), and no promise of one; the span is sampled')
    return { decision: SAMPLE }
  })
}

/** Metrics count what is not sampled, too: it is recorded then, and not exported. */
function counted(sampler: Sampler): Sampler {
  return sampling((...call) => {
    const result = sampler.shouldSample(...call)
    return { ...result, decision: Math.max(RECORD, result.decision) }
  })
}
