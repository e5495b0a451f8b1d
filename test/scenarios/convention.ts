/**
 * OpenTelemetry's conventions for generative AI as a table (`open-telemetry/semantic-conventions-genai`, v0.1.0 and what
 * its main branch added by autumn 2026: docs/gen-ai/client-inference.md, gen-ai-spans.md, gen-ai-agent-spans.md, mcp.md,
 * gen-ai-metrics.md, gen-ai-token-metrics.md), and of HTTP's the spans around them: what a span is called, its kind, what it
 * must and may say, and how a metric is made.
 */
export interface SpanLike {
  name: string
  kind: number
  status: { code: number }
  attributes: Record<string, unknown>
}

/** OTLP's numbers. */
const INTERNAL = 1
const SERVER = 2
const CLIENT = 3

type Type = 'string' | 'int' | 'double' | 'boolean' | 'strings' | 'json' | 'messages' | 'parts'

interface Kind {
  /** What it is of this kind by. */
  is(attributes: Record<string, unknown>): boolean
  name(attributes: Record<string, unknown>): string
  kinds: readonly number[]
  required: readonly string[]
  /** Those required too, and the types of all. */
  may: Readonly<Record<string, Type>>
}

const said = (name: string) => (of: Record<string, unknown>) => of[name]
const operation = said('gen_ai.operation.name')
const joined = (...parts: unknown[]): string => parts.filter((part) => part !== undefined).join(' ')

const SERVED: Readonly<Record<string, Type>> = {
  'server.address': 'string',
  'server.port': 'int',
  'error.type': 'string',
}
/** The request that a call of a model or of a tool is. */
const HTTP: Readonly<Record<string, Type>> = {
  ...SERVED,
  'http.request.method': 'string',
  'http.request.method_original': 'string',
  'http.request.resend_count': 'int',
  'http.response.status_code': 'int',
  'http.route': 'string',
  'url.full': 'string',
  'url.path': 'string',
  'url.scheme': 'string',
  'network.protocol.version': 'string',
}
const OF_ANY: Readonly<Record<string, Type>> = { 'gen_ai.operation.name': 'string', 'gen_ai.conversation.id': 'string' }
const OF_CALL: Readonly<Record<string, Type>> = {
  ...OF_ANY,
  ...HTTP,
  'gen_ai.provider.name': 'string',
  'gen_ai.request.model': 'string',
  'gen_ai.response.model': 'string',
  'gen_ai.usage.input_tokens': 'int',
}
const TOOL: Readonly<Record<string, Type>> = {
  ...OF_ANY,
  'error.type': 'string',
  'gen_ai.agent.name': 'string',
  'gen_ai.tool.name': 'string',
  'gen_ai.tool.type': 'string',
  'gen_ai.tool.description': 'string',
  'gen_ai.tool.call.id': 'string',
  'gen_ai.tool.call.arguments': 'string',
  'gen_ai.tool.call.result': 'string',
}

