/** A chat: each turn asks the model, calls the tool that it wants, and asks again. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { AIChatAgent, createToolsFromClientSchemas, type OnChatMessageOptions } from '@cloudflare/ai-chat'
import { convertToModelMessages, stepCountIs, streamText, tool } from 'ai'
import { z } from 'zod'
import { type Env, weatherIn } from './weather.ts'

export class ChatAgent extends AIChatAgent<Env> {
  override async onChatMessage(_onFinish: unknown, options?: OnChatMessageOptions): Promise<Response> {
    const models = createOpenAICompatible({ name: 'weather', baseURL: this.env.MODEL_URL, includeUsage: true })
    const result = streamText({
      model: models('weather-model'),
      messages: await convertToModelMessages(this.messages),
      abortSignal: options?.abortSignal,
      stopWhen: stepCountIs(3),
      tools: {
        get_weather: tool({
          description: 'The weather in a city',
          inputSchema: z.object({ city: z.string() }),
          execute: ({ city }) => weatherIn(city),
        }),
        // What the page can do itself: its answer continues the turn.
        ...createToolsFromClientSchemas(options?.clientTools),
      },
    })
    return result.toUIMessageStreamResponse()
  }
}
