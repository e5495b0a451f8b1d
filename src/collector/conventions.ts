/**
 * What a span says, whoever's conventions it follows: AgentOps', OpenTelemetry's for agents, OpenInference's,
 * OpenLLMetry's, the AI SDK's. Only reading: what is not there is left out.
 */
import * as key from '../runtime/semconv.ts'
import { type ChatMessage, inputMessages, outputMessages, textOf } from './messages.ts'
import type { CollectedSpan, PlainAttributes, PlainValue } from './otlp.ts'

export type SpanType = 'session' | 'agent' | 'model' | 'tool' | 'action' | 'error' | 'http' | 'database' | 'span'

export interface SpanSummary {
  type: SpanType
  /** Short, for a list: the tool's, agent's or model's name where there is one. */
  label: string
  model?: string
  inputTokens?: number
  outputTokens?: number
  /** US dollars. */
  cost?: number
  /** What came out of it, or what went wrong: a line. */
  note?: string
  /** Of a tool: the model's id of the call that asked for it. */
  callId?: string
}

const NOTE_LENGTH = 240
/** Of one call. What is more is no count: added up it would leave no room for others'. */
export const MAX_TOKENS = 1e9
/** US dollars of one call. */
export const MAX_COST = 1e6

/** Of `gen_ai.operation.name`. */
export const OPERATIONS: Record<string, SpanType> = {
  chat: 'model',
  text_completion: 'model',
  generate_content: 'model',
  embeddings: 'model',
  execute_tool: 'tool',
  invoke_agent: 'agent',
  create_agent: 'agent',
  invoke_workflow: 'agent',
}
/** Of `agentops.span.kind`, `openinference.span.kind`, `traceloop.span.kind`, in lower case. */
export const KINDS: Record<string, SpanType> = {
  session: 'session',
  agent: 'agent',
  tool: 'tool',
  llm: 'model',
  embedding: 'model',
  chain: 'action',
  retriever: 'action',
  reranker: 'action',
  guardrail: 'action',
  evaluator: 'action',
  workflow: 'action',
  operation: 'action',
  task: 'action',
  http: 'http',
}

type Said =
  | 'kind'
  | 'isModel'
  | 'isHttp'
  | 'isDatabase'
  | 'tool'
  | 'model'
  | 'inputTokens'
  | 'outputTokens'
  | 'sessionId'
  | 'environment'
/** What says it, the first of them that is there. */
export const SAYS: Readonly<Record<Said, readonly string[]>> = {
  kind: [key.SPAN_KIND, 'openinference.span.kind', 'traceloop.span.kind'],
  isModel: [key.GEN_AI_REQUEST_MODEL, 'llm.model_name'],
  isHttp: [key.HTTP_METHOD, 'http.method'],
  isDatabase: ['db.system.name', 'db.system'],
  tool: [key.TOOL_NAME, 'gen_ai.tool.name', 'ai.toolCall.name'],
  model: [
    key.GEN_AI_RESPONSE_MODEL,
    key.GEN_AI_REQUEST_MODEL,
    'llm.model_name',
    'embedding.model_name',
    'ai.response.model',
    'ai.model.id',
  ],
  inputTokens: [
    key.GEN_AI_INPUT_TOKENS,
    key.GEN_AI_PROMPT_TOKENS,
    'llm.token_count.prompt',
    'ai.usage.inputTokens',
    'ai.usage.promptTokens',
  ],
  outputTokens: [
    key.GEN_AI_OUTPUT_TOKENS,
    key.GEN_AI_COMPLETION_TOKENS,
    'llm.token_count.completion',
    'ai.usage.outputTokens',
    'ai.usage.completionTokens',
  ],
  sessionId: [key.CONVERSATION_ID, key.SESSION_ID],
  environment: [key.DEPLOYMENT_ENVIRONMENT, 'deployment.environment'],
}

