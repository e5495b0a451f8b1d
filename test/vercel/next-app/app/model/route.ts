import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { OpenTelemetry } from '@ai-sdk/otel'
import { llmCalls } from 'agentops-edge/instrumentation'
import { withAgentOps } from 'agentops-edge/vercel'
import { generateText, registerTelemetry } from 'ai'

registerTelemetry(new OpenTelemetry())

export const GET = withAgentOps(
  async () => {
    const model = createOpenAICompatible({ name: 'desk', baseURL: process.env.MODEL_URL ?? '' })
    const { text } = await generateText({ model: model('desk-model'), prompt: 'cats?' })
    return new Response(text)
  },
  { instrumentations: { llm: llmCalls() } },
)
