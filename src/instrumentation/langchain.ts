/**
 * LangChain and LangGraph: agents, nodes, tools and models as events, by a callback handler that each run of theirs gets.
 * Nothing of the framework is imported; its two functions for that are handed in. It keeps its own running run in an
 * AsyncLocalStorage that it shares by a symbol: what runs inside one runs inside its span here.
 */
import { type Context, createContextKey, trace } from '@opentelemetry/api'
import type { Message, PlainEvent } from '../events/event.ts'
import { debug, guard, warn } from '../runtime/diag.ts'
import { activeContext, runIn } from '../runtime/scope.ts'
import * as key from '../runtime/semconv.ts'
import { toText } from '../runtime/serialize.ts'
import type { Caller, FrameworkInstrumentation, InstrumentedSession } from '../session/instruments.ts'
import { around } from './around.ts'
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
  usageOf,
} from './framework.ts'
import { attempt } from './wires/wire.ts'

/** Of `@langchain/core/context`. */
export interface LangChainHooks {
  registerConfigureHook(config: { contextVar: string; inheritable?: boolean }): void
  setContextVariable(name: PropertyKey, value: unknown): void
}

type Json = Record<string, unknown> | undefined
/** A store of the framework's: its variables, and the configuration of what runs. */
type Store = Record<symbol, Record<PropertyKey, unknown>> & { extra?: Record<symbol, { callbacks?: Callbacks }> }
interface Callbacks {
  getParentRunId?(): string | undefined
}
interface Storage {
  getStore(): Store | undefined
  run(store: Store | undefined, ...rest: unknown[]): unknown
  enterWith(store: Store): void
  /** Of several copies of this library the one that is told. */
  [INSTALLED]?: FrameworkInstrumentation['caller']
}

const NAME = 'agentops'
const INSTALLED: unique symbol = /* @__PURE__ */ Symbol.for('agentops-edge.langchain.1')
const STORAGE = Symbol.for('ls:tracing_async_local_storage')
const VARIABLES = Symbol.for('lc:context_variables')
const CHILD = Symbol.for('lc:child_config')
/** Whose handlers are told of a graph's pauses. */
const GRAPH = Symbol.for('langgraph.graph_callback_handler')
/** The run that a context is inside of. */
const RUN: symbol = /* @__PURE__ */ createContextKey('agentops.langchain.run')

/** Where a run of the framework's is, and what it is; nothing more where it is of no interest. */
interface Place {
  session: InstrumentedSession
  context: Context
  opened?: Opened
  call?: FrameworkCall
}

const places: Running<Place> = /* @__PURE__ */ new Running()
/** Of a message's counts, else of what the whole answer's say. */
const USAGE = {
  prompt: 'usage.input_tokens|tokens.promptTokens',
  completion: 'usage.output_tokens|tokens.completionTokens',
  total: 'usage.total_tokens',
  cache_read: 'usage.input_token_details.cache_read',
  cache_creation: 'usage.input_token_details.cache_creation',
  reasoning: 'usage.output_token_details.reasoning',
}

/**
 * Makes agents, graphs' nodes, tools, retrievers and models of LangChain and LangGraph events of the session. Called once,
 * where the app is made; with `llmCalls()` a model's call has what the wire said.
 *
 * ```ts
 * import { registerConfigureHook, setContextVariable } from '@langchain/core/context'
 *
 * app.use(agentops({ instrumentations: { llm: llmCalls(), langChain: langChain({ registerConfigureHook, setContextVariable }) } }))
 * ```
 */
export function langChain(hooks: LangChainHooks): FrameworkInstrumentation<'langChain'> {
  const storage = (globalThis as { [STORAGE]?: Storage })[STORAGE]
  guard('langChain', () => {
    if (typeof hooks?.registerConfigureHook !== 'function' || typeof hooks.setContextVariable !== 'function') {
      warn(
        'langChain: expected { registerConfigureHook, setContextVariable } of @langchain/core/context; nothing is seen',
      )
    } else if (!storage) {
      debug(
        'langChain: this version of @langchain/core shares no storage, so its runs are not seen. Use 0.3.30 or newer',
      )
    } else if (!storage[INSTALLED]) install(storage, hooks)
  })
  return { instruments: 'langChain', caller: storage?.[INSTALLED] ?? caller }
}

/**
 * The framework sets variables by `enterWith`, which workerd does not have and which elsewhere lasts for one flow only. So
 * what it would set is taken from it, and given to each look at its storage that is made in a session.
 */
