/** Which model asked for a tool: the call's id, name and arguments as it gave them, until a tool event answers. */
import type { SpanContext } from '@opentelemetry/api'
import type { PlainEvent } from '../events/event.ts'
import type { SdkSpan } from '../runtime/sdk.ts'
import * as key from '../runtime/semconv.ts'
import { toJson } from '../runtime/serialize.ts'
import type { InstrumentedSession } from '../session/instruments.ts'
import { attempt, type ToolCall } from './wires/wire.ts'

interface Wanted {
  id?: string
  name?: string
  /** Of its arguments. */
  digest: string | undefined
  by: SpanContext
}

/** A call whose event has ended, which a framework's span may repeat later. */
export interface Finished {
  id?: string
  model?: unknown
  /** Of the prompt. */
  prompt?: number
  begunAt: number
}

/** A session asks for more only where nothing answers. */
const MAX_KEPT = 256
/** Characters of a call's arguments. */
const MAX_DIGEST = 512
const wanted: WeakMap<InstrumentedSession, Wanted[]> = new WeakMap()
const ended: WeakMap<InstrumentedSession, Finished[]> = new WeakMap()

function keep<T>(all: WeakMap<InstrumentedSession, T[]>, session: InstrumentedSession, more: readonly T[]): void {
  const kept = all.get(session) ?? []
  kept.push(...more)
  kept.splice(0, kept.length - MAX_KEPT)
  all.set(session, kept)
}

export function finished(session: InstrumentedSession, call: Finished): void {
  keep(ended, session, [call])
}

/** The first that `which` accepts, taken out. */
export function takeFinished(session: InstrumentedSession, which: (call: Finished) => boolean): Finished | undefined {
  const all = ended.get(session) ?? []
  const at = all.findIndex(which)
  return at < 0 ? undefined : all.splice(at, 1)[0]
}

/** From here on, a tool event of the session is linked to the model's call that asked for it. */
export function wants(session: InstrumentedSession, calls: readonly ToolCall[], by: SpanContext): void {
  if (!calls.length) return
  keep(
    wanted,
    session,
    calls.map(({ id, name, arguments: given }) => ({ id, name, digest: digestOf(given), by })),
  )
  session.onTool ??= (event, span) => {
    const { toolCallId: id, name, params } = event as PlainEvent
    answers(session, { id, name, params }, span)
  }
}

/** Of several calls of the same tool the one with these arguments, else the first. */
export function answers(
  session: InstrumentedSession,
  tool: { id?: unknown; name?: unknown; params?: unknown },
  span: SdkSpan,
): void {
  const all = wanted.get(session) ?? []
  const named = all.filter((call) => (tool.id === undefined ? call.name === tool.name : call.id === tool.id))
  const given = named[1] && digestOf(toJson(tool.params))
  const found = named.find(({ digest }) => digest === given) ?? named[0]
  if (!found) return
  all.splice(all.indexOf(found), 1)
  if (found.id) span.setAttributes({ [key.TOOL_ID]: found.id })
  span.addLink({ context: found.by, attributes: found.id ? { [key.TOOL_CALL_ID]: found.id } : {} })
}

/** The same for the same JSON, whatever the order of its keys: its beginning and its length. */
function digestOf(json: string): string | undefined {
  return attempt(() => {
    const sorted = JSON.stringify(JSON.parse(json), (_, part) =>
      Object(part) === part && !Array.isArray(part) ? Object.fromEntries(Object.entries(part).sort()) : part,
    )
    return sorted.slice(0, MAX_DIGEST) + sorted.length
  })
}
