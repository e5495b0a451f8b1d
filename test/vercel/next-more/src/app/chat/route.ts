import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { convertToModelMessages, streamText, type UIMessage } from 'ai'

export async function POST(request: Request) {
  const { messages } = (await request.json()) as { messages: UIMessage[] }
  const model = createOpenAICompatible({ name: 'desk', baseURL: process.env.MODEL_URL ?? '' })
  const result = streamText({ model: model('desk-model'), messages: await convertToModelMessages(messages) })
  return result.toUIMessageStreamResponse()
}
