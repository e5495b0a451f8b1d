/** All scenarios in one Worker: `/<scenario>?base=<url of its server>`, with `&stream`, `&contents` and `&standard`
 * (the standard's names). The answer is the session's id. */
import { currentSession } from 'agentops-edge'
import { aiSdk, fetchCalls, llmCalls } from 'agentops-edge/instrumentation'
import { sessionMetrics } from 'agentops-edge/metrics'
import { genAi } from 'agentops-edge/semconv'
import { instrument } from 'agentops-edge/workers'
import { agent as aiSdkAgent } from './ai-sdk/agent.ts'
import { agent as aiSdkMore } from './ai-sdk-more/agent.ts'
import { agent as anthropicToolRunner } from './anthropic-tool-runner/agent.ts'
import { agent as claudeThinking } from './claude-thinking/agent.ts'
import { agent as clientLeaves } from './client-leaves/agent.ts'
import type { Agent } from './desk.ts'
import { agent as embeddings } from './embeddings/agent.ts'
import { agent as geminiAutomaticCalls } from './gemini-automatic-calls/agent.ts'
import { agent as geminiBlocked } from './gemini-blocked/agent.ts'
import { agent as handoff } from './handoff/agent.ts'
import { agent as mcpTool } from './mcp-tool/agent.ts'
import { agent as openaiRunTools } from './openai-run-tools/agent.ts'
import { agent as parallelTools } from './parallel-tools/agent.ts'
import { agent as question } from './question/agent.ts'
import { agent as refusal } from './refusal/agent.ts'
import { agent as responsesTools } from './responses-tools/agent.ts'
import { agent as retried } from './retried/agent.ts'
import { agent as toolLoop } from './tool-loop/agent.ts'
import { agent as toolThrows } from './tool-throws/agent.ts'

const agents: Record<string, Agent> = {
  'ai-sdk': aiSdkAgent,
  'ai-sdk-more': aiSdkMore,
  'anthropic-tool-runner': anthropicToolRunner,
  'claude-thinking': claudeThinking,
  'client-leaves': clientLeaves,
  embeddings,
  'gemini-automatic-calls': geminiAutomaticCalls,
  'gemini-blocked': geminiBlocked,
  handoff,
  'mcp-tool': mcpTool,
  'openai-run-tools': openaiRunTools,
  'parallel-tools': parallelTools,
  question,
  refusal,
  'responses-tools': responsesTools,
  retried,
  'tool-loop': toolLoop,
  'tool-throws': toolThrows,
}

const handler: ExportedHandler = {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url)
    const run = agents[pathname.slice(1)] as Agent
    await run({ base: `${searchParams.get('base')}`, stream: searchParams.has('stream') })
    return new Response(currentSession()?.id)
  },
}

const metrics = sessionMetrics({ exportIntervalMs: 100 })
const worker: ExportedHandler = instrument(handler, (_, trigger) => {
  const wants = trigger.kind === 'fetch' ? new URL(trigger.request.url).searchParams : new URLSearchParams()
  return {
    instrumentations: { fetch: fetchCalls(), llm: llmCalls(), aiSdk: aiSdk() },
    captureContent: wants.has('contents'),
    ...(wants.has('standard') && { semconv: genAi, metrics }),
  }
})
export default worker
