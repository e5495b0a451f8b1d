/** Tools that are called over MCP's Streamable HTTP, as tool events. What its server says is never a code or a name. */
import type { PlainEvent } from '../events/event.ts'
import { guard } from '../runtime/diag.ts'
import * as key from '../runtime/semconv.ts'
import { toText } from '../runtime/serialize.ts'
import type { InstrumentedSession, ModelCall, OpenedEvent } from '../session/instruments.ts'
import { fail, failed } from './fetch.ts'
import { answerReader, jsonOf, quote } from './quotes.ts'
import type { Reader } from './streams.ts'
import { knownBy } from './tool-calls.ts'
import type { Json } from './wires/wire.ts'

/** Its client asks for both kinds of answer. */
export function isMcp(headers: Headers): boolean {
  return (headers.get('accept') ?? '').includes('text/event-stream')
}

/** `given`: the request's body; of a `Request` it comes later, and the event then begins inside the request's span. */
export function toolCall(
  given: string | Promise<string | undefined>,
  session: InstrumentedSession,
): ModelCall | undefined {
  const { captureContent } = session.config
  const event: PlainEvent = { eventType: 'tools' }
  let opened: OpenedEvent | undefined
  let id: unknown
  let reader: Reader | undefined
  let answer: Json
  let isOver = false
  const begin = (text: string | undefined): void => {
    const { method, params, id: own } = Object(jsonOf(text))
    if (method !== 'tools/call' || isOver) return
    id = own
    const { name, arguments: args } = Object(params)
    if (typeof name === 'string') event.name = name
    if (captureContent) event.params = args
    knownBy(event, args)
    opened = session.begin(event)
    opened.span.setAttribute(key.MCP_METHOD, method)
    if (/^[ns]/.test(typeof own)) opened.span.setAttribute(key.JSONRPC_ID, `${own}`.slice(0, 64))
  }
  const isLate = typeof given !== 'string'
  if (isLate) given.then((text) => guard('an outgoing request', () => begin(text)))
  else begin(given)
  if (!isLate && !opened) return undefined
  return {
    opened: isLate ? undefined : opened,
    get isComplete() {
      return !!answer
    },
    responded(response) {
      // Before the request is known: what is no message of the server's own.
      reader = answerReader(response, session, (message) => {
        if (opened ? message.id === id : !message.method) answer = message
      })
    },
    read: (bytes) => reader?.push(bytes),
    ended(error) {
      reader?.end()
      if (isOver || !opened) return
      isOver = true
      const { span } = opened
      const { error: refusal, result } = Object(answer)
      const code = refusal?.code
      const isCode = Number.isSafeInteger(code)
      if (captureContent) event.returns = result?.structuredContent ?? result?.content
      else quote(session, refusal?.message)
      if (isCode) span.setAttribute(key.RPC_STATUS, `${code}`)
      if (refusal || result?.isError) {
        const said = captureContent ? toText(refusal?.message ?? result?.content) : undefined
        fail(span, isCode ? `${code}` : 'tool_error', said)
      }
      if (!isLate) return
      if (error && !answer) failed(span, session, error)
      span.end()
    },
  }
}
