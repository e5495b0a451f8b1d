/** One call of a model as an event of the session, or as part of the span that shows it already. */
import type { Attributes } from '@opentelemetry/api'
import type { Message, PlainEvent } from '../events/event.ts'
import { addGap } from '../runtime/chunks.ts'
import { debug, guard } from '../runtime/diag.ts'
import * as key from '../runtime/semconv.ts'
import type { InstrumentedSession, ModelCall, OpenedEvent } from '../session/instruments.ts'
import { around, callerOf, countsOf, optedIn, type Spent, sharing, showOn, sumOf, usageAttributes } from './around.ts'
import { fail } from './fetch.ts'
import { newest } from './newest.ts'
import { answerReader, quote } from './quotes.ts'
import { askerOf, came, coming, finished, wants } from './tool-calls.ts'
import { chat } from './wires/openai.ts'
import type { Recognised } from './wires/registry.ts'
import { resultsIn } from './wires/results.ts'
import { Answer, type Asked, askedOf, codeOf, isCount, type Json, match } from './wires/wire.ts'

/** US dollars for a million tokens. */
export interface Price {
  /** Of the prompt, beside what the cache took. */
  input: number
  output: number
  /** Of the prompt's tokens that were read from the cache. Default: `input`. */
  cacheRead?: number
  /** Of the prompt's tokens that were written to the cache. Default: `input`. */
  cacheWrite?: number
}

/** By the model's name, as it is asked for or as it answers. */
export type Prices = Readonly<Record<string, Price>>

/** A model that is called; `asked` may come later. */
export interface Call extends ModelCall {
  asked(body: Json): void
  responded(response: Response): void
  read(bytes: Uint8Array): void
  take(part: Json): void
  ended(error?: unknown): void
}

