/** What of the sweep must arrive, contents off or not: spans with their models, tokens, tools and status, and the user's words. */
import { FOREIGN } from '../fixtures/foreign-spans.ts'
import {
  BY_ON_SPAN,
  BY_OPTION,
  COMBINATIONS,
  type Combination,
  GROUP,
  MANY,
  OWN,
  type Way,
} from '../fixtures/sweep-plan.ts'
import type { DecodedAttributes, DecodedSpan } from './otlp-decoder.ts'
import { nameOf, RUNS, sessionsOf } from './sweep.ts'

interface Expected {
  session: string
  /** Where it is to be seen. Default: whichever instrumentations are on. */
  with?: readonly Combination[]
  name?: string
  attributes: Readonly<Record<string, unknown>>
  /** OTLP's code. */
  status?: number
  count?: number
}

const MODELS: readonly Combination[] = ['llm', 'all']
const REQUESTS: readonly Combination[] = ['fetch', 'all']
const TOLD: readonly Combination[] = ['told', 'all']
const tokens = (input: number, output: number): object => ({
  'gen_ai.usage.input_tokens': input,
  'gen_ai.usage.output_tokens': output,
})
const llm = (model: string): Record<string, unknown> => ({
  'agentops.span.kind': 'llm',
  'gen_ai.request.model': model,
})
const GPT = 'gpt-4o-mini'
const CLAUDE = 'claude-sonnet-4-5'
const LLAMA = '@cf/meta/llama-3.1-8b-instruct'
const failed = (model: string, type: string, status: number): Omit<Expected, 'session'> => ({
  with: MODELS,
  attributes: { ...llm(model), 'error.type': type, 'http.response.status_code': status },
  status: 2,
})

