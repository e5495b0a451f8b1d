/**
 * Spans of AI frameworks (OpenTelemetry's `gen_ai.*` conventions, the AI SDK's own, OpenInference, OpenLLMetry) as
 * AgentOps reads them: its kinds, names, token counts and contents. What they have stays; contents only with
 * `captureContent`.
 */
import type { Attributes, AttributeValue } from '@opentelemetry/api'
import { llmAttributes } from '../events/attributes.ts'
import type { Message } from '../events/event.ts'
import { ERROR } from '../runtime/otel.ts'
import type { SdkSpan } from '../runtime/sdk.ts'
import * as key from '../runtime/semconv.ts'
import type { AiInstrumentation, InstrumentedSession } from '../session/instruments.ts'
import { countsOf, insideOf, optedIn, type Spent, saysOf, sharing, sumOf } from './around.ts'
import { newest } from './newest.ts'
import { takeFinished } from './tool-calls.ts'
import { isCount, isModel } from './wires/wire.ts'

const AI: AiInstrumentation = { instruments: 'ai', ending }

/** Maps the spans of AI frameworks whose telemetry lands in the session (see `instrumentations.global`) to AgentOps' kinds. */
export function aiSpans(): AiInstrumentation {
  return AI
}

type Kind = 'llm' | 'tool' | 'agent' | 'operation'

/** By what a span says it is, in lower case. */
const KINDS: readonly (readonly [pattern: RegExp, kind: Kind])[] = [
  [/^(execute_tool|tool)$|toolcall$/, 'tool'],
  [/^(invoke_agent|create_agent|agent)$/, 'agent'],
]
function ending(span: SdkSpan, session: InstrumentedSession): void {
  const { attributes } = span
  if (attributes[key.SPAN_KIND] !== undefined) return
  const first = (...names: string[]): AttributeValue | undefined =>
    names.map((name) => attributes[name]).find((value) => value !== undefined && value !== null)
  const says = saysOf(span)
  if (says === undefined) return
  optedIn(session)
  const named = KINDS.find(([pattern]) => pattern.test(`${says}`.toLowerCase()))?.[1]
  const isOther = isModel(says) && isShownElsewhere(span, session)
  const kind = isOther ? 'operation' : isModel(says) ? 'llm' : (named ?? 'operation')
  const { captureContent } = session.config
  // Without it contents are not looked at; the session conceals them.
  const content: Attributes = captureContent ? { ...attributes } : {}
  if (span.status.code === ERROR) span.status.message ??= `${first(key.ERROR_TYPE) ?? 'error'}`

  const names: Record<Kind, unknown> = {
    llm: /embed/i.test(`${says}`) ? 'embeddings' : 'chat',
    tool: first('gen_ai.tool.name', 'ai.toolCall.name', 'tool.name', 'traceloop.entity.name') ?? span.name,
    agent: first('gen_ai.agent.name', 'ai.telemetry.functionId', 'agent.name', 'traceloop.entity.name') ?? span.name,
    operation: span.name,
  }
  const name = `${names[kind]}`
  const own: Attributes = { [key.SPAN_KIND]: kind, [key.OPERATION_NAME]: name }
  if (kind === 'llm') {
    session.stats.llms++
    const {
      prompt: promptTokens,
      completion: completionTokens,
      cache_read,
      cache_creation,
      reasoning,
    } = tokensOf(attributes)
    const finish = [first(key.GEN_AI_FINISH_REASONS, 'ai.response.finishReason')].flat()[0]
    const said = messages(content['gen_ai.output.messages']) ?? answered(content)
    // Prompts come from one source: what the span says itself, else the wire.
    const seen = insideOf(span)?.said ?? {}
    const hasPrompts = Object.keys(attributes).some((attribute) => attribute.startsWith(key.GEN_AI_PROMPT))
    const prompt = newest(messages(content['gen_ai.input.messages']) ?? messages(content['ai.prompt.messages']))
    Object.assign(
      own,
      llmAttributes({
        eventType: 'llms',
        operation: name,
        model: first(key.GEN_AI_REQUEST_MODEL, 'ai.model.id', 'llm.model_name', 'embedding.model_name'),
        responseModel: first(key.GEN_AI_RESPONSE_MODEL, 'ai.response.model') ?? undefined,
        prompt: prompt ?? (hasPrompts ? undefined : seen.prompt),
        completion:
          said ?? seen.completion ?? (finish ? [{ role: 'assistant', finish_reason: `${finish}` }] : undefined),
        promptTokens,
        completionTokens,
      }),
    )
    own[key.GEN_AI_OPERATION_NAME] = first(key.GEN_AI_OPERATION_NAME) ?? name
    own[key.GEN_AI_CACHE_CREATION_TOKENS] = cache_creation
    own[key.GEN_AI_CACHE_READ_TOKENS] = cache_read
    own[key.GEN_AI_REASONING_TOKENS] = reasoning
  }
  if (kind === 'tool') {
    session.stats.tools++
    Object.assign(own, {
      [key.TOOL_NAME]: name,
      [key.TOOL_PARAMETERS]:
        content['gen_ai.tool.call.arguments'] ?? content['ai.toolCall.args'] ?? content['input.value'],
      [key.TOOL_RESULT]: content['gen_ai.tool.call.result'] ?? content['ai.toolCall.result'] ?? content['output.value'],
      [key.TOOL_STATUS]: span.status.code === ERROR ? 'failed' : 'succeeded',
      [key.TOOL_ID]: first(key.TOOL_CALL_ID, 'ai.toolCall.id', 'tool.id'),
    })
  }
  if (kind === 'agent') own[key.AGENT_NAME] = name
  span.setAttributes(own)
  span.updateName(`${name}.${kind}`)
}

