/** Everything that can be captured, in one line. It brings all captures into the bundle: who counts bytes names his own. */
import { warn } from '../runtime/diag.ts'
import type {
  AgentsInstrumentation,
  AiInstrumentation,
  FetchInstrumentation,
  FrameworkInstrumentation,
  Instrumentations,
  LlmInstrumentation,
} from '../session/instruments.ts'
import { aiSpans } from './ai.ts'
import { aiSdk } from './ai-sdk.ts'
import { cloudflareAgents } from './cloudflare-agents.ts'
import { fetchCalls } from './fetch-calls.ts'
import { llmCalls } from './llm.ts'
import { openaiAgents } from './openai-agents.ts'
import { bedrockInvoke } from './wires/bedrock-invoke.ts'
import { cohere } from './wires/cohere.ts'
import { interactions } from './wires/interactions.ts'
import { ollama } from './wires/ollama.ts'
import { openaiMore } from './wires/openai-more.ts'
import type { Wire } from './wires/wire.ts'

/** Of each by its name: `false` leaves it out; of the first ones, one of your own takes its place. */
export interface CaptureAllOptions {
  /** Each outgoing request: `fetchCalls()`. */
  fetch?: FetchInstrumentation | false
  /** Calls of models: `llmCalls()`, with all APIs. One of your own is taken as it is. */
  llm?: LlmInstrumentation | false
  /** Spans of AI frameworks: `aiSpans()`. */
  ai?: AiInstrumentation | false
  /** Vercel's AI SDK: `aiSdk()`. */
  aiSdk?: FrameworkInstrumentation<'aiSdk'> | false
  /** OpenAI's Agents SDK: `openaiAgents()`. */
  openaiAgents?: FrameworkInstrumentation<'openaiAgents'> | false
  /** Cloudflare's Agents SDK: `cloudflareAgents()`. */
  cloudflareAgents?: AgentsInstrumentation | false
  /** `langChain()`, which needs LangChain's hooks: captured only where it is passed. */
  langChain?: FrameworkInstrumentation<'langChain'>
  /** Spans of any OpenTelemetry-instrumented library. */
  global?: boolean
  /** Of `llm`: tools that are called over MCP. */
  mcp?: boolean
  /** Of `llm`: tools of which only models' requests tell. */
  tools?: boolean
  /** Of `llm`: all calls of Bedrock, those through `bedrockCalls()`, too. */
  bedrock?: boolean
  /** Of `llm`. */
  cohere?: boolean
  /** Of `llm`: Gemini's Interactions. */
  interactions?: boolean
  /** Of `llm`: Ollama's own API. */
  ollama?: boolean
  /** Of `llm`: images, speech and moderations. */
  openaiMore?: boolean
}

/** What needs nothing of the user's, by its option. A framework's is one more line, beside its line above. */
const MAKERS: Readonly<Record<string, () => unknown>> = {
  fetch: fetchCalls,
  ai: aiSpans,
  aiSdk,
  openaiAgents,
  cloudflareAgents,
}
const WIRES: Readonly<Record<string, readonly Wire[]>> = {
  bedrock: [bedrockInvoke],
  cohere,
  interactions: [interactions],
  ollama,
  openaiMore,
}
const OTHERS = ['llm', 'global', 'mcp', 'tools', 'langChain']

/**
 * All instrumentations, each off by its name. Replaces the global `fetch`, once, and is told by AI frameworks what they do; call it where the app is made, before
 * clients are.
 *
 * ```ts
 * app.use(agentops({ instrumentations: captureAll() }))
 * agentops({ instrumentations: captureAll({ bedrock: false }) })
 * ```
 */
export function captureAll(options: CaptureAllOptions = {}): Instrumentations {
  const given = options as Readonly<Record<string, unknown>>
  for (const name of Object.keys(given)) {
    if (!MAKERS[name] && !WIRES[name] && !OTHERS.includes(name))
      warn(`captureAll: ${name}: nothing of this version; it is left out`)
  }
  const wires = Object.entries(WIRES).flatMap(([name, some]) => (given[name] === false ? [] : some))
  const {
    mcp,
    tools,
    bedrock,
    langChain,
    llm = llmCalls({ wires, mcp, tools, except: bedrock === false ? ['aws.bedrock'] : [] }),
  } = options
  const made = Object.entries(MAKERS).map(([name, make]) => [name, given[name] ?? make()])
  const rest = { global: options.global !== false, llm: llm || undefined, langChain }
  return { ...rest, ...Object.fromEntries(made) } as Instrumentations
}
