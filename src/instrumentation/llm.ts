/** Calls of models, and of tools over MCP, as events of the session: recognised on the wire, whoever made them. */
import { type Attributes, trace } from '@opentelemetry/api'
import { llmAttributes } from '../events/attributes.ts'
import { errorType, type Message, type PlainEvent } from '../events/event.ts'
import { observe } from '../events/observe.ts'
import { guard } from '../runtime/diag.ts'
import { activeContext, runIn } from '../runtime/scope.ts'
import type { SdkSpan } from '../runtime/sdk.ts'
import * as key from '../runtime/semconv.ts'
import { MAX_VALUE_CHARS } from '../runtime/serialize.ts'
import type {
  InstrumentedSession,
  LlmInstrumentation,
  ModelCall,
  OpenedEvent,
  Outgoing,
} from '../session/instruments.ts'
import { observeStream } from './body.ts'
import { fail, patchFetch, sessionHere } from './fetch.ts'
import { ProviderQuotes } from './quotes.ts'
import { type Reader, readerFor, textReader } from './streams.ts'
import { wants } from './tool-calls.ts'
import { isModel, type Recognised, wireOf } from './wires/registry.ts'
import { Answer, type Asked, codeOf, type Json } from './wires/wire.ts'
import { workersAi } from './wires/wires.ts'

const LLM: LlmInstrumentation = { instruments: 'llm', recognise }

/**
 * Makes requests to models events of the session: OpenAI's APIs and everybody's who speaks them, Anthropic, Gemini,
 * Bedrock and Workers AI, streamed or not, and tools called over MCP. Replaces the global `fetch`, once; call it before
 * clients are made, because some of them keep the `fetch` that they found.
 *
 * ```ts
 * app.use(agentops({ instrumentations: { llm: llmCalls() } }))
 * ```
 */
export function llmCalls(): LlmInstrumentation {
  patchFetch()
  return LLM
}

function recognise({ url, method, headers, body }: Outgoing, session: InstrumentedSession): ModelCall | undefined {
  const found = method === 'POST' ? wireOf(url) : undefined
  if (!found && (method !== 'POST' || !isMcp(headers))) return undefined
  const given = body()
  if (typeof given !== 'string') {
    if (!found?.certain) return undefined
    const call = modelCall(found, undefined, url, session)
    given?.then((text) => guard('an outgoing request', () => call.asked(parse(text))))
    return call
  }
  const asked = parse(given)
  if (!found) return asked?.method === 'tools/call' ? toolCall(asked, session) : undefined
  return found.named || typeof asked?.model === 'string' ? modelCall(found, asked, url, session) : undefined
}

/** A model that is called; `asked` may come later. */
interface Call extends ModelCall {
  asked(body: Json): void
  read(bytes: Uint8Array): void
  take(part: Json): void
  ended(error?: unknown): void
}

