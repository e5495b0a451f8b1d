import { OpenTelemetry } from '@ai-sdk/otel'
import { createAgentOps } from 'agentops-edge'
import { generateText, registerTelemetry } from 'ai'
import { work } from './work.js'

const count = { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0, text: 1, reasoning: 0 }
const model = {
  specificationVersion: 'v4',
  provider: 'desk',
  modelId: 'desk-model',
  supportedUrls: {},
  async doGenerate() {
    await work()
    return {
      content: [{ type: 'text', text: 'Cats sleep.' }],
      finishReason: { unified: 'stop', raw: 'stop' },
      usage: { inputTokens: count, outputTokens: count },
      warnings: [],
    }
  },
}

// As the AI SDK documents it: before any session, with the copy of the API that `@ai-sdk/otel` has.
registerTelemetry(new OpenTelemetry())

await createAgentOps({ instrumentations: { global: true } }).withSession({ name: 'session' }, () =>
  generateText({ model, prompt: 'Do cats sleep?' }),
)
