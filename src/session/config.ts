/** What a session needs of what the user has said. */
import type { Resource } from '@opentelemetry/resources'
import type { Hidden } from '../runtime/hidden.ts'
import type { SdkSpan } from '../runtime/sdk.ts'
import type { SamplingConfig } from '../tracing/sampler.ts'
import type { InstrumentationConfig } from './instruments.ts'
import type { Keep } from './keep.ts'
import type { Redact } from './redact.ts'

export interface SessionConfig extends InstrumentationConfig, SamplingConfig {
  readonly resource: Resource
  /** Where sessions are shown. */
  readonly AGENTOPS_APP_URL: string
  /** Of which one has to say yes. */
  readonly keep?: readonly Keep[]
  readonly onSpan?: (span: SdkSpan) => void
  readonly redact?: Redact
  readonly clock?: () => number
  /** Whether the values of the user's own events are recorded. */
  readonly recordValues: boolean
  /** What no span shows. */
  readonly hidden: Hidden
  /** How long after the response ended a session waits for what it holds. */
  readonly workDeadlineMs: number
}