function modelCall({ wire, provider }: Recognised, body: Json, url: URL, session: InstrumentedSession): Call {
  const { captureContent } = session.config
  const event: PlainEvent = { eventType: 'llms', operation: wire.operation }
  const around = aroundIt(session)
  const opened = around ? undefined : session.begin(event)
  const span = around ?? (opened as OpenedEvent).span
  const begunAt = session.now()
  const answer = new Answer(captureContent ? MAX_VALUE_CHARS : 0)
  let reader: ReturnType<typeof readerFor> | undefined
  let refusal: Reader | undefined
  let firstAt: number | undefined
  let known = false

  /** Puts what is known on the span; somebody else's may end with the answer's last word. */
  const show = (): void => {
    if (!span.isRecording()) return
    Object.assign(event, completionOf(answer, captureContent))
    const finished = answer.choices.flatMap(({ finish }) => finish ?? [])
    span.setAttributes({
      ...(around && llmAttributes(event)),
      ...usageOf(answer),
      [key.GEN_AI_RESPONSE_ID]: text(answer.id),
      [key.GEN_AI_FINISH_REASONS]: finished.length ? finished : undefined,
      [key.GEN_AI_FIRST_CHUNK]: firstAt === undefined ? undefined : (firstAt - begunAt) / 1000,
    })
    if (!answer.error || around) return
    const { type = 'error', message } = answer.error
    fail(span, type, captureContent && message ? message : `${span.attributes[key.HTTP_STATUS] ?? ''} ${type}`.trim())
  }

  const call: Call = {
    opened,
    get isComplete() {
      return !!answer.error || (answer.choices.length > 0 && answer.choices.every(({ finish }) => finish !== undefined))
    },
    asked(given) {
      if (!given) return
      // What is no request of this API (`messages: [null]`) is sent all the same, and its answer is read.
      const asked = guard('a request', () => wire.ask(given, url)) ?? {}
      event.model = text(asked.model)
      if (captureContent) event.prompt = asked.messages
      span.setAttributes({ [key.GEN_AI_PROVIDER]: provider, [key.GEN_AI_SYSTEM]: provider, ...settingsOf(asked) })
    },
    responded(response) {
      reader = readerFor(response.headers.get('content-type') ?? '', call.take)
      refusal = refusalOf(response, session)
    },
    take(part) {
      guard('a response', () => wire.read(part, answer))
      if (!captureContent) quote(session, answer.error?.message)
    },
    read(bytes) {
      if (reader?.streamed) firstAt ??= session.now()
      refusal?.push(bytes)
      reader?.push(bytes)
      if (around && call.isComplete) show()
    },
    ended() {
      refusal?.end()
      reader?.end()
      show()
      if (known) return
      known = true
      const calls = answer.choices.flatMap((choice) => choice.calls.filter(Boolean))
      wants(session, calls, span.spanContext())
    },
  }
  call.asked(body)
  return call
}

function completionOf({ choices, usage, model }: Answer, captureContent: boolean): Partial<PlainEvent> {
  const completion = choices.map(({ content, finish, calls }): Message => {
    const named = calls.filter(Boolean).map(({ id, name, arguments: given }) => {
      return { id, name, arguments: captureContent ? given : undefined }
    })
    return {
      content: content || undefined,
      role: 'assistant',
      finish_reason: finish,
      tool_calls: named.length ? named : undefined,
    }
  })
  return {
    responseModel: text(model),
    completion: completion.length ? completion : undefined,
    promptTokens: usage.prompt,
    completionTokens: usage.completion,
  }
}

/** The span that the running code is inside of, where that is this very call: an `llm` event of the user's, or a client's own. */
function aroundIt(session: InstrumentedSession): SdkSpan | undefined {
  const span = trace.getSpan(activeContext()) as SdkSpan | undefined
  const attributes = span?.attributes
  if (!attributes || span === session.root) return undefined
  const says =
    attributes[key.GEN_AI_OPERATION_NAME] ?? attributes['ai.operationId'] ?? attributes['openinference.span.kind']
  return isModel(says) ? span : undefined
}

function settingsOf({ stream, temperature, topP, maxTokens }: Asked): Attributes {
  return {
    [key.GEN_AI_REQUEST_STREAM]: stream || undefined,
    [key.GEN_AI_REQUEST_STREAMING]: stream || undefined,
    [key.GEN_AI_TEMPERATURE]: number(temperature),
    [key.GEN_AI_TOP_P]: number(topP),
    [key.GEN_AI_MAX_TOKENS]: number(maxTokens),
  }
}

function usageOf({ usage: { cacheRead, cacheCreation, reasoning, total } }: Answer): Attributes {
  return {
    [key.GEN_AI_CACHE_READ]: cacheRead,
    [key.GEN_AI_CACHE_READ_TOKENS]: cacheRead,
    [key.GEN_AI_CACHE_CREATION]: cacheCreation,
    [key.GEN_AI_CACHE_CREATION_TOKENS]: cacheCreation,
    [key.GEN_AI_REASONING_TOKENS]: reasoning,
    [key.GEN_AI_TOTAL_TOKENS]: total,
  }
}

/** Hides what a refusal says, which a client quotes in its error; its form may be anything. */
function refusalOf({ status }: Response, session: InstrumentedSession): Reader | undefined {
  if (status < 400 || session.config.captureContent) return undefined
  return textReader((text) => quoteAll(session, parse(text) ?? text))
}

