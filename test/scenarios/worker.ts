/** All scenarios in one Worker: `/<scenario>?base=<url of its server>`, with `&stream` and `&contents`. The answer is the session's id. */
import { currentSession } from 'agentops-edge'
import { aiSdk, fetchCalls, llmCalls } from 'agentops-edge/instrumentation'
import { instrument } from 'agentops-edge/workers'
import { agent as aiSdkAgent } from './ai-sdk/agent.ts'
import { agent as aiSdkMore } from './ai-sdk-more/agent.ts'
import { agent as claudeThinking } from './claude-thinking/agent.ts'
import { agent as clientLeaves } from './client-leaves/agent.ts'
import type { Agent } from './desk.ts'
import { agent as embeddings } from './embeddings/agent.ts'
import { agent as geminiBlocked } from './gemini-blocked/agent.ts'
import { agent as handoff } from './handoff/agent.ts'
import { agent as mcpTool } from './mcp-tool/agent.ts'
import { agent as parallelTools } from './parallel-tools/agent.ts'
import { agent as question } from './question/agent.ts'
import { agent as refusal } from './refusal/agent.ts'
import { agent as retried } from './retried/agent.ts'
import { agent as toolLoop } from './tool-loop/agent.ts'
import { agent as toolThrows } from './tool-throws/agent.ts'

const agents: Record<string, Agent> = {
  'ai-sdk': aiSdkAgent,
  'ai-sdk-more': aiSdkMore,
  'claude-thinking': claudeThinking,
  'client-leaves': clientLeaves,
  embeddings,
  'gemini-blocked': geminiBlocked,
  handoff,
  'mcp-tool': mcpTool,
  'parallel-tools': parallelTools,
  question,
  refusal,
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

const worker: ExportedHandler = instrument(handler, (_, trigger) => ({
  instrumentations: { fetch: fetchCalls(), llm: llmCalls(), aiSdk: aiSdk() },
  captureContent: trigger.kind === 'fetch' && new URL(trigger.request.url).searchParams.has('contents'),
}))
export default worker
