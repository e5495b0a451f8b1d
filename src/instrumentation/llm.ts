/** Calls of models, and of tools over MCP, as events of the session: recognised on the wire, whoever made them. */
import { guard } from '../runtime/diag.ts'
import type { InstrumentedSession, LlmInstrumentation, ModelCall, Outgoing } from '../session/instruments.ts'
import { patchFetch } from './fetch.ts'
import { isMcp, toolCall } from './mcp.ts'
import { modelCall, type Prices } from './model-call.ts'
import { jsonOf } from './quotes.ts'
import { hint } from './wires/providers.ts'
import { wireOf } from './wires/registry.ts'
import type { Wire } from './wires/wire.ts'

export interface LlmCallsOptions {
  /** APIs that are read beside those that `llmCalls()` knows. Default: none. */
  wires?: readonly (Wire | readonly Wire[])[]
  /** What models cost, for `gen_ai.usage.total_cost` of calls whose provider does not say it. Default: nothing is known. */
  prices?: Prices
}

/**
 * Makes requests to models events of the session: OpenAI's APIs and everybody's who speaks them, Anthropic, Gemini,
 * Bedrock and Workers AI, streamed or not, and tools called over MCP. Replaces the global `fetch`, once; call it before
 * clients are made, because some of them keep the `fetch` that they found.
 *
 * ```ts
 * app.use(agentops({ instrumentations: { llm: llmCalls() } }))
 * ```
 */
export function llmCalls({ wires = [], prices }: LlmCallsOptions = {}): LlmInstrumentation {
  patchFetch()
  const more = wires.flat() as Wire[]
  return { instruments: 'llm', recognise: (request, session) => recognise(request, session, more, prices) }
}

function recognise(
  { url, method, headers, body }: Outgoing,
  session: InstrumentedSession,
  more: readonly Wire[],
  prices?: Prices,
): ModelCall | undefined {
  if (method !== 'POST') return undefined
  const found = wireOf(url, more)
  if (!found) {
    const given = isMcp(headers) ? body() : hint(url)
    return given ? toolCall(given, session) : undefined
  }
  const given = body()
  const isText = typeof given === 'string'
  const asked = isText ? jsonOf(given) : undefined
  const isAsking = typeof asked?.model === 'string' && (asked.messages ?? asked.input ?? asked.prompt)
  if (!found.certain && !isAsking) return undefined
  const call = modelCall(found, url, asked, session, prices, headers)
  if (!isText) given?.then((text) => guard('an outgoing request', () => call.asked(jsonOf(text))))
  return call
}