function install(storage: Storage, { registerConfigureHook, setContextVariable }: LangChainHooks): void {
  let set: Store | undefined
  const { getStore, run } = storage
  const own: Partial<Storage> = {
    getStore: () => set,
    enterWith(store) {
      set = store
    },
  }
  Object.assign(storage, own)
  try {
    registerConfigureHook({ contextVar: NAME, inheritable: true })
    setContextVariable(NAME, handler())
  } finally {
    for (const name of Object.keys(own)) Reflect.deleteProperty(storage, name)
  }
  const variables = set?.[VARIABLES]
  const [list] = Object.getOwnPropertySymbols(variables ?? {})
  if (!variables || !list) {
    debug('langChain: this version of @langchain/core keeps its hooks elsewhere, so its runs are not seen')
    return
  }
  const withOurs = (store: Store | undefined): Store | undefined => {
    const theirs = store?.[VARIABLES]
    if (theirs?.[NAME] || !sessionOf()) return store
    const hooks = [...((theirs?.[list] ?? []) as unknown[]), ...(variables[list] as unknown[])]
    const all = { ...theirs, ...variables, [list]: hooks }
    return Object.assign(store ?? {}, { [VARIABLES]: all }) as Store
  }
  Object.assign(storage, {
    [INSTALLED]: caller,
    getStore(this: Storage) {
      const store = getStore.call(this)
      return guard('a store of LangChain', () => withOurs(store)) ?? store
    },
    run(this: Storage, store: Store | undefined, ...rest: unknown[]) {
      const inside = guard('a run of LangChain', () => insideOf(store))
      const call = (): unknown => run.call(this, store, ...rest)
      return inside ? runIn(inside, call) : call()
    },
  })
}

function sessionOf(): InstrumentedSession | undefined {
  const session = sessionHere()
  return session?.config.instrumentations.langChain && session
}

/** Where what runs with this store belongs; undefined where it is there already. */
function insideOf(store: Store | undefined): Context | undefined {
  const id = attempt(() => store?.extra?.[CHILD]?.callbacks?.getParentRunId?.())
  const place = id ? places.get(id) : undefined
  return place && activeContext().getValue(RUN) !== id ? place.context : undefined
}

function placeOf(id: string, parent: string | undefined): Place | undefined {
  const above = parent ? places.get(parent) : undefined
  const session = above?.session ?? sessionOf()
  if (!session || session.state === 'ended') return undefined
  const active = activeContext()
  // The user's own spans between the two stay there.
  const outer = above && active.getValue(RUN) !== parent ? above.context : contextOf(session)
  const place: Place = { session, context: outer.setValue(RUN, id) }
  places.set(id, place)
  return place
}

function begin(id: string, parent: string | undefined, event: PlainEvent, params: () => unknown, meta: Json): void {
  const place = placeOf(id, parent)
  if (!place) return
  place.opened = open(place.session, event, { outer: place.context, conversation: meta?.thread_id, params })
  place.context = place.opened.context
}

function ended(id: string, said: { error?: unknown; returns?: unknown }): void {
  const opened = places.take(id)?.opened
  if (opened) close(opened, said)
}

/** Errors by which a graph goes on elsewhere, or waits for somebody, are no failures. `parent`: of a node, its graph. */
function failed(error: unknown, id: string, parent?: string): void {
  const { is_bubble_up, interrupts } = Object(error)
  if (is_bubble_up && interrupts) for (const run of [id, parent]) mark(run, key.INTERRUPTED)
  ended(id, is_bubble_up === true ? { returns: interrupts } : { error: error ?? new Error('unknown') })
}

function mark(id: string | undefined, attribute: string): void {
  places.get(id)?.opened?.span.setAttribute(attribute, true)
}

/** Messages as every provider has them, of the framework's own; anything else as it is. */
function plain(value: unknown): unknown {
  const { messages } = Object(value) as { messages?: unknown }
  if (Array.isArray(messages)) return { ...(value as object), messages: messages.map(messageOf) }
  return Array.isArray(value) ? value.map(messageOf) : messageOf(value)
}

const ROLES: Record<string, string> = { human: 'user', ai: 'assistant' }

function messageOf(value: unknown): unknown {
  const { content, tool_calls, getType } = Object(value) as Record<string, unknown>
  if (typeof getType !== 'function') return value
  const type = `${attempt(() => getType.call(value))}`
  const calls = callsOf(tool_calls)
  const message: Message = { role: ROLES[type] ?? type, content, tool_calls: calls.length ? calls : undefined }
  return message
}

function callsOf(given: unknown): { id?: string; name?: string; arguments: unknown }[] {
  return (Array.isArray(given) ? given : []).map(({ id, name, args }) => ({ id, name, arguments: args }))
}

/** The end of a class's path, which is its name. */
const lastOf = (of: Json): string => `${[of?.id ?? []].flat().at(-1) ?? 'run'}`

