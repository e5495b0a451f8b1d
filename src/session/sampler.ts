/** Head sampling: whether a session is recorded, decided when it begins. What is decided at its end: `keep.ts`. */
import { describe, guard } from '../runtime/diag.ts'
import { RECORD, SAMPLE } from '../runtime/otel.ts'
import { ParentBasedSampler, type Sampler, type SamplingResult, TraceIdRatioBasedSampler } from '../runtime/sdk.ts'
import type { SessionConfig } from './config.ts'

export function samplerOf({ disabled, sampler, parentBased, metrics }: SessionConfig): Sampler {
  // A disabled session records nothing, whatever its caller decided.
  const given = disabled ? 0 : sampler
  const root = typeof given === 'number' ? new TraceIdRatioBasedSampler(given) : guarded(given)
  const decides = parentBased && !disabled ? new ParentBasedSampler({ root }) : root
  return metrics && !disabled ? counted(decides) : decides
}

/** One of the user's that throws samples. */
function guarded(sampler: Sampler): Sampler {
  return {
    shouldSample: (...call) => guard('the sampler', () => sampler.shouldSample(...call)) ?? { decision: SAMPLE },
    toString: () => describe(sampler),
  }
}

/** Metrics count what is not sampled, too: it is recorded then, and not exported. */
function counted(sampler: Sampler): Sampler {
  return {
    shouldSample(...call): SamplingResult {
      const result = sampler.shouldSample(...call)
      return { ...result, decision: Math.max(RECORD, result.decision) }
    },
    toString: () => describe(sampler),
  }
}
