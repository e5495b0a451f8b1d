/**
 * The AI SDK (`ai` 7; 6 as far as it tells): its generations as agents or actions, their steps, tools and model calls. The SDK
 * calls whatever stands in a list on `globalThis`, so nothing of it is imported, and needs no switch of its own.
 */
import { type Context, createContextKey, trace } from '@opentelemetry/api'
import type { PlainEvent } from '../events/event.ts'
import { debug, guard, warn } from '../runtime/diag.ts'
import { activeContext, runIn } from '../runtime/scope.ts'
import type { SdkSpan } from '../runtime/sdk.ts'
import * as key from '../runtime/semconv.ts'
import { toText } from '../runtime/serialize.ts'
import type { Caller, FrameworkInstrumentation, InstrumentedSession } from '../session/instruments.ts'
import { isOwn, mute } from './ai-sdk-spans.ts'
import { sessionHere } from './fetch.ts'
import {
  action,
  agent,
  close,
  contextOf,
  type FrameworkCall,
  type Opened,
  open,
  openCall,
  Running,
  showCall,
  text,
  usageOf,
} from './framework.ts'
import type { Json } from './wires/wire.ts'

/** A generation, an embedding, or another operation of the SDK. */
interface Run {
  readonly session: InstrumentedSession
  /** Of the code that called the SDK. */
  readonly context: Context
  /** The agent's; empty where the user gave none. */
  readonly name: string
  readonly operation: string
  model?: unknown
  provider?: unknown
  /** None of an embedding; of version 6 from its first step on. */
  opened?: Opened
  step?: Opened
  /** By the id of an embedding's call, or of the run. */
  readonly calls: Map<unknown, Call>
  /** By what the SDK calls a call: models give several one id, or an empty one. */
  readonly tools: Map<Json, Opened & { isCalled?: boolean }>
  /** Version 6: its own spans land in the session and show it. */
  isShown?: boolean
}

interface Call extends FrameworkCall {
  /** The span that its request is made inside of, where nobody can run around it. */
  readonly beside?: string
  /** Milliseconds since the epoch. */
  endedAt?: number
}

type CallerOf = FrameworkInstrumentation['caller']
type Hook = (event: Json, id: unknown) => void

const MARK: unique symbol = /* @__PURE__ */ Symbol.for('agentops-edge.ai-sdk.1')
/** In the SDK's list. */
type Integration = { readonly [MARK]?: CallerOf } | undefined
const CALLER = /* @__PURE__ */ createContextKey('agentops.ai-sdk.call')
/** By the SDK's id; version 6 has none. */
const runs: Running<Run> = /* @__PURE__ */ new Running()
/** Calls around which the SDK lets nobody run: a request beside them is theirs. */
const waiting: WeakMap<InstrumentedSession, Set<Call>> = new WeakMap()
const USAGE = {
  prompt: 'inputTokens',
  completion: 'outputTokens',
  total: 'totalTokens',
  cache_read: 'inputTokenDetails.cacheReadTokens',
  cache_creation: 'inputTokenDetails.cacheWriteTokens',
  reasoning: 'outputTokenDetails.reasoningTokens',
}

/**
 * Makes what the AI SDK does spans of the session: each generation an agent with the name that you gave
 * (`telemetry: { functionId: 'planner' }`; without one an action), its steps, tools and model calls. Put into the SDK's list
 * of integrations, once, by calling it.
 *
 * ```ts
 * app.use(agentops({ instrumentations: { llm: llmCalls(), aiSdk: aiSdk() } }))
 * ```
 */
export function aiSdk(): FrameworkInstrumentation<'aiSdk'> {
  const caller = guard('registering with the AI SDK', register)
  if (!caller)
    warn('aiSdk: AI_SDK_TELEMETRY_INTEGRATIONS is no list, or read-only, so of the AI SDK only requests are seen')
  return { instruments: 'aiSdk', caller }
}

/** Gives how calls are found by that of several copies of this library that the SDK tells; nothing where none can be told. */
function register(): CallerOf | undefined {
  const globals = globalThis as { AI_SDK_TELEMETRY_INTEGRATIONS?: Integration[] }
  const list = globals.AI_SDK_TELEMETRY_INTEGRATIONS ?? []
  if (!Array.isArray(list)) return undefined
  const known = list.find((one) => one?.[MARK])?.[MARK]
  if (known) return known
  // First of all, so that nobody is between it and what runs inside of tools and model calls.
  const all = [integration(), ...list]
  const isSet = Object.isFrozen(list) || list !== globals.AI_SDK_TELEMETRY_INTEGRATIONS
  if (!isSet) list.splice(0, list.length, ...all)
  return !isSet || Reflect.set(globals, 'AI_SDK_TELEMETRY_INTEGRATIONS', all) ? callerOf : undefined
}

