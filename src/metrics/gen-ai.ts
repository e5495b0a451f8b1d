/** What is measured of model calls, agents and tools: as OpenTelemetry's conventions had it before they became a repository of their own, and as they have it now. */
import type { Attributes, Counter, Histogram } from '@opentelemetry/api'
import * as key from '../runtime/semconv.ts'
import { pick, some } from './pick.ts'

/** What makes instruments, of one meter. */
export interface Instruments {
  histogram(name: string, unit: string, bounds: number[]): Histogram
  counter(name: string, unit: string): Counter
}

/** A finished span that is an event. */
export interface Measured {
  kind: unknown
  attributes: Attributes
  /** How long it took. */
  seconds: number
  /** What identifies a model's call, bounded. */
  model: Attributes
  /** `error.type`, bounded, where it failed. */
  failed: Attributes
  /** Seconds between the chunks of a streamed answer. */
  gaps: readonly number[]
}

export type Measure = (span: Measured) => void

/** The conventions' own advice: seconds of a call or a tool, of an agent, of MCP; tokens, calls. */
const SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
const AGENT_SECONDS = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6]
const MCP_SECONDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]
const TOKENS = Array.from({ length: 14 }, (_, i) => 4 ** i)
const CALLS = [1, 2, 4, 8, 16, 32, 64, 128]

const SIDES = [
  ['input', key.GEN_AI_INPUT_TOKENS],
  ['output', key.GEN_AI_OUTPUT_TOKENS],
] as const
/** Their part of the metric's name, and the span's attribute. */
const USAGE = [
  ...SIDES.map(([side, name]) => [`${side}_tokens`, name] as const),
  ['cache_read.input_tokens', key.GEN_AI_CACHE_READ],
  ['cache_write.input_tokens', key.GEN_AI_CACHE_CREATION],
  ['reasoning.output_tokens', key.GEN_AI_REASONING_TOKENS],
] as const
const MODALITIES = ['text', 'image', 'audio']
/** Agents that run at a time, whose calls are counted. */
const MAX_AGENTS = 1000

/** The names of version 1.36, which most dashboards know. */
export function older({ histogram }: Instruments): Measure {
  const tokens = histogram('gen_ai.client.token.usage', '{token}', TOKENS)
  const operations = histogram('gen_ai.client.operation.duration', 's', SECONDS)
  return ({ kind, attributes, seconds, model, failed }) => {
    if (kind !== 'llm') return
    operations.record(seconds, { ...model, ...failed })
    for (const [side, name] of SIDES) {
      const count = attributes[name]
      if (typeof count === 'number') tokens.record(count, { ...model, [key.GEN_AI_TOKEN_TYPE]: side })
    }
  }
}

/** The names of today, for a destination with `semconv: genAi`. */
export function latest({ histogram, counter }: Instruments): Measure {
  const inference = histogram('gen_ai.client.inference.duration', 's', SECONDS)
  const others = histogram('gen_ai.client.operation.duration', 's', SECONDS)
  const firstChunk = histogram('gen_ai.client.inference.time_to_first_chunk', 's', SECONDS)
  const perChunk = histogram('gen_ai.client.inference.time_per_output_chunk', 's', SECONDS)
  const usage = USAGE.map(([part]) => counter(`gen_ai.client.inference.usage.${part}`, '{token}'))
  const each = SIDES.map(([side]) => histogram(`gen_ai.client.inference.operation.${side}_tokens`, '{token}', TOKENS))
  const agents = histogram('gen_ai.invoke_agent.duration', 's', AGENT_SECONDS)
  const inferenceCalls = histogram('gen_ai.invoke_agent.inference_calls', '{inference_call}', CALLS)
  const toolCalls = histogram('gen_ai.invoke_agent.tool_calls', '{tool_call}', CALLS)
  const tools = histogram('gen_ai.execute_tool.duration', 's', SECONDS)
  const mcp = histogram('mcp.client.operation.duration', 's', MCP_SECONDS)
  /** By the agent's id: its model calls and its tools so far. */
  const running: Map<unknown, [models: number, tools: number]> = new Map()

  const called = (agent: unknown, which: 0 | 1): void => {
    if (agent === undefined) return
    const counts = running.get(agent) ?? [0, 0]
    counts[which]++
    if (running.size >= MAX_AGENTS) running.delete(running.keys().next().value)
    running.set(agent, counts)
  }

  const ofModel = ({ attributes, seconds, model, failed, gaps }: Measured): void => {
    const common = { ...model, ...pick(attributes, [key.SERVER_ADDRESS, key.SERVER_PORT]) }
    if (!/^(chat|text_completion|generate_content)$/.test(`${model[key.GEN_AI_OPERATION_NAME]}`)) {
      others.record(seconds, { ...common, ...failed })
      return
    }
    inference.record(seconds, { ...common, ...failed })
    const chunk = attributes[key.GEN_AI_FIRST_CHUNK]
    if (typeof chunk === 'number') firstChunk.record(chunk, common)
    for (const gap of gaps) perChunk.record(gap, common)
    for (const [i, [part, name]] of USAGE.entries()) {
      // Each call counts, be it with nothing.
      const count = Number(attributes[name] ?? (SIDES[i] ? 0 : Number.NaN))
      if (Number.isNaN(count)) continue
      if (attributes[name] !== undefined) each[i]?.record(count, common)
      let rest = count
      for (const modality of SIDES[i] ? MODALITIES : []) {
        const own = Number(attributes[`gen_ai.usage.${modality}.${part}`] ?? 0)
        if (!own || own > rest) continue
        rest -= own
        usage[i]?.add(own, { ...common, 'gen_ai.token.modality': modality })
      }
      if (rest || !count) usage[i]?.add(rest, { ...common, 'gen_ai.token.modality': 'unknown' })
    }
  }

  return (span) => {
    const { kind, attributes, seconds, failed } = span
    const agent = attributes[key.AGENT_ID]
    const named = some({ 'gen_ai.agent.name': attributes[key.AGENT_NAME] })
    if (kind === 'llm') {
      called(agent, 0)
      ofModel(span)
    } else if (kind === 'tool') {
      called(agent, 1)
      const tool = { 'gen_ai.tool.name': attributes[key.TOOL_NAME] }
      tools.record(seconds, some({ ...tool, 'gen_ai.tool.type': 'function', ...named, ...failed }))
      const method = pick(attributes, [key.MCP_METHOD, key.RPC_STATUS, key.SERVER_ADDRESS, key.SERVER_PORT])
      if (method[key.MCP_METHOD]) {
        mcp.record(seconds, some({ [key.GEN_AI_OPERATION_NAME]: 'execute_tool', ...tool, ...method, ...failed }))
      }
    } else if (kind === 'agent') {
      const [models, used] = running.get(agent) ?? [0, 0]
      running.delete(agent)
      agents.record(seconds, { ...named, ...failed })
      inferenceCalls.record(models, named)
      toolCalls.record(used, named)
    }
  }
}
