/** The SDK's core alone, which makes its provider with its first trace, and a model that no request shows. */
import { Agent, Runner, Usage } from '@openai/agents-core'
import { currentSession } from 'agentops-edge'
import { openaiAgents } from 'agentops-edge/instrumentation'
import { instrument } from 'agentops-edge/workers'

const text = { type: 'output_text', text: 'hello', annotations: [] }
const output = [{ type: 'message', role: 'assistant', status: 'completed', content: [text] }]
const model = { getResponse: async () => ({ usage: new Usage(), output }) }

export default instrument(
  {
    async fetch() {
      await new Runner().run(new Agent({ name: 'planner', model }), 'Hello')
      return new Response(currentSession()?.id)
    },
  },
  () => ({ instrumentations: { openaiAgents: openaiAgents() } }),
)
