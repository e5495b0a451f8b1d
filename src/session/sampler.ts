/** Head sampling: whether a session is recorded, decided when it begins. What is decided at its end: `keep.ts`. */
import { RECORD } from '../runtime/otel.ts'
import { ParentBasedSampler, type Sampler, type SamplingResult, TraceIdRatioBasedSampler } from '../runtime/sdk.ts'
import type { SessionConfig } from './config.ts'

export function samplerOf({ disabled, sampler, parentBased, metrics }: SessionConfig): Sampler {
  // A disabled session records nothing, whatever its caller decided.
  const given = disabled ? 0 : sampler
  const root = typeof given === 'number' ? new TraceIdRatioBasedSampler(given) : given
  const decides = parentBased && !disabled ? new ParentBasedSampler({ root }) : root
  return metrics && !disabled ? counted(decides) : decides
}

/** Metrics count what is not sampled, too: it is recorded then, and not exported. */
function counted(sampler: Sampler): Sampler {
  return {
    shouldSample(...call): SamplingResult {
      const result = sampler.shouldSample(...call)
      return { ...result, decision: Math.max(RECORD, result.decision) }
    },
    toString: () => `${sampler}`,
  }
}