export function summarize(span: CollectedSpan): SpanSummary {
  const { attributes, status } = span
  const type = typeOf(span)
  const summary: SpanSummary = { type, label: labelOf(span, type) }
  const tokens = tokensOf(attributes)
  // A framework repeats the tokens of its model calls on the spans around them.
  if (type === 'model') Object.assign(summary, tokens)
  if (type === 'model' || type === 'agent') summary.model = modelOf(attributes)
  const cost = Number(attributes[key.GEN_AI_TOTAL_COST])
  if (cost > 0 && cost <= MAX_COST) summary.cost = cost
  if (type === 'tool') summary.callId = callIdOf(attributes)
  const note = status.code === 2 ? errorOf(span) : noteOf(span, type)
  if (note) summary.note = line(note)
  return summary
}

/** A span may say `constructor`. */
function known(of: Record<string, SpanType>, name: string): SpanType | undefined {
  return Object.hasOwn(of, name) ? of[name] : undefined
}

export function typeOf({ name, attributes }: CollectedSpan): SpanType {
  if (attributes[key.EVENT_TYPE] === 'errors') return 'error'
  const told = first(attributes, ...SAYS.kind)
  const kind = known(KINDS, `${told ?? ''}`.toLowerCase())
  if (kind && kind !== 'action') return kind
  const operation = known(OPERATIONS, `${attributes[key.GEN_AI_OPERATION_NAME] ?? ''}`)
  if (operation) return operation
  const ai = `${attributes['ai.operationId'] ?? ''}`
  if (/\.do[A-Z]\w+$/.test(ai)) return 'model'
  if (ai === 'ai.toolCall') return 'tool'
  if (ai) return 'agent'
  if (first(attributes, ...SAYS.isModel) !== undefined) return 'model'
  if (attributes[key.MCP_METHOD] === 'tools/call' || attributes[key.TOOL_NAME] !== undefined) return 'tool'
  if (kind) return kind
  if (first(attributes, ...SAYS.isHttp) !== undefined) return 'http'
  if (first(attributes, ...SAYS.isDatabase) !== undefined) return 'database'
  return /\.(operation|task|workflow)$/.test(name) ? 'action' : 'span'
}

function labelOf({ name, attributes }: CollectedSpan, type: SpanType): string {
  const own =
    type === 'tool'
      ? first(attributes, ...SAYS.tool)
      : type === 'agent'
        ? first(attributes, key.AGENT_NAME, 'gen_ai.agent.name')
        : type === 'model'
          ? modelOf(attributes)
          : undefined
  return `${own ?? name.replace(/\.(session|operation|agent|tool|llm|task|workflow)$/, '')}` || '(no name)'
}

export function modelOf(attributes: PlainAttributes): string | undefined {
  const model = first(attributes, ...SAYS.model)
  return model === undefined ? undefined : `${model}`
}

/** `deployment.environment.name`, or as it was called before. */
export function environmentOf({ resource }: CollectedSpan): string | undefined {
  const told = first(resource, ...SAYS.environment)
  return told === undefined ? undefined : `${told}`
}

/** `service.name`. */
export function serviceOf({ resource }: CollectedSpan): string | undefined {
  const told = resource[key.SERVICE_NAME] ?? undefined
  return told === undefined ? undefined : `${told}`
}

function tokensOf(attributes: PlainAttributes): Pick<SpanSummary, 'inputTokens' | 'outputTokens'> {
  const count = (...names: string[]): number | undefined => {
    const value = Number(first(attributes, ...names))
    return value >= 0 && value <= MAX_TOKENS ? Math.round(value) : undefined
  }
  return {
    inputTokens: count(...SAYS.inputTokens),
    outputTokens: count(...SAYS.outputTokens),
  }
}

export function callIdOf(attributes: PlainAttributes): string | undefined {
  const id = first(attributes, key.TOOL_CALL_ID, key.TOOL_ID, 'tool_call.id', 'ai.toolCall.id')
  return id === undefined ? undefined : `${id}`
}

export interface Contents {
  input?: PlainValue
  output?: PlainValue
}

