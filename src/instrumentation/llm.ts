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

/** What `llmCalls()` reads beside its defaults, and what it leaves alone. */
export interface LlmCallsOptions {
  /** APIs that are read beside those that `llmCalls()` knows. Default: none. */
  wires?: readonly (Wire | readonly Wire[])[]
  /** What models cost, for `gen_ai.usage.total_cost` of calls whose provider does not say it. Default: nothing is known. */
  prices?: Prices
  /**
   * Whether a tool that an answer asks for, and whose result a later request of the session brings, is an event from the
   * one to the other where no span shows it. Default `true`.
   */
  tools?: boolean
  /** Whether tools that are called over MCP are events. Default `true`. */
  mcp?: boolean
  /** Providers whose calls are no events, by OpenTelemetry's names for them, such as `aws.bedrock`. Default: none. */
  except?: readonly string[]
}

/**
 * Makes requests to models events of the session: OpenAI's APIs and everybody's who speaks them, Anthropic, Gemini,
 * Bedrock and Workers AI, streamed or not, tools called over MCP, and those whose results models are told. Replaces the global `fetch`, once; call it before
 * clients are made, because some of them keep the `fetch` that they found.
 *
 * ```ts
 * app.use(agentops({ instrumentations: { llm: llmCalls() } }))
 * ```
 */
export function llmCalls(options: LlmCallsOptions = {}): LlmInstrumentation {
  patchFetch()
  const { wires = [], tools } = options
  const more = wires.flat() as Wire[]
  return {
    instruments: 'llm',
    tools,
    install: patchFetch,
    recognise: (request, session) => recognise(request, session, more, options),
  }
}

function recognise(
  { url, method, headers, body }: Outgoing,
  session: InstrumentedSession,
  more: readonly Wire[],
  { prices, mcp, except = [] }: LlmCallsOptions,
): ModelCall | undefined {
  if (method !== 'POST') return undefined
  const found = wireOf(url, more)
  if (!found) {
    const given = mcp !== false && isMcp(headers) ? body() : hint(url)
    return given ? toolCall(given, session) : undefined
  }
  if (except.includes(found.provider)) return undefined
  const given = body()
  const isText = typeof given === 'string'
  const asked = isText ? jsonOf(given) : undefined
  const isAsking = typeof asked?.model === 'string' && (asked.messages ?? asked.input ?? asked.prompt)
  if (!found.certain && !isAsking) return undefined
  const call = modelCall(found, url, asked, session, prices, headers)
  if (!isText) given?.then((text) => guard('an outgoing request', () => call.asked(jsonOf(text))))
  return call
}