export const KINDS: Readonly<Record<string, Kind>> = {
  inference: {
    is: (of) => /^(chat|text_completion|generate_content)$/.test(`${operation(of)}`),
    name: (of) => joined(operation(of), of['gen_ai.request.model']),
    kinds: [CLIENT, INTERNAL],
    required: ['gen_ai.operation.name', 'gen_ai.provider.name'],
    may: {
      ...OF_CALL,
      'gen_ai.output.type': 'string',
      'gen_ai.request.choice.count': 'int',
      'gen_ai.request.seed': 'int',
      'gen_ai.request.stream': 'boolean',
      'gen_ai.request.top_k': 'int',
      'gen_ai.request.top_p': 'double',
      'gen_ai.request.temperature': 'double',
      'gen_ai.request.frequency_penalty': 'double',
      'gen_ai.request.presence_penalty': 'double',
      'gen_ai.request.max_tokens': 'int',
      'gen_ai.request.stop_sequences': 'strings',
      'gen_ai.request.reasoning.level': 'string',
      'gen_ai.request.previous_response.id': 'string',
      'gen_ai.response.id': 'string',
      'gen_ai.response.finish_reasons': 'strings',
      'gen_ai.response.time_to_first_chunk': 'double',
      'gen_ai.usage.output_tokens': 'int',
      'gen_ai.usage.cache_read.input_tokens': 'int',
      'gen_ai.usage.cache_write.input_tokens': 'int',
      'gen_ai.usage.reasoning.output_tokens': 'int',
      ...Object.fromEntries(
        ['text', 'image', 'audio'].flatMap((one) =>
          ['input', 'output'].map((side) => [`gen_ai.usage.${one}.${side}_tokens`, 'int' as const]),
        ),
      ),
      'gen_ai.input.messages': 'messages',
      'gen_ai.output.messages': 'messages',
      'gen_ai.system_instructions': 'parts',
      'gen_ai.tool.definitions': 'json',
    },
  },
  embeddings: {
    is: (of) => operation(of) === 'embeddings',
    name: (of) => joined('embeddings', of['gen_ai.request.model']),
    kinds: [CLIENT, INTERNAL],
    required: ['gen_ai.operation.name', 'gen_ai.provider.name'],
    may: { ...OF_CALL, 'gen_ai.request.encoding_formats': 'strings', 'gen_ai.embeddings.dimension.count': 'int' },
  },
  'MCP client': {
    is: (of) => of['mcp.method.name'] !== undefined,
    name: (of) => joined(of['mcp.method.name'], of['gen_ai.tool.name']),
    kinds: [CLIENT],
    required: ['mcp.method.name', 'jsonrpc.request.id'],
    may: {
      ...TOOL,
      ...HTTP,
      'mcp.method.name': 'string',
      'mcp.session.id': 'string',
      'mcp.protocol.version': 'string',
      'jsonrpc.request.id': 'string',
      'rpc.response.status_code': 'string',
      'network.transport': 'string',
      'network.protocol.name': 'string',
    },
  },
  execute_tool: {
    is: (of) => operation(of) === 'execute_tool',
    name: (of) => joined('execute_tool', of['gen_ai.tool.name']),
    kinds: [INTERNAL],
    required: ['gen_ai.operation.name', 'gen_ai.tool.name'],
    may: TOOL,
  },
  invoke_agent: {
    is: (of) => operation(of) === 'invoke_agent',
    name: (of) => joined('invoke_agent', of['gen_ai.agent.name']),
    kinds: [INTERNAL, CLIENT],
    required: ['gen_ai.operation.name'],
    may: {
      ...OF_ANY,
      'error.type': 'string',
      'gen_ai.agent.name': 'string',
      'gen_ai.agent.description': 'string',
      'gen_ai.request.model': 'string',
      'gen_ai.usage.input_tokens': 'int',
      'gen_ai.usage.output_tokens': 'int',
    },
  },
  // Of a call between Workers and objects, which has no package: `Class.method`.
  'RPC server': {
    is: (of) => of['rpc.system'] !== undefined,
    name: (of) => `${of['rpc.service']}.${of['rpc.method']}`,
    kinds: [SERVER],
    required: ['rpc.system', 'rpc.method'],
    may: { 'rpc.system': 'string', 'rpc.service': 'string', 'rpc.method': 'string', 'error.type': 'string' },
  },
  'HTTP server': {
    is: (of) => of['agentops.span.kind'] === 'session',
    name: (of) => joined(of['http.request.method'], of['http.route']),
    kinds: [SERVER],
    required: ['http.request.method', 'url.path', 'url.scheme'],
    may: HTTP,
  },
  'HTTP client': {
    is: (of) => of['agentops.span.kind'] === 'http',
    name: (of) => `${of['http.request.method']}`,
    kinds: [CLIENT],
    required: ['http.request.method', 'server.address', 'server.port', 'url.full'],
    may: HTTP,
  },
  'an event of no convention': {
    is: () => true,
    name: () => '',
    kinds: [INTERNAL],
    required: [],
    may: { 'error.type': 'string', 'error.message': 'string' },
  },
}

/** What is no convention's, and goes beside it: what every event has, and what describes the session. */
const OURS =
  /^(event\.(id|type|timestamp|end_timestamp|data)|trigger_event\.(id|type)|session\.id|agentops\.(span\.kind|tags|incomplete|session\.end_state(_reason)?))$/

