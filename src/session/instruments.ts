/** What the option `instrumentations` takes from `agentops-edge/instrumentation`. Types only: the core holds none of it. */

import type { ModelCall, Outgoing } from '../instrumentation/fetch.ts'
import type { SdkSpan } from '../runtime/sdk.ts'
import type { Session } from './session.ts'

/** Made by `fetchCalls()`: a span for each outgoing request. */
export interface FetchInstrumentation {
  readonly instruments: 'fetch'
}

/** Made by `llmCalls()`: requests to a model, and tools called over MCP, as events. */
export interface LlmInstrumentation {
  readonly instruments: 'llm'
  /** Undefined for a request that is neither. */
  recognise(request: Outgoing, session: Session): ModelCall | undefined
}

/** Made by `aiSpans()`: spans of AI frameworks, as AgentOps reads them. */
export interface AiInstrumentation {
  readonly instruments: 'ai'
  /** Called while the span still takes attributes. */
  ending(span: SdkSpan, session: Session): void
}
