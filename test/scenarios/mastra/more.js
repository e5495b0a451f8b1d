/** What people do with Mastra beside one agent: workflows that are suspended and resumed, steps that throw, agents that ask agents, two at once. */
import { createOpenAI } from '@ai-sdk/openai'
import { Mastra } from '@mastra/core'
import { Agent } from '@mastra/core/agent'
import { createTool } from '@mastra/core/tools'
import { createStep, createWorkflow } from '@mastra/core/workflows'
import { Observability } from '@mastra/observability'
import { action } from 'agentops-edge'
import { mastraBridge } from 'agentops-edge/instrumentation'
import { z } from 'zod'
import { tasks } from '../tasks.js'

const bridge = mastraBridge()
const asked = 'Where is the sun?'
const city = z.object({ city: z.string() })
const weather = createTool({
  id: 'get_weather',
  description: 'The weather of a city',
  inputSchema: city,
  execute: async ({ city }) => action('look out', () => `sun in ${city}`),
})

const agentOf = (base, more = {}) =>
  new Agent({
    id: 'planner',
    name: 'planner',
    instructions: 'Say where the sun is.',
    model: createOpenAI({ apiKey: 'key', baseURL: `${base}/v1` }).chat('gpt-4o-mini'),
    tools: { get_weather: weather },
    ...more,
  })
const mastraOf = (more) =>
  new Mastra({
    logger: false,
    observability: new Observability({ configs: { default: { serviceName: 'desk', bridge } } }),
    ...more,
  })
const agentIn = (base, more) => mastraOf({ agents: { planner: agentOf(base, more) } }).getAgent('planner')
const workflowOf = (execute) => {
  const step = createStep({
    id: 'review',
    inputSchema: city,
    outputSchema: city,
    resumeSchema: z.object({ yes: z.boolean() }),
    execute,
  })
  const trip = createWorkflow({ id: 'trip', inputSchema: city, outputSchema: city }).then(step).commit()
  return mastraOf({ workflows: { trip } }).getWorkflow('trip')
}

export default tasks(
  {},
  {
    async suspended() {
      const workflow = workflowOf(async ({ inputData, resumeData, suspend }) =>
        resumeData ? inputData : suspend({ ask: 'may I?' }),
      )
      const run = await workflow.createRun()
      await run.start({ inputData: { city: 'Oslo' } })
      await run.resume({ step: 'review', resumeData: { yes: true } })
    },
    async throws() {
      const run = await workflowOf(async () => {
        throw new RangeError('no way to Oslo')
      }).createRun()
      await run.start({ inputData: { city: 'Oslo' } })
    },
    async agents(base) {
      const colleague = agentOf(base, { id: 'colleague', name: 'colleague', description: 'Knows the weather' })
      await agentIn(base, { tools: {}, agents: { colleague } }).generate(asked)
    },
    async both(base) {
      await Promise.all([agentIn(base).generate(asked), agentIn(base).generate(asked)])
    },
    async later(base, _, ctx) {
      ctx.waitUntil(agentIn(base).generate(asked))
    },
    async approval(base) {
      const agent = agentIn(base)
      const { runId } = await agent.generate(asked, { requireToolApproval: true })
      await agent.approveToolCallGenerate({ runId, toolCallId: 'call_1' })
    },
  },
)
