/**
 * Which model asked for a tool, and what came of it: the call's id, name and arguments as an answer gave them, until a span
 * shows the tool, or a later request brings its result. Of one that no span has shown an event is made from both.
 */
import { type Context, type SpanContext, trace } from '@opentelemetry/api'
import type { PlainEvent } from '../events/event.ts'
import { guard } from '../runtime/diag.ts'
import { activeContext } from '../runtime/scope.ts'
import type { SdkSpan } from '../runtime/sdk.ts'
import * as key from '../runtime/semconv.ts'
import { toJson, toText } from '../runtime/serialize.ts'
import type { InstrumentedSession } from '../session/instruments.ts'
import { saysOf } from './around.ts'
import { fail } from './fetch.ts'
import { attempt, type ToolCall, type ToolResult } from './wires/wire.ts'

/** An answer that asks for tools. Times: milliseconds since the epoch. */
export interface Asker {
  by: SpanContext
  /** Where what it asks for belongs: beside its own span. */
  context: Context
  begunAt: number
  endedAt: number
}

interface Called {
  id?: string
  name?: string
  /** Of its arguments. */
  readonly digest: string | undefined
}

interface Wanted extends Called {
  /** As JSON; none where contents are off. */
  arguments?: string
  asker: Asker
}

/** A tool that began while an answer was still coming, which may be about to ask for it. */
interface Early extends Called {
  span: SdkSpan
  begunAt: number
}

/** A call whose event has ended, which a framework's span may repeat later. */
export interface Finished {
  id?: string
  model?: unknown
  /** Of the prompt. */
  prompt?: number
  begunAt: number
}

interface Ledger {
  wanted: Wanted[]
  early: Early[]
  finished: Finished[]
  /** Answers that are still coming. */
  coming: number
}

/** A session asks for more only where nothing answers. */
const MAX_KEPT = 256
/** Characters of all arguments that are kept. */
const MAX_ARGUMENTS = 1 << 20
/** Characters of a call's arguments. */
const MAX_DIGEST = 512
const TOOL = /^(tools?|execute_tool)$|toolcall$/i
const ledgers: WeakMap<InstrumentedSession, Ledger> = new WeakMap()
/** Spans that have been looked at, and events that are made here. */
const seen: WeakSet<object> = new WeakSet()
/** Parameters of events that do not record them. */
const unrecorded: WeakMap<object, unknown> = new WeakMap()

function ledgerOf(session: InstrumentedSession): Ledger {
  const ledger = ledgers.get(session) ?? { wanted: [], early: [], finished: [], coming: 0 }
  ledgers.set(session, ledger)
  return ledger
}

function keep<T>(all: T[], more: readonly T[]): void {
  all.push(...more)
  all.splice(0, all.length - MAX_KEPT)
}

function take<T>(all: T[], one: T | undefined): T | undefined {
  if (one) all.splice(all.indexOf(one), 1)
  return one
}

export function finished(session: InstrumentedSession, call: Finished): void {
  keep(ledgerOf(session).finished, [call])
}

/** The first that `which` accepts, taken out. */
export function takeFinished(session: InstrumentedSession, which: (call: Finished) => boolean): Finished | undefined {
  const all = ledgerOf(session).finished
  return take(all, all.find(which))
}

/** A tool's event that does not record its parameters is known by them all the same. */
export function knownBy(event: object, params: unknown): void {
  unrecorded.set(event, params)
}

/** An answer is coming: from here on, tools of the session are looked at. Gives what is to be called when it has come. */
export function coming(session: InstrumentedSession): () => void {
  const ledger = ledgerOf(session)
  ledger.coming++
  session.onTool ??= (span, event) => guard('a tool call', () => shown(session, span, event as PlainEvent))
  return () => void ledger.coming--
}

/** The answer that `span` shows. */
export function askerOf(session: InstrumentedSession, span: SdkSpan, begunAt: number): Asker {
  const { parentSpanContext: parent } = span
  const context = parent ? session.within(trace.wrapSpanContext(parent)) : activeContext()
  return { by: span.spanContext(), context, begunAt, endedAt: session.now() }
}

/** A tool event of the session is linked to the model's call that asked for it. */
export function wants(session: InstrumentedSession, calls: readonly ToolCall[], asker: Asker): void {
  const { wanted, early } = ledgerOf(session)
  for (const { id, name, arguments: given, isHosted } of calls) {
    if (isHosted) continue
    const call: Wanted = { id, name, digest: digestOf(given), asker }
    const one = early.find((tool) => tool.begunAt >= asker.begunAt && isFor(tool, call) && tool.digest === call.digest)
    if (take(early, one)) link(one?.span as SdkSpan, call)
    else keep(wanted, [session.config.captureContent ? { ...call, arguments: given } : call])
  }
  let room = MAX_ARGUMENTS
  for (const call of wanted.toReversed()) {
    room -= call.arguments?.length ?? 0
    if (room < 0) call.arguments = undefined
  }
}

