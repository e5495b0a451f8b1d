/**
 * The AWS SDK's client for Bedrock, which speaks HTTP/2 or `node:http` and never `fetch`: its calls as events of the
 * session, seen by a middleware of the client's own stack. Nothing of the SDK is imported.
 */
import { errorType } from '../events/event.ts'
import { guard, warn } from '../runtime/diag.ts'
import { ERROR } from '../runtime/otel.ts'
import { activeContext, runIn } from '../runtime/scope.ts'
import * as key from '../runtime/semconv.ts'
import type { InstrumentedSession, ModelCall } from '../session/instruments.ts'
import { fail, sessionHere } from './fetch.ts'

/** What is needed of the client's stack. */
export interface BedrockClientLike {
  readonly middlewareStack: {
    // biome-ignore lint/suspicious/noExplicitAny: the SDK's own types have the client's commands
    add(middleware: (next: any, context: any) => any, options: any): void
  }
}

interface Metadata {
  httpStatusCode?: number
  attempts?: number
}
interface Output {
  $metadata?: Metadata
  stream?: unknown
  body?: unknown
}
type Next = (args: { input?: Record<string, unknown> }) => Promise<{ output?: Output }>

/** By command, the end of its path; those that are no calls of a model are let through. */
const PATHS: Readonly<Record<string, string>> = {
  ConverseCommand: 'converse',
  ConverseStreamCommand: 'converse-stream',
  InvokeModelCommand: 'invoke',
  InvokeModelWithResponseStreamCommand: 'invoke-with-response-stream',
}

/**
 * Makes the calls of a `BedrockRuntimeClient` events of the session of the running code, streamed or not: `Converse`,
 * `ConverseStream`, `InvokeModel` and `InvokeModelWithResponseStream`, for sessions that have `llmCalls()`. Gives the
 * client; what it answers, throws and streams is unchanged. A call that the SDK repeats is one event.
 *
 * ```ts
 * const bedrock = bedrockCalls(new BedrockRuntimeClient())
 * export const handler = withAgentOps(handle, { instrumentations: { llm: llmCalls() } })
 * ```
 */
export function bedrockCalls<Client extends BedrockClientLike>(client: Client): Client {
  guard('bedrockCalls: expected a client of the AWS SDK', () => {
    client.middlewareStack.add(
      (next: Next, { commandName }: { commandName?: string }) =>
        async (args: Parameters<Next>[0]) => {
          const session = sessionHere()
          const call = session && guard('a call of Bedrock', () => open(session, `${commandName}`, args.input ?? {}))
          if (!call) return next(args)
          try {
            const answer = await runIn(call.model.opened?.context ?? activeContext(), () => next(args))
            guard('an answer of Bedrock', () => answered(call, answer?.output ?? {}))
            return answer
          } catch (error) {
            guard('an answer of Bedrock', () => refused(call, error))
            throw error
          }
        },
      // The outermost: what it is given is the command's input, and what it sees the output.
      { step: 'initialize', priority: 'low', name: 'agentopsBedrockCalls', override: true },
    )
  })
  return client
}

interface Call {
  session: InstrumentedSession
  model: ModelCall
  isStream: boolean
  over?: boolean
}

function open(session: InstrumentedSession, command: string, input: Record<string, unknown>): Call | undefined {
  const path = PATHS[command]
  const { llm } = session.root.isRecording() ? session.config.instrumentations : {}
  if (!path) return undefined
  if (!llm) {
    return session.root.isRecording()
      ? warn('bedrockCalls: this session has no llmCalls(). Pass instrumentations: { llm: llmCalls() }')
      : undefined
  }
  const { modelId, body, ...rest } = input
  const url = new URL(`https://bedrock-runtime.amazonaws.com/model/${encodeURIComponent(`${modelId}`)}/${path}`)
  const asked = path.startsWith('converse') ? JSON.stringify(rest, inJson) : textOf(body)
  const model = llm.recognise({ url, method: 'POST', headers: new Headers(), body: () => asked }, session)
  return model && { session, model, isStream: path.endsWith('stream') }
}

/** Bytes as Bedrock's JSON has them. */
function inJson(_: string, value: unknown): unknown {
  return ArrayBuffer.isView(value) ? base64(value) : value
}