/** What the SDK calls. Version 6 gives its calls no id, but reads the hooks anew for each, `onStart` first. */
function integration(): Integration {
  const own = { [MARK]: callerOf, executeTool, executeLanguageModelCall }
  let last = {}
  for (const [name, hook] of Object.entries(hooks())) {
    Object.defineProperty(own, name, {
      enumerable: true,
      get() {
        if (name === 'onStart') last = {}
        const id = last
        return (event: Json) => void guard(`the AI SDK’s ${name}`, () => hook(event, event?.callId ?? id))
      },
    })
  }
  return own
}

/** Called with the run, where there is one that the session shows. */
function running(hook: (run: Run, event: Json, id: unknown) => void): Hook {
  return (event, id) => {
    const run = runs.get(id)
    if (run && !run.isShown) hook(run, event, id)
  }
}

function hooks(): Record<string, Hook> {
  const toolStart = running((run, { toolCall }) => {
    const { toolCallId, toolName, input } = toolCall
    const event: PlainEvent = { eventType: 'tools', name: toolName, toolCallId }
    // Version 6 tells of an answer after the tools that it asked for.
    for (const call of run.calls.values()) call.endedAt ??= run.session.now()
    run.tools.set(toolCall, open(run.session, event, { outer: contextIn(run), params: () => input }))
  })

  /** Version 7 says what came of it in `toolOutput`. */
  const toolEnd = running((run, { toolCall, toolOutput, ...old }) => {
    const tool = run.tools.get(toolCall)
    if (!tool) return
    run.tools.delete(toolCall)
    const { output, error } = toolOutput ?? old
    const isFailed = toolOutput ? toolOutput.type === 'tool-error' : old.success === false
    close(tool, { returns: output, error: isFailed ? (error ?? null) : undefined })
  })

  const stepEnd = running((run, { response, finishReason: finish, usage, toolCalls: calls, text }, id) => {
    answered(run, id, { id: response?.id, model: response?.modelId, finish, usage, calls, text })
    if (run.step) close(run.step)
  })

  return {
    onStart(event, id) {
      const session = sessionHere()
      if (!session?.config.instrumentations.aiSdk) return
      const { callId, functionId, operationId = 'ai.generateText', modelId, provider } = event
      const operation = `${operationId}`.replace(/^ai\./, '').slice(0, 64)
      const name = (/(Text|Object)$/.test(operation) && text(functionId)) || ''
      const context = contextOf(session)
      const run: Run = {
        session,
        context,
        name,
        operation,
        model: modelId,
        provider,
        calls: new Map(),
        tools: new Map(),
      }
      runs.set(id, run)
      if (callId === undefined) return
      if (!/^embed/.test(operation)) begin(run, event)
      mute(session, context)
    },
    onStepStart: running((run, event, id) => {
      const isOld = event.callId === undefined
      if (isOld && !run.opened && isOwn(trace.getSpan(activeContext()) as SdkSpan | undefined)) {
        run.isShown = true
        return
      }
      const { context } = run.opened ?? begin(run, event)
      if (run.step) close(run.step)
      run.step = open(run.session, action(`step ${Number(event.stepNumber ?? 0) + 1}`), { outer: context })
      modelOf(run, event)
      if (isOld) call(run, id, true)
    }),
    onLanguageModelCallEnd: running(
      (run, { content = [], responseId, finishReason: finish, usage, modelId: model }, id) => {
        const calls = content.filter((part: Json) => part?.type === 'tool-call')
        const texts = content.map((part: Json) => (part?.type === 'text' ? part.text : ''))
        answered(run, id, { id: responseId, model, finish, usage, calls, text: texts.join('') })
      },
    ),
    onStepEnd: stepEnd,
    // Version 7 calls both.
    onStepFinish: (event, id) => event.callId === undefined && stepEnd(event, id),
    onStepError: running((run, { error }, id) => {
      answered(run, id, {}, error)
      if (run.step) close(run.step, { error })
    }),
    onObjectStepStart: running((run, event, id) => {
      modelOf(run, event)
      call(run, id, true)
    }),
    onObjectStepEnd: running((run, { response, finishReason: finish, usage, objectText: text }, id) => {
      answered(run, id, { id: response?.id, model: response?.modelId, finish, usage, text })
    }),
    // Those of one `embedMany` run side by side.
    onEmbedStart: running((run, { embedCallId }) => void call(run, embedCallId, true)),
    onEmbedEnd: running((run, { embedCallId, usage }) => {
      answered(run, embedCallId, { usage: { inputTokens: usage?.tokens } })
    }),
    onToolExecutionStart: toolStart,
    onToolExecutionEnd: toolEnd,
    onToolCallStart: toolStart,
    onToolCallFinish: toolEnd,
    onEnd: (event, id) => end(id, event),
    onFinish: (event, id) => event.callId === undefined && end(id, event),
    onAbort: (_, id) => end(id, {}, new DOMException('', 'AbortError')),
    onError: (event, id) => end(id, {}, event?.error ?? null),
  }
}

