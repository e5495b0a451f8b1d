/**
 * OpenTelemetry's conventions for generative AI (`open-telemetry/semantic-conventions-genai`, v0.1.0): sessions' spans
 * under the names by which Datadog, Grafana, Langfuse, MLflow, Phoenix and Sentry know agents, tools and model calls. Of
 * this library's names only those stay that every event has (`event.*`, `session.id`), its kind, and what describes the
 * session.
 */
import type { Attributes } from '@opentelemetry/api'
import type { Presented, Semconv } from '../outbox/config.ts'
import { CLIENT } from '../runtime/otel.ts'
import type { ReadableSpan } from '../runtime/sdk.ts'
import * as key from '../runtime/semconv.ts'
import { instructionsOf, messagesOf } from './messages.ts'

/** Names of this library, and older ones of the conventions, that have no place under it: an error's message is the status'. */
const OURS =
  /^(operation\.name|agentops\.(entity\..*|conversation\.id)|(action|tool|agent|llm)\..*|gen_ai\.((prompt|completion)\..*|system|request\.(type|streaming)|usage\.((prompt|completion|total|reasoning)_tokens|total_cost|cache_(read_|creation[._])input_tokens))|error\.(code|message))$/
/** Older names, and what they are called today. */
const RENAMED: readonly (readonly [from: string, to: string])[] = [
  [key.GEN_AI_CACHE_CREATION, 'gen_ai.usage.cache_write.input_tokens'],
  [key.GEN_AI_REASONING_TOKENS, 'gen_ai.usage.reasoning.output_tokens'],
  [key.CONVERSATION, key.CONVERSATION_ID],
]
const SUFFIX = /\.(session|operation|tool|llm|agent)$/

/**
 * ```ts
 * agentops({ exporters: [{ endpoint: 'https://otlp.example.com/v1/traces', semconv: genAi }] })
 * ```
 */
export const genAi: Semconv = {
  semconv: 'gen_ai',
  present(span) {
    const { attributes } = span
    const kind = attributes[key.SPAN_KIND]
    // Somebody else's span has its own names.
    if (typeof kind !== 'string') return genAi.copy(span)
    const [name, described] = describe(kind, span)
    const rest = Object.entries(attributes).filter(([name]) => !OURS.test(name))
    for (const [from, to] of RENAMED) described[to] = attributes[from]
    // The conventions have it on agents, tools and calls of models only.
    if (!described[key.GEN_AI_OPERATION_NAME]) delete described[key.CONVERSATION_ID]
    return copyOf(span, name, { ...Object.fromEntries(rest), ...withoutUndefined(described) })
  },
  copy: (span) => copyOf(span, span.name, { ...span.attributes }),
}

/** The span's name, and what the conventions say of its kind. */
function describe(kind: string, { name, attributes }: ReadableSpan): [name: string, attributes: Attributes] {
  const plain = name.replace(SUFFIX, '')
  const text = (from: string): string | undefined => attributes[from]?.toString()
  if (kind === 'tool') {
    const tool = text(key.TOOL_NAME) ?? plain
    const method = text(key.MCP_METHOD)
    return [
      `${method ?? 'execute_tool'} ${tool}`,
      {
        [key.GEN_AI_OPERATION_NAME]: 'execute_tool',
        'gen_ai.tool.name': tool,
        'gen_ai.tool.type': 'function',
        [key.TOOL_CALL_ID]: text(key.TOOL_CALL_ID) ?? text(key.TOOL_ID),
        'gen_ai.tool.call.arguments': text(key.TOOL_PARAMETERS),
        'gen_ai.tool.call.result': text(key.TOOL_RESULT),
      },
    ]
  }
  if (kind === 'agent') {
    const agent = text(key.AGENT_NAME) ?? plain
    return [`invoke_agent ${agent}`, { [key.GEN_AI_OPERATION_NAME]: 'invoke_agent', 'gen_ai.agent.name': agent }]
  }
  // A host is no target: one is low in cardinality.
  if (kind === 'http') return [`${plain.split(' ')[0]}`, {}]
  if (kind !== 'llm') return [plain, {}]
  const operation = text(key.GEN_AI_OPERATION_NAME) ?? 'chat'
  const isTold = attributes[key.LLM_INSTRUCTED] === true
  return [
    `${operation} ${text(key.GEN_AI_REQUEST_MODEL) ?? ''}`.trim(),
    {
      [key.GEN_AI_OPERATION_NAME]: operation,
      'gen_ai.system_instructions': isTold ? instructionsOf(attributes[`${key.GEN_AI_PROMPT}.0.content`]) : undefined,
      'gen_ai.input.messages': messagesOf(attributes, key.GEN_AI_PROMPT, isTold ? 1 : 0),
      'gen_ai.output.messages': messagesOf(attributes, key.GEN_AI_COMPLETION),
      [key.GEN_AI_INPUT_TOKENS]: attributes[key.GEN_AI_INPUT_TOKENS] ?? attributes[key.GEN_AI_PROMPT_TOKENS],
      [key.GEN_AI_OUTPUT_TOKENS]: attributes[key.GEN_AI_OUTPUT_TOKENS] ?? attributes[key.GEN_AI_COMPLETION_TOKENS],
    },
  ]
}

function withoutUndefined(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined))
}

/** The span under another name, with other attributes; nothing of it is shared with the span itself that is changed later. */
function copyOf(span: ReadableSpan, name: string, attributes: Attributes): Presented {
  const { kind, events, links, status } = span
  const context = span.spanContext()
  return {
    ...{ name, kind: attributes[key.MCP_METHOD] ? CLIENT : kind, attributes, spanContext: () => context },
    ...{ parentSpanContext: span.parentSpanContext, startTime: span.startTime, endTime: span.endTime },
    ...{ duration: span.duration, ended: span.ended, status: { ...status } },
    events: events.map((event) => ({ ...event, attributes: { ...event.attributes } })),
    links: links.map((link) => ({ ...link, attributes: { ...link.attributes } })),
    ...{ resource: span.resource, instrumentationScope: span.instrumentationScope },
    droppedAttributesCount: span.droppedAttributesCount,
    droppedEventsCount: span.droppedEventsCount,
    droppedLinksCount: span.droppedLinksCount,
    updateName(this: { name: string }, name) {
      this.name = name
    },
  }
}