const isPart = (part: unknown): boolean => {
  const { type, content, name, response } = Object(part)
  if (type === 'text' || type === 'reasoning') return typeof content === 'string'
  if (type === 'tool_call') return typeof name === 'string'
  if (type === 'tool_call_response') return response !== undefined
  return typeof type === 'string'
}
const parsed = (value: unknown): unknown => {
  try {
    return JSON.parse(`${value}`)
  } catch {
    return undefined
  }
}
const every = (value: unknown, check: (one: unknown) => boolean): boolean => Array.isArray(value) && value.every(check)

const TYPES: Readonly<Record<Type, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string' && value !== '',
  int: Number.isInteger,
  double: Number.isFinite,
  boolean: (value) => typeof value === 'boolean',
  strings: (value) => every(value, (one) => typeof one === 'string'),
  json: (value) => parsed(value) !== undefined,
  messages: (value) =>
    every(parsed(value), (one) => typeof Object(one).role === 'string' && every(Object(one).parts, isPart)),
  parts: (value) => every(parsed(value), isPart),
}

/** What a span is not as the conventions have it, each as `kind: what`. */
export function faultsOf(span: SpanLike): string[] {
  const { name, kind, status, attributes } = span
  const [title = '', row] = Object.entries(KINDS).find(([, one]) => one.is(attributes)) ?? []
  if (!row) return []
  const faults: string[] = []
  const expected = row.name(attributes)
  if (expected && name !== expected) faults.push(`name ${name}, not ${expected}`)
  if (!row.kinds.includes(kind)) faults.push(`span kind ${kind}`)
  for (const one of row.required) if (attributes[one] === undefined) faults.push(`no ${one}`)
  for (const [one, value] of Object.entries(attributes)) {
    const type = row.may[one]
    if (!type && !OURS.test(one)) faults.push(`attribute ${one}`)
    if (type && !TYPES[type](value)) faults.push(`${one} is no ${type}: ${value}`)
  }
  if ((status.code === 2) !== (attributes['error.type'] !== undefined)) {
    faults.push(`status ${status.code} with error.type ${attributes['error.type']}`)
  }
  return faults.map((fault) => `${title}: ${fault}`)
}

interface Metric {
  type: 'histogram' | 'sum'
  unit: string
  required: readonly string[]
}
const OF_MODEL = ['gen_ai.operation.name', 'gen_ai.provider.name', 'gen_ai.request.model']
const seconds = (...required: string[]): Metric => ({ type: 'histogram', unit: 's', required })
const tokens = (type: Metric['type'], ...required: string[]): Metric => ({ type, unit: '{token}', required })
const usage = tokens('sum', ...OF_MODEL, 'gen_ai.token.modality')

export const METRICS: Readonly<Record<string, Metric>> = {
  'gen_ai.client.inference.duration': seconds(...OF_MODEL),
  'gen_ai.client.inference.time_to_first_chunk': seconds(...OF_MODEL),
  'gen_ai.client.inference.time_per_output_chunk': seconds(...OF_MODEL),
  'gen_ai.client.operation.duration': seconds('gen_ai.operation.name'),
  'gen_ai.client.inference.usage.input_tokens': usage,
  'gen_ai.client.inference.usage.output_tokens': usage,
  'gen_ai.client.inference.usage.cache_read.input_tokens': usage,
  'gen_ai.client.inference.usage.cache_write.input_tokens': usage,
  'gen_ai.client.inference.usage.reasoning.output_tokens': usage,
  'gen_ai.client.inference.operation.input_tokens': tokens('histogram', ...OF_MODEL),
  'gen_ai.client.inference.operation.output_tokens': tokens('histogram', ...OF_MODEL),
  'gen_ai.invoke_agent.duration': seconds(),
  'gen_ai.invoke_agent.inference_calls': { type: 'histogram', unit: '{inference_call}', required: [] },
  'gen_ai.invoke_agent.tool_calls': { type: 'histogram', unit: '{tool_call}', required: [] },
  'gen_ai.execute_tool.duration': seconds('gen_ai.tool.name'),
  'mcp.client.operation.duration': seconds('mcp.method.name'),
  'http.server.request.duration': seconds('http.request.method', 'url.scheme'),
}
