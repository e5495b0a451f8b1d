/** Model calls as a chat: what was said, which tools were asked for, and what they gave, each once and where it belongs. */
import type { FC } from 'hono/jsx'
import { type Call as CallPart, type Results, resultsOf } from '../calls.ts'
import { contentsOf, errorOf, modelOf, summarize, typeOf } from '../conventions.ts'
import { type ChatMessage, inputMessages, type MessagePart, outputMessages } from '../messages.ts'
import type { CollectedSpan } from '../otlp.ts'
import { count, duration, plain, plural } from './format.ts'
import { Text, Value } from './value.tsx'

/** Of one message list; the middle of a longer one is left out. */
const MAX_MESSAGES = 200

/** What an answer ends by where nothing has cut it off. */
const USUAL_END = /^(stop|stop_sequence|end_turn|tool[-_]?(calls?|use)|function_call|completed|eos)$/i

/** One model call's messages, all of them. */
export const Messages: FC<{ span: CollectedSpan; results: Results; base: string }> = ({ span, results, base }) => {
  const asked = inputMessages(span.attributes)
  const said = outputMessages(span.attributes)
  if (asked.length + said.length === 0) return null
  return (
    <div class="chat">
      <List messages={asked} results={results} base={base} />
      {said.length > 0 && <p class="divider">Answer</p>}
      <List messages={said} results={results} base={base} />
    </div>
  )
}

export interface ThreadProps {
  spans: CollectedSpan[]
  /** `/traces/<id>`. */
  base: string
  /** Without the system's messages. */
  brief?: boolean
  /** Messages that have been shown, and how often. */
  seen?: Map<string, number>
}

/** The model calls of a session, one after the other; what an earlier one has shown is not shown again. */
export const Thread: FC<ThreadProps> = ({ spans, base, brief, seen = new Map() }) => {
  const results = resultsOf(spans)
  const calls = spans.filter((span) => typeOf(span) === 'model')
  return (
    <div class="chat">
      {calls.map((span) => {
        const asked = fresh(inputMessages(span.attributes), seen, !!brief)
        const said = fresh(outputMessages(span.attributes), seen, !!brief)
        if (brief && !asked.length && !said.length && span.status.code !== 2) return null
        return (
          <>
            <List messages={asked} results={results} base={base} />
            <p class="divider">
              <a href={`${base}?view=chat&span=${span.spanId}`}>
                <bdi>{plain(modelOf(span.attributes) ?? span.name)}</bdi>
              </a>
              <span class="muted"> {told(span)}</span>
            </p>
            <List messages={said} results={results} base={base} />
            {span.status.code === 2 && <p class="failure">{plain(errorOf(span))}</p>}
          </>
        )
      })}
    </div>
  )
}

function told(span: CollectedSpan): string {
  const { inputTokens = 0, outputTokens = 0 } = summarize(span)
  const took = duration(Number((span.end - span.start) / 1000n))
  return inputTokens + outputTokens ? `${took} · ${count(inputTokens)} in, ${plural(outputTokens, 'token')} out` : took
}

/** The messages that have not been shown: a model call repeats the whole conversation before it. */
function fresh(messages: ChatMessage[], seen: Map<string, number>, brief: boolean): ChatMessage[] {
  const own = new Map<string, number>()
  return messages.filter((message) => {
    const key = JSON.stringify([message.role, message.parts])
    const times = (own.get(key) ?? 0) + 1
    own.set(key, times)
    const isNew = times > (seen.get(key) ?? 0)
    if (isNew) seen.set(key, times)
    return isNew && !(brief && message.role === 'system')
  })
}

const List: FC<{ messages: ChatMessage[]; results: Results; base: string }> = ({ messages, results, base }) => {
  const left = messages.length - MAX_MESSAGES
  const shown = left > 0 ? [...messages.slice(0, 20), ...messages.slice(20 + left)] : messages
  return (
    <>
      {left > 0 && <p class="muted">{plural(left, 'message')} in the middle are left out</p>}
      {shown.map((message) => (
        <Bubble message={message} results={results} base={base} />
      ))}
    </>
  )
}

const Bubble: FC<{ message: ChatMessage; results: Results; base: string }> = ({ message, results, base }) => {
  // A result stands at the call that asked for it.
  const parts = message.parts.filter((part) => part.kind !== 'result' || !part.id || !results.results.has(part.id))
  const isAside = message.role === 'tool' && parts.length === 0
  if (isAside || (parts.length === 0 && message.parts.length > 0)) return null
  const role = /^(user|assistant|system|tool)$/.test(message.role) ? message.role : 'other'
  const body = parts.map((part) => <Part part={part} results={results} base={base} />)
  if (role === 'system') {
    return (
      <details class="message r-system">
        <summary>system</summary>
        {body}
      </details>
    )
  }
  return (
    <article class={`message r-${role}`}>
      <p class="who">{plain(message.role)}</p>
      {body}
      {message.finishReason && !USUAL_END.test(message.finishReason) && (
        <p class="cut">ended by: {plain(message.finishReason)}</p>
      )}
    </article>
  )
}

const Part: FC<{ part: MessagePart; results: Results; base: string }> = ({ part, results, base }) => {
  switch (part.kind) {
    case 'text':
      return <Text text={part.text} class="prose" />
    case 'reasoning':
      return (
        <details class="reasoning">
          <summary>reasoning</summary>
          <Text text={part.text} class="prose" />
        </details>
      )
    case 'call':
      return <Call part={part} results={results} base={base} />
    case 'result':
      return (
        <div class="call">
          <p class="call-name">result</p>
          <Value value={part.value} />
        </div>
      )
    case 'other':
      return (
        <details class="reasoning">
          <summary>{plain(part.type)}</summary>
          <Value value={part.value} />
        </details>
      )
  }
}

const Call: FC<{ part: CallPart; results: Results; base: string }> = ({ part, results, base }) => {
  const span = part.id === undefined ? undefined : results.spans.get(part.id)
  const output = span && contentsOf(span).output
  const result = output ?? (part.id === undefined ? undefined : results.results.get(part.id))
  const isFailed = span?.status.code === 2
  return (
    <div class={`call${isFailed ? ' failed' : ''}`}>
      <p class="call-name">
        <span aria-hidden="true">⚙ </span>
        {span ? (
          <a href={`${base}?view=chat&span=${span.spanId}`}>
            <bdi>{plain(part.name)}</bdi>
          </a>
        ) : (
          <bdi>{plain(part.name)}</bdi>
        )}
        {span && <span class="muted"> {duration(Number((span.end - span.start) / 1000n))}</span>}
      </p>
      <Value value={part.value} />
      {isFailed && <p class="failure">{plain(errorOf(span))}</p>}
      {result !== undefined && result !== null && (
        <div class="result">
          <p class="muted">gave</p>
          <Value value={result} />
        </div>
      )}
    </div>
  )
}