export function modelCall(
  { wire, provider, model: named }: Recognised,
  url: URL | undefined,
  body: Json,
  session: InstrumentedSession,
  prices?: Prices,
  headers?: Headers,
): Call {
  const { captureContent, instrumentations } = session.config
  const outer = around(session)
  const caller = callerOf(session, text(body?.model) ?? named, headers)
  if (caller) caller.isSeen = true
  const running = outer && session.events.running(outer)
  const inside = outer && sharing(outer, running)
  const begunAt = session.now()
  const look = (given: Json): Asked => {
    const asked = guard('an outgoing request', () => (wire.ask ?? askedOf)(Object(given))) ?? {}
    guard('a tool call', () => came(session, () => asked.results ?? resultsIn(Object(given)), begunAt))
    return asked
  }
  // Tools that are over begin before the call's own event does: a clock may stand still between the two.
  const first = body && look(body)
  const event = (inside?.said ?? { eventType: 'llms', operation: wire.operation ?? 'chat' }) as PlainEvent
  const opened = outer ? undefined : session.begin(event, caller?.context)
  const span = outer ?? (opened as OpenedEvent).span
  const asker = askerOf(session, span, begunAt)
  const hasCome = coming(session)
  optedIn(session)
  if (caller?.attributes) span.setAttributes(caller.attributes)
  const answer = new Answer(captureContent)
  /** This call, among those inside of `outer`. */
  const own: { spent: Spent } = { spent: {} }
  const calls = inside?.calls ?? new Set()
  calls.add(own)
  let reader: ReturnType<typeof answerReader> | undefined
  let firstAt: number | undefined
  let lastAt = 0
  let isStreamed = false
  let isAsking = false
  let isOver = false
  let model = named

  const show = (): void => {
    if (!span.isRecording()) return
    own.spent = spentOf(answer, model, prices)
    const spent = sumOf(calls)
    Object.assign(event, completionOf(answer, captureContent), countsOf(spent))
    if (inside && !running) showOn(span, inside, !!instrumentations.ai)
    span.setAttributes({
      ...usageAttributes(spent),
      [key.GEN_AI_RESPONSE_ID]: text(answer.id),
      [key.GEN_AI_FINISH_REASONS]: some(answer.choices.flatMap(({ finish }) => finish ?? [])),
      [key.GEN_AI_FIRST_CHUNK]: firstAt === undefined ? undefined : (firstAt - begunAt) / 1000,
    })
    if (!answer.error || inside) return
    const { type, message } = answer.error
    fail(span, type, (captureContent && message) || `${span.attributes[key.HTTP_STATUS] ?? ''} ${type}`.trim())
  }

  /** Once its calls are whole: a client need not wait for the body's end. */
  const ask = (): void => {
    asker.endedAt = session.now()
    if (isAsking) return
    isAsking = true
    wants(
      session,
      answer.choices.flatMap((choice) => choice.calls),
      asker,
    )
  }

  const call: Call = {
    opened,
    get isComplete() {
      return !!answer.error || (answer.choices.length > 0 && answer.choices.every(({ finish }) => finish !== undefined))
    },
    asked(given) {
      if (!given) return
      const asked = given === body && first ? first : look(given)
      isStreamed = asked.stream ?? (given.stream === true || /:stream|-stream$/.test(`${url?.pathname}`))
      model = text(given.model)?.replace(/^models\//, '') ?? named
      event.model = model
      if (captureContent) event.prompt = newest(asked.messages) as PlainEvent['prompt']
      span.setAttributes({
        [key.GEN_AI_PROVIDER]: provider,
        [key.GEN_AI_SYSTEM]: provider,
        [key.GEN_AI_REQUEST_STREAM]: isStreamed || undefined,
        [key.GEN_AI_REQUEST_STREAMING]: isStreamed || undefined,
        [key.LLM_INSTRUCTED]: (captureContent && asked.isTold) || undefined,
        [key.GEN_AI_PREVIOUS_RESPONSE]: text(given.previous_response_id),
        ...settingsOf(asked, given),
      })
    },
    responded(response) {
      const { headers } = response
      reader = answerReader(response, session, call.take)
      const type = headers.get('x-amzn-errortype')
      if (type) answer.fail('', type.split(':')[0])
      span.setAttributes({ [key.GATEWAY_LOG_ID]: headers.get('cf-aig-log-id') ?? undefined })
      if (running) running.held = (running.held ?? 0) + 1
    },
    take(part) {
      guard('a response', () => wire.read(part, answer))
      if (!captureContent) quote(session, answer.error?.message)
    },
    read(bytes) {
      reader?.push(bytes)
      if (reader?.streamed) {
        const at = session.now()
        if (firstAt !== undefined) addGap(span.spanContext(), (at - lastAt) / 1000)
        firstAt ??= at
        lastAt = at
      }
      if (!call.isComplete) return
      ask()
      if (inside) show()
    },
    ended() {
      if (isOver) return
      isOver = true
      reader?.end()
      show()
      ask()
      hasCome()
      const { id, usage } = answer
      if (!inside) finished(session, { id, model, begunAt, prompt: own.spent.prompt })
      if (isStreamed && wire === chat && call.isComplete && !answer.error && usage.prompt === undefined) {
        debug(`${provider}: no tokens of streamed answers. Pass stream_options.include_usage`)
      }
      if (running?.held && !--running.held) running.end?.()
    },
  }
  if (named) event.model = named
  call.asked(body)
  return call
}

function completionOf({ choices, model }: Answer, captureContent: boolean): Partial<PlainEvent> {
  const completion = choices.map(
    ({ content, finish, calls }): Message => ({
      content: content || undefined,
      role: 'assistant',
      finish_reason: finish,
      tool_calls: some(
        calls.map(({ id, name, arguments: given }) => ({
          id: id || undefined,
          name: name || undefined,
          arguments: captureContent ? given : undefined,
        })),
      ),
    }),
  )
  return { responseModel: text(model), completion: some(completion) }
}

/** What a call took: the provider's own sums stay. */
function spentOf({ usage, cost, model }: Answer, asked: string | undefined, prices: Prices = {}): Spent {
  const { uncached, completion, cache_read: read = 0, cache_creation: written = 0 } = usage
  const { prompt = uncached === undefined ? uncached : uncached + read + written } = usage
  const sum = prompt === undefined || completion === undefined ? undefined : prompt + completion
  const price = prices[`${model}`] ?? prices[`${asked}`]
  if (price && prompt !== undefined) {
    const { input, output, cacheRead = input, cacheWrite = input } = price
    const dollars =
      ((prompt - read - written) * input + read * cacheRead + written * cacheWrite + (completion ?? 0) * output) / 1e6
    if (Number.isFinite(dollars)) cost ??= dollars
  }
  return { ...usage, prompt, total: usage.total ?? sum, cost }
}

/** Names of OpenAI's, which are OpenTelemetry's but for those of the last; Gemini's and Bedrock's are the same in another case. */
const SETTING = /^(temperature|top_[pk]|seed|(frequency|presence)_penalty|max_(\w+_)?(tokens))$/

function settingsOf({ settings }: Asked, body: Json): Attributes {
  const { n, candidateCount = n, thinkingConfig, responseMimeType } = Object(settings ?? body)
  const { reasoning, reasoning_effort = reasoning?.effort ?? thinkingConfig?.thinkingLevel } = body
  const { response_format = body.text?.format } = body
  const [format] = match(/json|text/, response_format?.type ?? responseMimeType) ?? []
  const attributes: Attributes = {
    [key.GEN_AI_CHOICES]: isCount(candidateCount) && candidateCount !== 1 ? candidateCount : undefined,
    [key.GEN_AI_REASONING_LEVEL]: codeOf(reasoning_effort),
    [key.GEN_AI_OUTPUT_TYPE]: format,
  }
  for (const [given, value] of Object.entries(Object(settings ?? body))) {
    const name = given.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    const found = SETTING.exec(name)
    if (found && typeof value === 'number' && Math.abs(value) < 1e15)
      attributes[`gen_ai.request.${found[4] ? 'max_tokens' : name}`] = value
  }
  return attributes
}

function some<T>(all: T[]): T[] | undefined {
  return all.length ? all : undefined
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value ? value.slice(0, 256) : undefined
}