/** The texts of a refusal. */
function quoteAll(session: InstrumentedSession, part: Json): void {
  if (Object(part) === part) for (const inside of Object.values(part)) quoteAll(session, inside)
  else quote(session, part)
}

function quote({ hidden }: InstrumentedSession, text: unknown): void {
  hidden.quotes ??= new ProviderQuotes()
  hidden.quotes.add(text)
}

/** MCP's Streamable HTTP asks for both kinds of answer. */
function isMcp(headers: Headers): boolean {
  return (headers.get('accept') ?? '').includes('text/event-stream')
}

function toolCall({ id, params }: Json, session: InstrumentedSession): ModelCall {
  const { captureContent } = session.config
  const event: PlainEvent = {
    eventType: 'tools',
    name: text(params?.name),
    params: captureContent ? params?.arguments : undefined,
  }
  const opened = session.begin(event)
  const { span } = opened
  span.setAttribute(key.MCP_METHOD, 'tools/call')
  let reader: Reader | undefined
  let refusal: Reader | undefined
  let answered = false
  const take = (message: Json): void => {
    if (message.id !== id) return
    answered = true
    const { result, error } = message
    if (captureContent) event.returns = result?.structuredContent ?? result?.content
    if (!error && !result?.isError) return
    const said = error?.message ?? JSON.stringify(result?.content)
    if (!captureContent) quote(session, error?.message)
    fail(span, error ? codeOf(error.code) : 'tool_error', captureContent ? said : undefined)
  }
  return {
    opened,
    get isComplete() {
      return answered
    },
    responded(response) {
      reader = readerFor(response.headers.get('content-type') ?? '', take)
      refusal = refusalOf(response, session)
    },
    read(bytes) {
      refusal?.push(bytes)
      reader?.push(bytes)
    },
    ended() {
      refusal?.end()
      reader?.end()
    },
  }
}

interface AiBinding {
  run(...args: never[]): unknown
}

/**
 * The Workers AI binding, whose `run` makes an event in the session of the running code; everything else is the
 * binding's own.
 *
 * ```ts
 * const answer = await tracedAi(env.AI).run('@cf/meta/llama-3.3-70b-instruct-fp8-fast', { prompt })
 * ```
 */
export function tracedAi<Ai extends object>(ai: Ai): Ai {
  return new Proxy(ai, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      const bound = value.bind(target)
      return name === 'run' ? (...args: unknown[]) => run(bound as AiBinding['run'], args) : bound
    },
  })
}

function run(binding: AiBinding['run'], args: unknown[]): unknown {
  const native = (): unknown => binding(...(args as never[]))
  const session = sessionHere()
  const call =
    session &&
    guard('a model of Workers AI', () => {
      const url = new URL(`https://workers-ai/${args[0]}`)
      return modelCall(
        { wire: workersAi, provider: 'cloudflare.workers_ai', named: true, certain: true },
        args[1] ?? {},
        url,
        session,
      )
    })
  if (!call) return native()
  const end = (error?: unknown): void => {
    guard('a model of Workers AI', () => {
      const span = call.opened?.span
      if (!session.config.captureContent && error instanceof Error) quote(session, error.message)
      if (error !== undefined && span && !call.isComplete) fail(span, errorType(error))
      call.ended(error)
      span?.end()
    })
  }
  const watch = (value: unknown): unknown => {
    if (!(value instanceof ReadableStream)) return value
    const headers = { 'content-type': 'text/event-stream' }
    const watched = guard('a model of Workers AI', () => {
      call.responded?.(new Response(null, { headers }))
      return observeStream(value, { reads: true, onBytes: call.read, onEnd: end })
    })
    return watched ?? value
  }
  const context = call.opened?.context ?? activeContext()
  const result = runIn(context, () =>
    observe(native, (failed, value) => {
      if (failed) return end(value)
      if (value instanceof ReadableStream) return
      if (!(value instanceof Response)) call.take(value)
      end()
    }),
  )
  return result instanceof Promise ? result.then(watch) : result
}

function parse(body: string | undefined): Json {
  try {
    return JSON.parse(body ?? '')
  } catch {
    return undefined
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value.slice(0, 256) : undefined
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}
