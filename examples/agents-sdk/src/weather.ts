/** What the agents know, and the options that they share. */
import { type AgentOpsOptions, tool } from 'agentops-edge'
import { cloudflareAgents, fetchCalls, llmCalls } from 'agentops-edge/instrumentation'
import type { Trigger } from 'agentops-edge/workers'
import type { Agent } from 'agents'
import type { ChatAgent } from './chat.ts'
import type { DeskAgent } from './desk.ts'

export interface Env {
  Desk: DurableObjectNamespace<DeskAgent>
  Chat: DurableObjectNamespace<ChatAgent>
  MCP_OBJECT: DurableObjectNamespace
  MODEL_URL: string
}

// Made once, before any client that keeps the `fetch` that it finds.
const instrumentations = { fetch: fetchCalls(), llm: llmCalls(), cloudflareAgents: cloudflareAgents() }

/** An agent's sessions are one conversation: its name. */
export function options(_env: unknown, trigger: Trigger): AgentOpsOptions {
  const agent = 'target' in trigger ? (trigger.target as Agent) : undefined
  return { instrumentations, sessionId: agent?.name }
}

export function weatherIn(city: string): Promise<string> {
  return tool('get_weather', { city }, async () => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    return `sunny in ${city}`
  })
}