/** What went into the span's work and came out of it, where it is no chat. */
export function contentsOf({ attributes }: CollectedSpan): Contents {
  const found: Contents = {
    input: parsed(
      first(
        attributes,
        key.TOOL_PARAMETERS,
        'gen_ai.tool.call.arguments',
        'ai.toolCall.args',
        'ai.toolCall.input',
        key.ENTITY_INPUT,
        'traceloop.entity.input',
        'input.value',
        'agent.input',
        'db.query.text',
        'db.statement',
      ),
    ),
    output: parsed(
      first(
        attributes,
        key.TOOL_RESULT,
        'gen_ai.tool.call.result',
        'ai.toolCall.result',
        'ai.toolCall.output',
        key.ENTITY_OUTPUT,
        'traceloop.entity.output',
        'output.value',
      ),
    ),
  }
  // How AgentOps writes the parameters of a function.
  const { args, kwargs, ...rest } = (found.input ?? {}) as PlainAttributes
  if (Array.isArray(args) && kwargs && !Object.keys(rest).length && !args.length) found.input = kwargs
  return found
}

export interface Failure {
  type?: string
  message?: string
  stack?: string
}

/** The errors that a span tells of: its own, and each exception event. */
export function failuresOf({ attributes, status, events }: CollectedSpan): Failure[] {
  const found: Failure[] = events
    .filter(({ name }) => name === 'exception')
    .map(({ attributes: of }) => ({
      type: text(of['exception.type']),
      message: text(of['exception.message']),
      stack: text(of['exception.stacktrace']),
    }))
  const message = status.message || text(attributes[key.ERROR_MESSAGE])
  const type = text(attributes[key.ERROR_TYPE])
  const stack = text(parsedEvent(attributes).logs)
  const isTold = found.some((failure) => failure.message === message)
  if (status.code === 2 && !isTold) found.unshift({ type, message, stack })
  else if (stack && found[0] && !found[0].stack) found[0].stack = stack
  return found
}

export function errorOf(span: CollectedSpan): string {
  const [failure] = failuresOf(span)
  return failure?.message ?? failure?.type ?? 'failed'
}

function parsedEvent(attributes: PlainAttributes): PlainAttributes {
  const event = parsed(attributes[key.EVENT_DATA])
  return event && typeof event === 'object' && !Array.isArray(event) ? event : {}
}

function noteOf(span: CollectedSpan, type: SpanType): string {
  if (type === 'model') return inShort(outputMessages(span.attributes))
  const { output } = contentsOf(span)
  return output === undefined || output === null ? '' : typeof output === 'string' ? output : JSON.stringify(output)
}

function inShort(messages: ChatMessage[]): string {
  const parts = messages.flatMap((message) => message.parts)
  const calls = parts.flatMap((part) => (part.kind === 'call' ? [`${part.name}(${textOf(part.value)})`] : []))
  const said = parts.flatMap((part) => (part.kind === 'text' ? [part.text] : []))
  return [...said, ...(calls.length ? [`→ ${calls.join(', ')}`] : [])].join(' ')
}

/** What the first model call was asked last: how a session begins. */
export function questionOf(attributes: PlainAttributes): string {
  const asked = inputMessages(attributes).findLast(({ role }) => role === 'user')
  return asked?.parts.flatMap((part) => (part.kind === 'text' ? [part.text] : [])).join(' ') ?? ''
}

/** One line of text, cut. */
export function line(value: string, length: number = NOTE_LENGTH): string {
  const short = value
    .slice(0, length * 2)
    .replace(/\s+/g, ' ')
    .trim()
  return short.length > length ? `${short.slice(0, length - 1)}…` : short
}

export function first(attributes: PlainAttributes, ...names: readonly string[]): PlainValue | undefined {
  for (const name of names) if (attributes[name] !== undefined && attributes[name] !== '') return attributes[name]
  return undefined
}

/** Text that is JSON of an object or a list as what it says; anything else as it is. */
export function parsed(value: PlainValue | undefined): PlainValue | undefined {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}

function text(value: PlainValue | undefined): string | undefined {
  return value === undefined || value === null || value === '' ? undefined : textOf(value)
}
