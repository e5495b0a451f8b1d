/** The AI SDK as both of its versions have it, of which 6 tells less: `/?base=<url of the models>`, with `&stream` and `&contents`. */
import { createOpenAI } from '@ai-sdk/openai'
import { aiSdk } from 'agentops-edge/instrumentation'
import { generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai'
import { scenario } from '../framework.js'

const inputSchema = jsonSchema({ type: 'object' })
const tools = {
  get_weather: tool({ inputSchema, execute: async ({ city }) => `sun in ${city}` }),
  get_price: tool({
    inputSchema,
    execute: async () => {
      throw new RangeError('no price for an umbrella')
    },
  }),
}

export default scenario({ aiSdk: aiSdk() }, async ({ base, stream }) => {
  const options = {
    model: createOpenAI({ apiKey: 'key', baseURL: `${base}/v1` }).chat('gpt-4o-mini'),
    prompt: 'Where is the sun?',
    tools,
    stopWhen: stepCountIs(5),
    experimental_telemetry: { functionId: 'weather_agent' },
  }
  return stream ? await streamText(options).text : (await generateText(options)).text
})
