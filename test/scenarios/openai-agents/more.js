/** What people do with OpenAI's Agents SDK beside a plain run: handoffs back and forth, approvals, agents as tools, aborts, two at once. */
import { Agent, OpenAIChatCompletionsModel, Runner, RunState, tool } from '@openai/agents'
import { action } from 'agentops-edge'
import { openaiAgents } from 'agentops-edge/instrumentation'
import OpenAI from 'openai'
import { z } from 'zod'
import { tasks } from '../tasks.js'

const modelOf = (base) =>
  new OpenAIChatCompletionsModel(new OpenAI({ apiKey: 'key', baseURL: `${base}/v1`, maxRetries: 0 }), 'gpt-4o-mini')
const weatherOf = (more = {}) =>
  tool({
    name: 'get_weather',
    description: 'The weather',
    parameters: z.object({ city: z.string() }),
    execute: ({ city }) => action('look out', () => `sun in ${city}`),
    ...more,
  })
const planner = (base, tools = [weatherOf()], more = {}) =>
  new Agent({ name: 'planner', model: modelOf(base), tools, ...more })
const asked = 'Where is the sun?'
const left = () => {}
const finished = async (result) => {
  await result.completed
  return result
}

export default tasks(
  { openaiAgents: openaiAgents() },
  {
    async approval(base, query) {
      const stream = query.has('stream')
      const agent = planner(base, [weatherOf({ needsApproval: true })])
      const first = await finished(await new Runner().run(agent, asked, { stream }))
      const state = await RunState.fromString(agent, first.state.toString())
      for (const one of state.getInterruptions()) state.approve(one)
      await finished(await new Runner().run(agent, state, { stream }))
    },
    async back(base) {
      const triage = new Agent({ name: 'triage', model: modelOf(base) })
      const desk = new Agent({ name: 'desk', model: modelOf(base), handoffs: [triage] })
      triage.handoffs.push(desk)
      await new Runner().run(triage, asked)
    },
    async tools(base) {
      const colleague = planner(base, [], { name: 'colleague' })
      const ask = colleague.asTool({ toolName: 'ask', toolDescription: 'Asks' })
      await new Runner().run(planner(base, [ask, weatherOf()]), asked)
    },
    async aborted(base) {
      const controller = new AbortController()
      const leaving = weatherOf({
        execute: () => {
          controller.abort()
          return 'gone'
        },
      })
      await new Runner()
        .run(planner(base, [leaving]), asked, { signal: controller.signal })
        .then(finished)
        .catch(left)
    },
    async output(base) {
      const guard = { name: 'clean', execute: async () => ({ tripwireTriggered: true, outputInfo: {} }) }
      await new Runner().run(planner(base, [], { outputGuardrails: [guard] }), asked).catch(left)
    },
    async typed(base) {
      await new Runner().run(planner(base, [], { outputType: z.object({ city: z.string() }) }), asked)
    },
    async both(base) {
      await Promise.all(['first', 'second'].map((name) => new Runner().run(planner(base, undefined, { name }), asked)))
    },
    async later(base, _, ctx) {
      ctx.waitUntil(new Runner().run(planner(base), asked))
    },
    /** Its reader goes. */
    async left(base) {
      const result = await new Runner().run(planner(base), asked, { stream: true })
      for await (const _ of result) break
      await result.completed.catch(left)
    },
    async unknown(base) {
      await new Runner().run(planner(base), asked).catch(left)
    },
  },
)