function begin(run: Run, event: Json): Opened {
  const { session, name, operation, context } = run
  const params = (): unknown => event.messages ?? event.prompt
  run.opened = open(session, name ? agent(name) : action(operation), { outer: context, params })
  if (hasPart(event.messages?.at?.(-1)?.content, 'tool-approval-response')) {
    run.opened.span.setAttribute(key.RESUMED, true)
  }
  return run.opened
}

function end(id: unknown, event: Json, error?: unknown): void {
  const run = runs.take(id)
  if (!run) return
  const { opened, step, calls } = run
  for (const call of calls.keys()) answered(run, call, {}, error)
  if (step) close(step, { error })
  if (hasPart(event.content, 'tool-approval-request')) opened?.span.setAttribute(key.INTERRUPTED, true)
  if (opened) close(opened, { error, returns: event.text ?? event.object })
}

const hasPart = (content: unknown, type: string): boolean =>
  Array.isArray(content) && content.some((part) => part?.type === type)

function contextIn({ step, opened, context }: Run): Context {
  return (step?.span.isRecording() ? step : opened)?.context ?? context
}

function modelOf(run: Run, { modelId, provider, model }: Json): void {
  run.model = modelId ?? model?.modelId ?? run.model
  run.provider = provider ?? model?.provider ?? run.provider
}

/** `waits`: nobody can run around it. */
function call(run: Run, id: unknown, waits?: boolean): Call {
  const { session, model, provider } = run
  const operation = /^embed/.test(run.operation) ? 'embeddings' : undefined
  const made = openCall(session, contextIn(run), { model, provider, operation, ...(!waits && { caller: {} }) })
  const call: Call = { ...made, beside: trace.getSpanContext(run.context)?.spanId }
  run.calls.set(id, call)
  if (waits) waiting.set(session, (waiting.get(session) ?? new Set()).add(call))
  return call
}

/** A call is over: it is an event, unless a request has shown it. */
function answered(run: Run, id: unknown, said: Json, error?: unknown): void {
  const { session, calls } = run
  const call = calls.get(id)
  if (!call) return
  calls.delete(id)
  waiting.get(session)?.delete(call)
  const asked = said.calls?.map(({ toolCallId, toolName: name, input }: Json) => {
    return { id: toolCallId, name, arguments: toText(input) }
  })
  showCall(call, { ...said, calls: asked, usage: usageOf(said.usage, USAGE), error }, call.endedAt)
}

function executeTool({ callId, toolCallId, execute }: Json): unknown {
  for (const [call, tool] of runs.get(callId)?.tools ?? []) {
    if (call.toolCallId !== toolCallId || tool.isCalled) continue
    tool.isCalled = true
    return runIn(tool.context, execute)
  }
  return execute()
}

/** Each attempt is a call. */
async function executeLanguageModelCall({ callId, execute }: Json): Promise<unknown> {
  const run = runs.get(callId)
  const made = run && guard('a model of the AI SDK', () => call(run, callId))
  if (!made) return execute()
  try {
    return await runIn(made.context.setValue(CALLER, made.caller), execute)
  } catch (error) {
    guard('a model of the AI SDK', () => answered(run, callId, {}, error))
    throw error
  }
}

/** The SDK's call that a request is part of: that of the running code, else one that waits beside it. */
function callerOf(session: InstrumentedSession, model?: string, headers?: Headers): Caller | undefined {
  if (!session.config.instrumentations.aiSdk) return undefined
  const inside = activeContext().getValue(CALLER) as Caller | undefined
  if (inside) return inside
  const spanId = trace.getSpanContext(contextOf(session))?.spanId
  const beside = [...(waiting.get(session) ?? [])].filter((call) => call.beside === spanId)
  const its = beside.filter((call) => !model || model === call.model)
  const found = its.find(({ caller }) => !caller.isSeen) ?? its[0]
  const version = /(?:^| )ai\/([\d.]{1,16})/.exec(headers?.get('user-agent') ?? '')?.[1]
  if (!found && version) {
    debug(
      `aiSdk: a call of the AI SDK ${version} is not told of. Its telemetry is off (isEnabled: false) or has integrations of its own, or it is older than 6: its steps and tools are not seen`,
    )
  }
  return found?.caller
}
