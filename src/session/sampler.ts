/** Head sampling: whether a session is recorded, decided when it begins. What is decided at its end: `keep.ts`. */
import { isSpanContextValid, trace } from '@opentelemetry/api'
import { guard } from '../runtime/diag.ts'
import { DROP, RECORD, SAMPLE, SAMPLED } from '../runtime/otel.ts'
import { type Sampler, TraceIdRatioBasedSampler } from '../runtime/sdk.ts'
import type { SessionConfig } from './config.ts'

export function samplerOf({ disabled, sampler, parentBased, metrics }: SessionConfig): Sampler {
  // A disabled session records nothing, whatever its caller decided.
  const given = disabled ? 0 : sampler
  const root = typeof given === 'number' ? new TraceIdRatioBasedSampler(given) : guarded(given)
  const decides = parentBased && !disabled ? followed(root) : root
  return metrics && !disabled ? counted(decides) : decides
}

function sampling(shouldSample: Sampler['shouldSample']): Sampler {
  return { shouldSample, toString: () => 'agentops-edge' }
}

/** What the parent has decided stands, be it a caller or another span. */
function followed(root: Sampler): Sampler {
  return sampling((context, ...call) => {
    const parent = trace.getSpanContext(context)
    if (!parent || !isSpanContextValid(parent)) return root.shouldSample(context, ...call)
    return { decision: parent.traceFlags & SAMPLED ? SAMPLE : DROP }
  })
}

/** One of the user's that throws samples. */
function guarded(sampler: Sampler): Sampler {
  return sampling((...call) => guard('the sampler', () => sampler.shouldSample(...call)) ?? { decision: SAMPLE })
}

/** Metrics count what is not sampled, too: it is recorded then, and not exported. */
function counted(sampler: Sampler): Sampler {
  return sampling((...call) => {
    const result = sampler.shouldSample(...call)
    return { ...result, decision: Math.max(RECORD, result.decision) }
  })
}