/** Token counts, by the names that the conventions have for them. */
const TOKENS = {
  prompt: [key.GEN_AI_INPUT_TOKENS, 'ai.usage.inputTokens', 'ai.usage.promptTokens', 'llm.token_count.prompt'],
  completion: [
    key.GEN_AI_OUTPUT_TOKENS,
    'ai.usage.outputTokens',
    'ai.usage.completionTokens',
    'llm.token_count.completion',
  ],
  cache_creation: [key.GEN_AI_CACHE_CREATION, 'gen_ai.usage.cache_write.input_tokens'],
  cache_read: [key.GEN_AI_CACHE_READ, 'ai.usage.cachedInputTokens'],
  reasoning: ['ai.usage.reasoningTokens', 'ai.usage.outputTokenDetails.reasoningTokens'],
}

function tokensOf(attributes: Attributes): Spent {
  const counts = Object.entries(TOKENS).map(([name, names]) => {
    const value = names.map((of) => attributes[of]).find((one) => one !== undefined && one !== null)
    return [name, isCount(Number(value ?? Number.NaN)) ? Number(value) : undefined]
  })
  return Object.fromEntries(counts)
}

/** What another span shows already. */
const REPEATED = /(^|\.)(usage|token_count)\b|^gen_ai\.(prompt|completion|input\.messages|output\.messages)\b/
/** The clocks of a framework and of the session may differ by it, ms. */
const TOLERANCE_MS = 20

/** Model calls of frameworks inside which another has ended, which says the same. */
const repeating: WeakSet<SdkSpan> = new WeakSet()

/**
 * Whether a call that a framework's span shows has an event already: it is the wire's, found by its id, else by model,
 * tokens and time; or the user's own around it; or a span inside of it. What it repeats is then taken from it.
 */
function isShownElsewhere(span: SdkSpan, session: InstrumentedSession): boolean {
  const { attributes } = span
  const texts = Object.values(attributes).filter((value) => typeof value === 'string')
  const prompt = tokensOf(attributes).prompt
  const beganAt = span.startTime[0] * 1e3 + span.startTime[1] / 1e6 - TOLERANCE_MS
  const hasWires = !!insideOf(span)
  const found =
    !hasWires &&
    (takeFinished(
      session,
      ({ id }) => !!id && texts.some((text) => text === id || text.includes(JSON.stringify(id))),
    ) ??
      takeFinished(session, (call) => {
        const isSame = call.prompt === undefined || prompt === undefined || call.prompt === prompt
        return isSame && call.begunAt >= beganAt && texts.some((text) => text === call.model)
      }))
  let isEvents = false
  for (let outer = session.events.above(span); outer && outer !== session.root; outer = session.events.above(outer)) {
    const says = saysOf(outer)
    const kind = outer.attributes[key.SPAN_KIND]
    if (isModel(says) && kind === undefined && prompt !== undefined) repeating.add(outer)
    const running = kind === 'llm' ? session.events.running(outer) : undefined
    if (running) {
      isEvents = true
      const { calls, said } = sharing(outer, running)
      if (!found && !repeating.has(span) && [...calls].every(({ isSpans }) => isSpans)) {
        calls.add({ spent: tokensOf(attributes), isSpans: true })
        Object.assign(said, countsOf(sumOf(calls)))
      }
    }
    if (kind !== undefined && kind !== 'http') break
  }
  const isOther = !!found || isEvents || repeating.has(span)
  if (isOther) for (const name in attributes) if (REPEATED.test(name)) delete attributes[name]
  return isOther
}

interface Part {
  type?: string
  content?: unknown
  text?: unknown
  id?: string
  name?: string
  arguments?: unknown
}

/** A list of messages as JSON, each with `parts` (OpenTelemetry) or `content` (AI SDK). */
function messages(json: unknown): Message[] | undefined {
  const all = parsed(json)
  if (!Array.isArray(all)) return undefined
  return all.map(({ role, parts, content, finish_reason }) => {
    const given = (parts ?? content) as Part[] | string
    if (!Array.isArray(given)) return { role, content: given, finish_reason }
    const texts = given.filter(({ type }) => type === 'text').map((part) => part.content ?? part.text)
    const calls = given.filter(({ type }) => type === 'tool_call')
    const rest = texts.length || calls.length ? texts.join('') || undefined : given
    return { content: rest, role, finish_reason, tool_calls: calls.length ? calls : undefined }
  })
}

/** What a model answered, in the AI SDK's own attributes. */
function answered(content: Attributes): Message[] | undefined {
  const text = content['ai.response.text'] ?? content['ai.response.object']
  const calls = parsed(content['ai.response.toolCalls'])
  if (text === undefined && !Array.isArray(calls)) return undefined
  const named = (Array.isArray(calls) ? calls : []).map(({ toolCallId: id, toolName: name, input, args }) => {
    return { id, name, arguments: input ?? args }
  })
  const finish = content['ai.response.finishReason']
  return [
    { content: text, role: 'assistant', finish_reason: finish as string, tool_calls: named.length ? named : undefined },
  ]
}

function parsed(json: unknown): unknown {
  try {
    return JSON.parse(`${json}`)
  } catch {
    return undefined
  }
}