function base64(bytes: ArrayBufferView): string {
  let text = ''
  for (const byte of new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)) {
    text += String.fromCharCode(byte)
  }
  return btoa(text)
}

function textOf(body: unknown): string | undefined {
  if (typeof body === 'string') return body
  return ArrayBuffer.isView(body) || body instanceof ArrayBuffer ? new TextDecoder().decode(body) : undefined
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

function begin({ model, isStream }: Call, { httpStatusCode: status = 200, attempts = 1 }: Metadata): void {
  model.opened?.span.setAttributes({
    [key.HTTP_STATUS]: status,
    [key.HTTP_RESENDS]: attempts > 1 ? attempts - 1 : undefined,
  })
  const headers = { 'content-type': isStream && status < 400 ? 'text/event-stream' : 'application/json' }
  model.responded?.(new Response(null, { status, headers }))
}

function answered(call: Call, output: Output): void {
  const { $metadata = {}, stream, body } = output
  begin(call, $metadata)
  const events = stream ?? body
  if (!call.isStream) {
    const { $metadata: _, ...said } = output
    call.model.read?.(bytesOf(textOf(body) ?? JSON.stringify(said, inJson)))
    end(call)
    return
  }
  const close = (): void => end(call)
  call.session.closing.add(close)
  watch(events as AsyncIterable<Record<string, unknown>>, {
    event(name, value) {
      const { bytes } = value as { bytes?: unknown }
      const frame = ArrayBuffer.isView(bytes) ? { bytes: base64(bytes) } : value
      call.model.read?.(bytesOf(`event: ${name}\ndata: ${JSON.stringify(frame, inJson)}\n\n`))
    },
    over(failed, error) {
      call.session.closing.delete(close)
      if (failed) refused(call, error)
      else end(call)
    },
  })
}

/** A refusal in the form that Bedrock's wire has it, so that what it quotes is hidden as any other; and what never came to an answer. */
function refused(call: Call, error: unknown): void {
  const { name, message, $metadata } = Object(error) as Error & { $metadata?: Metadata }
  const status = $metadata?.httpStatusCode
  // By the caller, who knows.
  const isAborted = name === 'AbortError'
  if (!isAborted && typeof message === 'string') {
    const body = JSON.stringify({ __type: name, message })
    if (status && !call.isStream) begin(call, $metadata)
    else if (status && status >= 400) begin({ ...call, isStream: false }, $metadata)
    call.model.read?.(bytesOf(call.isStream && !(status && status >= 400) ? `data: ${body}\n\n` : body))
  }
  end(call, isAborted ? undefined : error)
}

function end(call: Call, error?: unknown): void {
  if (call.over) return
  call.over = true
  const span = call.model.opened?.span
  guard('an answer of Bedrock', () => call.model.ended?.(error))
  if (error !== undefined && span && span.status.code !== ERROR) fail(span, errorType(error))
  if (span?.isRecording()) span.end()
}

interface Watcher {
  event(name: string, value: unknown): void
  over(failed: boolean, error?: unknown): void
}

/** The stream stays the SDK's own; whoever iterates it is watched. */
function watch(stream: AsyncIterable<Record<string, unknown>>, { event, over }: Watcher): void {
  const iterate = stream[Symbol.asyncIterator]
  const value = function (this: unknown): AsyncIterator<Record<string, unknown>> {
    const iterator = iterate.call(stream)
    for (const name of ['next', 'return', 'throw'] as const) {
      const step = iterator[name]
      if (!step) continue
      const watched = async (...args: [never]): Promise<IteratorResult<Record<string, unknown>>> => {
        try {
          const result = await step.apply(iterator, args)
          guard('a stream of Bedrock', () => {
            for (const [name, said] of Object.entries(result.done ? {} : result.value)) event(name, said)
            if (result.done) over(false)
          })
          return result
        } catch (error) {
          guard('a stream of Bedrock', () => over(true, error))
          throw error
        }
      }
      Object.defineProperty(iterator, name, { value: watched, configurable: true, writable: true })
    }
    return iterator
  }
  Object.defineProperty(stream, Symbol.asyncIterator, { value, configurable: true, writable: true })
}
