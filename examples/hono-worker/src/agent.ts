/** The agent's loop: the model asks for tools, gets their results, and so on until it answers. */
import { agent } from 'agentops-edge'
import { type ChatMessage, complete, type ModelEnv, type ToolCall } from './model.ts'
import { PageUnavailable, TOOLS, type ToolEnv, useTool } from './tools.ts'

const MAX_TURNS = 8
const MAX_ATTEMPTS = 3
const RETRY_MS = 50

const INSTRUCTIONS =
  'You work at the order desk of a stationery shop. Look prices and orders up with your tools, never guess them, ' +
  'and let the calculator do the sums.'

/** Gives the answer to `write` piece by piece. Rejects where the model fails, or `signal` aborts. */
export function answer(
  env: ModelEnv & ToolEnv,
  question: string,
  signal: AbortSignal,
  write: (text: string) => Promise<unknown>,
): Promise<void> {
  return agent('order-desk', async () => {
    const conversation = crypto.randomUUID()
    const messages: ChatMessage[] = [
      { role: 'system', content: INSTRUCTIONS },
      { role: 'user', content: question },
    ]
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      const message = await complete(env, { conversation, messages, tools: TOOLS, signal, onText: write })
      messages.push(message)
      if (!message.tool_calls) return
      messages.push(...(await Promise.all(message.tool_calls.map((call) => callTool(env, call, conversation)))))
    }
    throw new Error(`the model did not come to an answer in ${MAX_TURNS} turns`)
  })
}

/** A page that is not available is tried again; any other error goes to the model, which may know another way. */
async function callTool(env: ToolEnv, { id, function: call }: ToolCall, conversation: string): Promise<ChatMessage> {
  for (let attempt = 1; ; attempt++) {
    try {
      const result = await useTool(env, call.name, JSON.parse(call.arguments), conversation)
      return { role: 'tool', tool_call_id: id, content: JSON.stringify(result) }
    } catch (error) {
      if (error instanceof PageUnavailable && attempt < MAX_ATTEMPTS) {
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS * attempt))
        continue
      }
      const message = error instanceof Error ? error.message : String(error)
      return { role: 'tool', tool_call_id: id, content: JSON.stringify({ error: message }) }
    }
  }
}