/** What a request says of them, the newest first. `at`: when it was made, milliseconds since the epoch. */
export function came(session: InstrumentedSession, results: () => readonly ToolResult[], at: number): void {
  const { wanted } = ledgerOf(session)
  if (!wanted.length) return
  const over: [Wanted, ToolResult][] = []
  for (const result of results()) {
    // Either may leave the id out.
    const call = wanted.findLast(({ id, name }) => (id && result.id ? id === result.id : name && name === result.name))
    if (take(wanted, call)) over.unshift([call as Wanted, result])
  }
  if (session.config.instrumentations.llm?.tools === false) return
  for (const [call, result] of over) guard('a tool call', () => record(session, call, result, at))
}

function record(session: InstrumentedSession, call: Wanted, { output, failed }: ToolResult, at: number): void {
  const { captureContent } = session.config
  const { arguments: given, asker } = call
  const event: PlainEvent = { eventType: 'tools', name: call.name, initTimestamp: asker.endedAt, endTimestamp: at }
  if (captureContent) {
    event.params = given && (attempt(() => JSON.parse(given)) ?? given)
    event.returns = output
  }
  seen.add(event)
  const { span } = session.begin(event, asker.context)
  seen.add(span)
  link(span, call)
  if (failed) fail(span, 'tool_error', captureContent ? toText(output) : undefined)
  span.end(at)
}

/** A span that is a tool: with its event where it begins, any other where it ends. */
function shown(session: InstrumentedSession, span: SdkSpan, event?: PlainEvent): void {
  const { attributes } = span
  const says = event ? event.eventType : (attributes[key.SPAN_KIND] ?? saysOf(span))
  if (seen.has(span) || (event && seen.has(event)) || !TOOL.test(`${says}`)) return
  seen.add(span)
  const first = (...names: string[]): string | undefined =>
    names.map((name) => attributes[name]).find((value) => typeof value === 'string') as string | undefined
  const name = first(key.TOOL_NAME, 'gen_ai.tool.name', 'ai.toolCall.name', 'traceloop.entity.name')
  const id = (event?.toolCallId as string | undefined) ?? first(key.TOOL_CALL_ID, 'ai.toolCall.id', key.TOOL_ID)
  let digest: string | undefined
  const tool: Called = {
    id,
    name,
    get digest() {
      digest ??= digestOf(
        event
          ? toJson(unrecorded.get(event) ?? event.params)
          : first('gen_ai.tool.call.arguments', 'ai.toolCall.args', 'input.value', key.TOOL_PARAMETERS),
      )
      return digest
    },
  }
  const given = answers(session, tool, span)?.arguments
  // Its client's own span may have none.
  if (given && !event && tool.digest === undefined) {
    span.setAttribute(attributes[key.SPAN_KIND] ? key.TOOL_PARAMETERS : 'gen_ai.tool.call.arguments', given)
  }
}

/** Of several calls of the same tool the one with these arguments, else the first. */
export function answers(session: InstrumentedSession, tool: Called, span: SdkSpan): Wanted | undefined {
  const { wanted, early, coming } = ledgerOf(session)
  const its = wanted.filter((call) => isFor(tool, call))
  const call = (its[1] && its.find(({ digest }) => digest === tool.digest)) ?? its[0]
  if (take(wanted, call)) link(span, call as Wanted)
  else if (coming) {
    const { id, name, digest } = tool
    keep(early, [{ id, name, digest, span, begunAt: span.startTime[0] * 1e3 + span.startTime[1] / 1e6 }])
  }
  return call
}

/** By its id; else by its name, before which a model may be told a server's: then the arguments, too, have to be the same. */
function isFor(tool: Called, { id, name, digest }: Called): boolean {
  if (tool.id !== undefined) return id === tool.id
  if (!tool.name || !name?.endsWith(tool.name)) return false
  return (
    name === tool.name ||
    (/[\W_]/.test(name.at(-tool.name.length - 1) ?? '') && digest !== undefined && digest === tool.digest)
  )
}

function link(span: SdkSpan, { id, asker }: Wanted): void {
  // A framework's span has the standard's name for it.
  if (id) span.setAttribute(span.attributes[key.SPAN_KIND] ? key.TOOL_ID : key.TOOL_CALL_ID, id)
  span.addLink({ context: asker.by, attributes: id ? { [key.TOOL_CALL_ID]: id } : {} })
}

/** The same for the same JSON, whatever the order of its keys: its beginning and its length. */
function digestOf(json = ''): string | undefined {
  return attempt(() => {
    const sorted = JSON.stringify(JSON.parse(json), (_, part) =>
      Object(part) === part && !Array.isArray(part) ? Object.fromEntries(Object.entries(part).sort()) : part,
    )
    return sorted.slice(0, MAX_DIGEST) + sorted.length
  })
}
