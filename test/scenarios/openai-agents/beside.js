/**
 * OpenAI's Agents SDK beside what may stand beside it: `/<task>?base=<url of the models>`, with `&wire` (llmCalls) and
 * `&contents`. The answer is the session's id.
 */
import {
  Agent,
  getGlobalTraceProvider,
  OpenAIChatCompletionsModel,
  Runner,
  setTraceProcessors,
  setTracingDisabled,
  tool,
} from '@openai/agents'
import { tool as ownTool } from 'agentops-edge'
import { openaiAgents } from 'agentops-edge/instrumentation'
import OpenAI from 'openai'
import { z } from 'zod'
import { tasks } from '../tasks.js'

const modelOf = (base) =>
  new OpenAIChatCompletionsModel(new OpenAI({ apiKey: 'key', baseURL: `${base}/v1`, maxRetries: 0 }), 'gpt-4o-mini')

/** A tool that runs a tool of the user's, which asks another agent. */
const nested = (base) => {
  const colleague = new Agent({ name: 'colleague', model: modelOf(base) })
  const ask = tool({
    name: 'ask_colleague',
    description: 'Asks',
    parameters: z.object({ question: z.string() }),
    execute: ({ question }) =>
      ownTool('look_up', { question }, async () => (await new Runner().run(colleague, question)).finalOutput),
  })
  return new Agent({ name: 'planner', model: modelOf(base), tools: [ask] })
}

const strict = { name: 'strict', execute: async () => ({ tripwireTriggered: true, outputInfo: {} }) }

const TASKS = {
  async nested(base, query) {
    const stream = query.has('stream')
    const result = await new Runner().run(nested(base), 'How warm?', { stream })
    if (stream) await result.completed
  },
  fails: (base) => new Runner().run(new Agent({ name: 'planner', model: modelOf(base) }), 'Hello').catch(() => {}),
  turns: (base) => new Runner().run(nested(base), 'How warm?', { maxTurns: 1 }).catch(() => {}),
  trips: (base) =>
    new Runner()
      .run(new Agent({ name: 'planner', model: modelOf(base), inputGuardrails: [strict] }), 'Hello')
      .catch(() => {}),
  /** The user listens alone. */
  async processors(base) {
    const none = async () => {}
    setTraceProcessors([
      { onTraceStart: none, onTraceEnd: none, onSpanStart: none, onSpanEnd: none, shutdown: none, forceFlush: none },
    ])
    await new Runner().run(new Agent({ name: 'planner', model: modelOf(base) }), 'Hello')
  },
  async off(base) {
    setTracingDisabled(true)
    await new Runner().run(new Agent({ name: 'planner', model: modelOf(base) }), 'Hello')
    setTracingDisabled(false)
  },
  runnerOff: (base) =>
    new Runner({ tracingDisabled: true }).run(new Agent({ name: 'planner', model: modelOf(base) }), 'Hello'),
  /** Ends as a process of its own would. */
  async shutdown(base) {
    await getGlobalTraceProvider().shutdown(1000)
    await new Runner().run(new Agent({ name: 'planner', model: modelOf(base) }), 'Hello')
  },
}

export default tasks({ openaiAgents: openaiAgents() }, TASKS)
