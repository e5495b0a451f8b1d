/** What a request to a model says became of the tools that answers before it asked for. It comes from a stranger, as `wire.ts` says. */
import { type Json, joined, list, match, type ToolResult } from './wire.ts'

/**
 * OpenAI's (chat completions, their older functions, Responses), Anthropic's, Gemini's, Bedrock's and Ollama's forms of it,
 * the newest first: a request brings the whole conversation, in which ids may repeat. Without an id only what came after
 * the last answer.
 */
export function resultsIn({ messages, input, contents }: Json): ToolResult[] {
  const found: ToolResult[] = []
  let isNew = true
  const add = (result: ToolResult): void => {
    if (isNew || (typeof result.id === 'string' && result.id)) found.push(result)
  }
  for (const one of [messages, input, contents].flatMap(list).reverse()) {
    const { role, content, parts = content } = one
    if (match(/^(assistant|model)$/, role)) isNew = false
    if (match(/^(tool|function)$/, role)) {
      add({ id: one.tool_call_id, name: one.name ?? one.tool_name, output: joined(content) })
    }
    for (const part of [one, ...list(parts)].reverse()) {
      const { functionResponse: gemini, toolResult: bedrock } = part
      if (match(/_(call_output|result)$/, part.type)) {
        const { content, result = content, output = result, tool_use_id, call_id = tool_use_id } = part
        add({ id: call_id, name: part.name, output: joined(output), failed: part.is_error === true })
      }
      if (gemini) add({ id: gemini.id, name: gemini.name, output: gemini.response, failed: !!gemini.response?.error })
      if (bedrock) {
        add({ id: bedrock.toolUseId, output: joined(bedrock.content), failed: bedrock.status === 'error' })
      }
    }
  }
  return found
}