const EXPECTED: readonly Expected[] = [
  ...['openai/chat (json)', 'openai/chat (tools)', 'openai/stream (json)', 'openai/responses (json)'].map(
    (session) => ({
      session,
      with: MODELS,
      attributes: { ...llm(GPT), ...tokens(20, 12), 'gen_ai.response.model': 'gpt-4o-mini-2024-07-18' },
      status: 1,
    }),
  ),
  { session: 'openai/stream (tools)', with: MODELS, attributes: { ...llm(GPT), 'gen_ai.request.stream': true } },
  { session: 'openai/responses-stream (json)', with: MODELS, attributes: { ...llm(GPT), ...tokens(20, 12) } },
  {
    session: 'openai/embeddings (json)',
    with: MODELS,
    attributes: { ...llm('text-embedding-3-small'), 'gen_ai.usage.input_tokens': 5 },
  },
  { session: 'openai/chat (error)', ...failed(GPT, 'bad', 400) },
  { session: 'openai/raw (error)', ...failed(GPT, 'bad', 400) },
  { session: 'openai/many (error)', ...failed(GPT, 'bad', 400), count: MANY },
  {
    session: 'openai/many (error)',
    attributes: { 'tool.name': 'try', 'tool.status': 'failed' },
    status: 2,
    count: MANY,
  },
  {
    session: 'openai/word (word)',
    name: 'plan.operation',
    attributes: { 'agentops.span.kind': 'operation', 'operation.name': 'plan', 'action.type': 'plan' },
    count: 1,
  },
  // Its client makes spans itself.
  ...['message', 'content'].map((task) => ({
    session: `anthropic/${task} (json)`,
    attributes: { 'gen_ai.request.model': CLAUDE, 'gen_ai.operation.name': 'chat', ...tokens(20, 12) },
    status: 1,
  })),
  { session: 'anthropic/content-stream (midstream)', attributes: { 'gen_ai.request.model': CLAUDE }, status: 2 },
  {
    session: 'anthropic/runner (tools)',
    attributes: {
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'get_weather',
      'gen_ai.tool.call.id': 'toolu_1',
    },
    status: 1,
  },
  {
    session: 'google/content (tools)',
    with: MODELS,
    attributes: { ...llm('gemini-2.5-flash'), ...tokens(20, 12) },
  },
  { session: 'google/content (error)', ...failed('gemini-2.5-flash', 'RESOURCE_EXHAUSTED', 429) },
  {
    session: 'bedrock/stream (tools)',
    with: MODELS,
    attributes: { ...llm('anthropic.claude-3-haiku-20240307-v1:0'), ...tokens(20, 12) },
  },
  { session: 'workers/rest (json)', with: MODELS, attributes: { ...llm(LLAMA), ...tokens(20, 12) } },
  ...['binding', 'binding-stream'].map((task) => ({
    session: `workers/${task} (json)`,
    attributes: { ...llm(LLAMA), ...tokens(4, 2) },
  })),
  {
    session: 'workers/binding-throws (json)',
    attributes: { ...llm(LLAMA), 'error.type': 'TypeError' },
    status: 2,
  },
  ...['raw', 'client'].flatMap((task) => [
    {
      session: `mcp/${task} (stream)`,
      with: MODELS,
      attributes: { 'tool.name': 'search', 'mcp.method.name': 'tools/call', 'tool.status': 'succeeded' },
      status: 1,
    },
    {
      session: `mcp/${task} (refused)`,
      with: MODELS,
      attributes: { 'tool.name': 'search', 'error.type': '-32602' },
      status: 2,
    },
  ]),
  {
    session: 'fetch/stream (json)',
    with: REQUESTS,
    attributes: { 'agentops.span.kind': 'http', 'http.request.method': 'POST', 'http.response.status_code': 200 },
    status: 1,
  },
  // `tracedFetch` needs no instrumentation.
  { session: 'fetch/refused (json)', attributes: { 'http.response.status_code': 404, 'error.type': '404' }, status: 2 },
  // By OpenTelemetry's names and by the AI SDK's own.
  {
    session: 'ai/generate (tools)',
    attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': GPT, ...tokens(20, 12) },
    count: 2,
  },
  {
    session: 'ai/generate (tools)',
    attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'get_weather' },
    count: 2,
  },
  {
    session: 'ai/generate (tools)',
    attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'answer' },
  },
  {
    session: 'ai/generate (error)',
    attributes: { 'gen_ai.request.model': GPT, 'http.response.status_code': 400 },
    status: 2,
  },
  { session: 'ai/stream (json)', attributes: { 'gen_ai.request.model': GPT, ...tokens(20, 12) } },
  { session: 'ai/embed (json)', attributes: { 'gen_ai.operation.name': 'embeddings', 'gen_ai.usage.input_tokens': 5 } },
  { session: 'ai/decide (json)', attributes: { 'gen_ai.request.model': 'decider' } },
  {
    session: 'ai-own/generate (tools)',
    attributes: {
      'ai.operationId': 'ai.generateText.doGenerate',
      'ai.model.id': GPT,
      'ai.usage.inputTokens': 20,
      'ai.usage.outputTokens': 12,
    },
    count: 2,
  },
  {
    session: 'ai-own/generate (tools)',
    attributes: { 'ai.operationId': 'ai.toolCall', 'ai.toolCall.name': 'get_weather' },
    count: 2,
  },
  // As the SDK tells of itself.
  {
    session: 'ai-told/generate (tools)',
    with: TOLD,
    name: 'answer.agent',
    attributes: { 'agent.name': 'answer' },
    count: 1,
  },
  {
    session: 'ai-told/generate (tools)',
    with: TOLD,
    attributes: { 'tool.name': 'get_weather', 'tool.status': 'succeeded' },
    count: 2,
  },
  {
    session: 'ai-told/stream (tools)',
    with: TOLD,
    attributes: { 'tool.name': 'get_weather', 'error.type': 'RangeError' },
    status: 2,
  },
  {
    session: 'ai-told/generate (tools)',
    with: ['told', 'llm', 'all'],
    attributes: { ...llm(GPT), ...tokens(20, 12) },
    count: 2,
  },
  { session: 'ai-told/embed (json)', with: TOLD, attributes: { 'gen_ai.usage.input_tokens': 5 }, count: 1 },
  {
    session: 'ai-told/generate (error)',
    with: TOLD,
    name: 'answer.agent',
    attributes: { 'agent.name': 'answer' },
    status: 2,
  },
  { session: 'ai-own/generate (error)', attributes: { 'ai.model.id': GPT }, status: 2 },
  { session: 'user/inside (json)', with: MODELS, attributes: { ...llm(GPT), ...tokens(20, 12) }, count: 1 },
  { session: 'user/tool (error, thrown)', attributes: { 'tool.name': 'ask', 'tool.status': 'failed' }, status: 2 },
  // The user's own words.
  {
    session: 'own (json)',
    attributes: {
      'tool.name': 'note',
      'tool.parameters': JSON.stringify(OWN.params),
      'tool.result': JSON.stringify(OWN.result),
    },
    count: 1,
  },
  {
    session: 'own (json)',
    attributes: { 'action.type': 'plan', 'agentops.entity.output': JSON.stringify(OWN.result) },
    count: 1,
  },
  {
    session: 'own (json)',
    attributes: {
      ...llm('gpt-4o'),
      ...tokens(3, 4),
      'gen_ai.prompt.0.content': OWN.prompt,
      'gen_ai.completion.0.content': OWN.completion,
    },
    count: 1,
  },
  {
    session: 'own (json)',
    attributes: { 'error.type': 'Sold', 'error.message': OWN.completion, 'error.code': '17' },
    status: 2,
  },
  {
    session: 'own (json)',
    attributes: { ...OWN.attributes, 'order.items': ['tea', 'salt'], 'order.total': 12.5 },
    status: 2,
    count: 1,
  },
  ...['own (json)', 'own-root (json)'].map((session) => ({
    session,
    attributes: { 'agentops.span.kind': 'session', ...OWN.attributes },
    status: 1,
  })),
]

