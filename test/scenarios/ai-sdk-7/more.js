/** What people do with the AI SDK beside a plain loop: agents as tools, approvals, structured output, aborts, retries. */
import { createOpenAI } from '@ai-sdk/openai'
import { action } from 'agentops-edge'
import { aiSdk } from 'agentops-edge/instrumentation'
import { generateText, Output, rerank, stepCountIs, streamText, ToolLoopAgent, tool, wrapLanguageModel } from 'ai'
import { z } from 'zod'
import { tasks } from '../tasks.js'

const openai = (base) => createOpenAI({ apiKey: 'key', baseURL: `${base}/v1` })
const modelOf = (base) => openai(base).chat('gpt-4o-mini')
const telemetry = { functionId: 'planner' }
const prompt = 'Where is the sun?'
const stopWhen = stepCountIs(5)
const inputSchema = z.object({ city: z.string() })
const get_weather = tool({
  description: 'The weather',
  inputSchema,
  execute: ({ city }) => action('look out', () => `sun in ${city}`),
})
const tools = { get_weather }
const left = () => {}

export default tasks(
  { aiSdk: aiSdk() },
  {
    /** An agent whose tool is another agent. */
    async agents(base) {
      const colleague = new ToolLoopAgent({ model: modelOf(base), tools, telemetry: { functionId: 'colleague' } })
      const ask = tool({
        description: 'Asks',
        inputSchema: z.object({ question: z.string() }),
        execute: async ({ question }) => (await colleague.generate({ prompt: question })).text,
      })
      await new ToolLoopAgent({ model: modelOf(base), tools: { ask }, telemetry }).generate({ prompt })
    },
    async approval(base) {
      const guarded = { get_weather: tool({ ...get_weather, needsApproval: true }) }
      const messages = [{ role: 'user', content: prompt }]
      const options = { model: modelOf(base), tools: guarded, telemetry, stopWhen }
      const first = await generateText({ ...options, messages })
      const asked = first.content.find(({ type }) => type === 'tool-approval-request')
      messages.push(...first.response.messages, {
        role: 'tool',
        content: [{ type: 'tool-approval-response', approvalId: asked.approvalId, approved: true }],
      })
      await generateText({ ...options, messages })
    },
    /** Its caller runs it. */
    async client(base) {
      const mine = { get_weather: tool({ description: 'The weather', inputSchema }) }
      await generateText({ model: modelOf(base), tools: mine, telemetry, prompt, stopWhen })
    },
    async object(base) {
      const output = Output.object({ schema: z.object({ city: z.string() }) })
      await generateText({ model: modelOf(base), telemetry, prompt, output })
    },
    /** What is said does not fit. */
    async misfit(base) {
      const output = Output.object({ schema: z.object({ city: z.number() }) })
      await generateText({ model: modelOf(base), telemetry, prompt, output })
        .then((result) => result.output)
        .catch(left)
    },
    async prepared(base) {
      const prepareStep = ({ stepNumber }) =>
        stepNumber ? { model: openai(base).chat('gpt-4o'), toolChoice: 'none' } : {}
      await generateText({ model: modelOf(base), tools, telemetry, prompt, stopWhen, prepareStep })
    },
    async retried(base) {
      await generateText({ model: modelOf(base), tools, telemetry, prompt, stopWhen, maxRetries: 1 })
    },
    /** In its middle. */
    async aborted(base) {
      const controller = new AbortController()
      const leaving = { get_weather: tool({ ...get_weather, execute: () => controller.abort() }) }
      const abortSignal = controller.signal
      await generateText({ model: modelOf(base), tools: leaving, telemetry, prompt, stopWhen, abortSignal }).catch(left)
    },
    async callbacks(base) {
      const result = streamText({
        model: modelOf(base),
        tools,
        telemetry,
        prompt,
        stopWhen,
        onStepFinish: () => action('kept', left),
        onFinish() {
          throw new RangeError('no more')
        },
      })
      await result.consumeStream({ onError: left })
    },
    /** Two at once, of one name. */
    async both(base) {
      const one = () => generateText({ model: modelOf(base), tools, telemetry, prompt, stopWhen })
      await Promise.all([one(), one()])
    },
    async later(base, _, ctx) {
      ctx.waitUntil(generateText({ model: modelOf(base), tools, telemetry, prompt, stopWhen }))
    },
    async wrapped(base) {
      const middleware = {
        specificationVersion: 'v4',
        wrapGenerate: ({ doGenerate }) => action('guarded', () => doGenerate()),
      }
      await generateText({ model: wrapLanguageModel({ model: modelOf(base), middleware }), telemetry, prompt })
    },
    async reranks() {
      const doRerank = async () => ({ ranking: [{ index: 0, relevanceScore: 1 }] })
      const model = { specificationVersion: 'v4', provider: 'cohere', modelId: 'rerank-v3', doRerank }
      await rerank({ model, query: 'sun', documents: ['Oslo'], telemetry })
    },
  },
)
