/**
 * What the agent did, without writing it down. Each is passed as an option, so that a bundle holds only what it uses.
 *
 * ```ts
 * import { captureAll } from 'agentops-edge/instrumentation'
 *
 * app.use(agentops({ instrumentations: captureAll() }))
 * ```
 *
 * @module
 */

import { type Fetch, nativeFetch, sessionHere, traced } from './fetch.ts'

export type {
  AgentsInstrumentation,
  AiInstrumentation,
  FetchInstrumentation,
  FrameworkInstrumentation,
  Instrumentations,
  LlmInstrumentation,
} from '../session/instruments.ts'
export { aiSpans } from './ai.ts'
export { aiSdk } from './ai-sdk.ts'
export { type BedrockClientLike, bedrockCalls } from './bedrock.ts'
export { tracedAi } from './binding.ts'
export { type CaptureAllOptions, captureAll } from './capture-all.ts'
export { cloudflareAgents } from './cloudflare-agents.ts'
export { fetchCalls } from './fetch-calls.ts'
export { type LangChainHooks, langChain } from './langchain.ts'
export { type LlmCallsOptions, llmCalls } from './llm.ts'
export {
  type MastraBridge,
  type MastraSpan,
  type MastraSpanOptions,
  type MastraTracingEvent,
  mastraBridge,
} from './mastra.ts'
export type { Price, Prices } from './model-call.ts'
export { openaiAgents } from './openai-agents.ts'
export { bedrockInvoke } from './wires/bedrock-invoke.ts'
export { cohere } from './wires/cohere.ts'
export { interactions } from './wires/interactions.ts'
export { ollama } from './wires/ollama.ts'
export { openaiMore } from './wires/openai-more.ts'
export type { Answer, Asked, ToolResult, Wire } from './wires/wire.ts'

/**
 * `fetch` with a span in the session of the running code, and the trace handed on to the hosts that `propagateTo` names.
 * Outside a session it is `fetch`. The global one stays as it is.
 */
export interface TracedFetch extends Fetch {
  /** The same through a service binding or a Durable Object's stub, which is handed the trace in any case. */
  via(binding: { fetch(input: never, init?: never): Promise<unknown> }): Fetch
}

/**
 * `fetch` for one call, as an event of the current session, with the global left alone; outside a session, the
 * platform's own. Throws and rejects what `fetch` does. `tracedFetch.via(binding)` goes through a service binding, and
 * hands the trace on.
 */
export const tracedFetch: TracedFetch = /* @__PURE__ */ Object.assign(/* @__PURE__ */ through(nativeFetch, false), {
  via: (binding: { fetch(input: never, init?: never): Promise<unknown> }) =>
    through(() => ((input, init) => binding.fetch(input as never, init as never)) as Fetch, true),
})

function through(way: () => Fetch, known: boolean): Fetch {
  return ((input: RequestInfo, init?: RequestInit) => {
    const send = way()
    const session = sessionHere()
    return session ? traced(send, session, input, init, true, known) : send(input, init)
  }) as Fetch
}