const isUuid = (value: unknown): boolean => /^[\da-f-]{36}$/.test(`${value}`)

/** What is not there, each a sentence. */
export function missingFrom(left: readonly DecodedSpan[], combination: Combination, way: Way): string[] {
  const missing: string[] = []
  // What was refused and then spooled left twice.
  const spans = [...new Map(left.map((span) => [span.spanId, span])).values()]
  const sessions = sessionsOf(spans)
  const group = way === 'spool' ? undefined : GROUP
  const of = (session: string): DecodedSpan[] => spans.filter(({ traceId }) => sessions.get(traceId) === session)

  for (const run of RUNS) {
    const name = nameOf(run)
    const [root] = of(name).filter(({ attributes }) => attributes['agentops.span.kind'] === 'session')
    if (run.mistakes) continue
    if (!root) missing.push(`${name}: no root`)
    else if (group ? root.attributes['session.id'] !== group : !isUuid(root.attributes['session.id']))
      missing.push(`${name}: its group`)
    const wrong = of(name).filter(({ attributes }) => !holds(attributes, { ...BY_OPTION, ...BY_ON_SPAN }))
    for (const span of wrong) missing.push(`${name}: [${span.scope.name}] ${span.name} without the user's attributes`)
  }
  for (const { session, with: on = COMBINATIONS, name, attributes, status, count } of EXPECTED) {
    if (!on.includes(combination)) continue
    const found = of(session).filter((span) => holds(span.attributes, attributes) && (name ?? span.name) === span.name)
    const right = status === undefined ? found : found.filter((span) => span.status.code === status)
    if (count === undefined ? right.length : right.length === count) continue
    missing.push(
      `${session}: ${right.length} of ${count ?? 'some'} spans with ${JSON.stringify({ status, ...attributes })}`,
    )
  }
  for (const { title, scope, keeps, fails } of FOREIGN) {
    const [found] = of('foreign (json)')
      .filter((span) => span.scope.name === scope)
      .map((span) => ({ span, lost: lostOf(span.attributes, keeps) }))
      .sort((a, b) => a.lost.length - b.lost.length)
    if (!found) missing.push(`${title}: no span`)
    else if (found.lost.length) missing.push(`${title}: ${found.lost.join(', ')}`)
    else if (fails && found.span.status.code !== 2) missing.push(`${title}: its status`)
  }
  const own = of('own (json)').find(({ scope }) => scope.name === 'my-app')
  if (own?.name !== 'mine' || own.status.message !== OWN.completion) missing.push('the user’s own span: name or status')
  const said = own?.events.find(({ name }) => name === 'exception')?.attributes['exception.message']
  if (said !== OWN.completion) missing.push('the user’s own span: its exception')
  for (const { events, links = [] } of [
    own,
    of('own (json)').find(({ name }) => name === 'own (json).session'),
  ].flatMap((span) => span ?? [])) {
    const placed = events.find(({ name }) => name === 'order.placed')
    for (const { attributes } of [...(placed ? [placed] : []), ...links]) {
      if (!holds(attributes, OWN.attributes)) missing.push('the user’s own events and links: their attributes')
    }
    if (!placed) missing.push('the user’s own event')
  }
  return missing
}

function lostOf(attributes: DecodedAttributes, wanted: Readonly<Record<string, unknown>>): string[] {
  const isSame = (name: string): boolean => JSON.stringify(attributes[name]) === JSON.stringify(wanted[name])
  return Object.keys(wanted).filter((name) => !isSame(name))
}

function holds(attributes: DecodedAttributes, wanted: Readonly<Record<string, unknown>>): boolean {
  return lostOf(attributes, wanted).length === 0
}
