import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { LLMEvent, record } from 'agentops-edge'
import { withAgentOps } from 'agentops-edge/vercel'
import { streamText } from 'ai'

export const dynamic = 'force-dynamic'

export const GET = withAgentOps(async (request: Request) => {
  const prompt = new URL(request.url).searchParams.get('q') ?? ''
  const model = createOpenAICompatible({ name: 'desk', baseURL: process.env.MODEL_URL ?? 'http://127.0.0.1:8791/v1' })
  const started = Date.now()
  const { textStream } = streamText({
    model: model('desk-model'),
    prompt,
    onFinish({ text, usage }) {
      record(
        new LLMEvent({
          model: 'desk-model',
          prompt,
          completion: text,
          promptTokens: usage.inputTokens,
          completionTokens: usage.outputTokens,
          initTimestamp: started,
        }),
      )
    },
  })
  return new Response(textStream.pipeThrough(new TextEncoderStream()))
})