/** What the framework calls, with its own lists of arguments. */
const METHODS: Record<string, (...args: never[]) => void> = {
  handleChainStart(
    ...[chain, inputs, id, parent, tags = [], meta, , name]: [
      Json,
      unknown,
      string,
      string?,
      string[]?,
      Json?,
      string?,
      string?,
    ]
  ) {
    const isGraph = [chain?.id ?? []].flat()[0] === 'langgraph'
    const isNode = meta?.langgraph_node === name && tags.some((tag) => tag.startsWith('graph:step'))
    const isNamed = name !== undefined && name !== lastOf(chain)
    if (tags.includes('langsmith:hidden') || !(isGraph || isNode || isNamed || !parent)) {
      placeOf(id, parent)
      return
    }
    // What the framework calls a graph that nobody has named.
    const its = isGraph && (meta?.lc_agent_name ?? (name === 'LangGraph' ? undefined : name))
    begin(id, parent, its ? agent(its) : action(name ?? lastOf(chain)), () => plain(inputs), meta)
  },
  handleChainEnd: (outputs: unknown, id: string) => ended(id, { returns: plain(outputs) }),
  handleChainError: failed,
  // Of the graph that nothing of the framework's is around, also where it was made to wait before or after a node.
  handleInterrupt: ({ runId }: { runId?: string }) => mark(runId, key.INTERRUPTED),
  handleResume: ({ runId }: { runId?: string }) => mark(runId, key.RESUMED),

  handleToolStart(
    ...[tool, input, id, parent, , meta, name, toolCallId]: [
      Json,
      string,
      string,
      string?,
      string[]?,
      Json?,
      string?,
      string?,
    ]
  ) {
    const event: PlainEvent = { eventType: 'tools', name: name ?? tool?.name ?? lastOf(tool), toolCallId }
    begin(id, parent, event, () => attempt(() => JSON.parse(input)) ?? input, meta)
  },
  handleToolEnd(output: unknown, id: string) {
    const { content, status } = Object(output)
    ended(id, { returns: content ?? output, error: status === 'error' ? new Error(`${content}`) : undefined })
  },
  handleToolError: failed,

  handleRetrieverStart(
    ...[retriever, query, id, parent, , meta, name]: [Json, string, string, string?, string[]?, Json?, string?]
  ) {
    begin(id, parent, action(name ?? lastOf(retriever)), () => query, meta)
  },
  handleRetrieverEnd: (documents: unknown, id: string) => ended(id, { returns: documents }),
  handleRetrieverError: failed,

  handleChatModelStart: (_: Json, messages: unknown[][], ...rest: ModelStart) =>
    startModel('chat', () => messages?.flat().map(messageOf), ...rest),
  handleLLMStart: (_: Json, prompts: string[], ...rest: ModelStart) =>
    startModel('text_completion', () => prompts, ...rest),
  handleLLMEnd(output: unknown, id: string) {
    const call = places.take(id)?.call
    if (!call) return
    const { generations, llmOutput } = Object(output)
    const { message, text } = Object(generations?.[0]?.[0])
    const { usage_metadata: usage, response_metadata: response, id: answer, content, tool_calls } = Object(message)
    showCall(call, {
      id: answer,
      model: response?.model_name ?? response?.model,
      finish: response?.finish_reason ?? response?.stop_reason,
      usage: usageOf({ usage, tokens: llmOutput?.tokenUsage }, USAGE),
      calls: callsOf(tool_calls).map((call) => ({ ...call, arguments: toText(call.arguments) })),
      text: content ?? text,
    })
  },
  handleLLMError(error: unknown, id: string) {
    const call = places.take(id)?.call
    if (call) showCall(call, { error: error ?? new Error('unknown') })
  },
}

type ModelStart = [id: string, parent?: string, extra?: Json, tags?: string[], meta?: Json]

function startModel(operation: string, prompt: () => unknown, ...[id, parent, extra, , meta]: ModelStart): void {
  const place = placeOf(id, parent)
  // An `llm` event of the user's around it is this call.
  if (!place || around(place.session)) return
  const { session, context } = place
  const { model = meta?.ls_model_name, model_name = model } = Object(extra?.invocation_params)
  const { thread_id: conversation, ls_provider: provider } = meta ?? {}
  place.call = openCall(session, context, { conversation, operation, provider, model: model_name, prompt })
}

/** Of the models' calls that run the one that belongs where the request is made, else the first of this model. */
function caller(session: InstrumentedSession, name: string | undefined): Caller | undefined {
  const here = places.get(`${activeContext().getValue(RUN)}`)?.context
  const named = places
    .of(session)
    .flatMap(({ call }) => (call && (!call.model || !name || call.model === name) ? [call] : []))
  const waiting = named.filter(({ caller }) => !caller.isSeen)
  return (
    waiting.find(({ context }) => trace.getSpan(context) === (here && trace.getSpan(here))) ??
    waiting[0] ??
    named[0]
  )?.caller
}

/** The framework tells one by `name`, `copy` and `awaitHandlers`; without the last it would be told later. */
function handler(): object {
  const own: object = { name: NAME, awaitHandlers: true, raiseError: false, [GRAPH]: true, copy: () => own }
  for (const [name, method] of Object.entries(METHODS)) {
    Object.assign(own, { [name]: (...args: never[]) => guard('a run of LangChain', () => method(...args)) })
  }
  return own
}
