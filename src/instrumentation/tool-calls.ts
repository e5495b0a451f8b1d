/** Which model asked for a tool: the call's id, name and arguments as it gave them, until a tool event answers. */
import type { SpanContext } from '@opentelemetry/api'
import type { SdkSpan } from '../runtime/sdk.ts'
import * as key from '../runtime/semconv.ts'
import type { InstrumentedSession } from '../session/instruments.ts'
import type { ToolCall } from './wires/wire.ts'

interface Wanted extends ToolCall {
  by: SpanContext
}

/** A session asks for more only where nothing answers. */
const MAX_WANTED = 256
const wanted: WeakMap<InstrumentedSession, Wanted[]> = new WeakMap()

/** From here on, a tool event of the session is linked to the model's call that asked for it. */
export function wants(session: InstrumentedSession, calls: readonly ToolCall[], by: SpanContext): void {
  if (!calls.length) return
  const all = wanted.get(session) ?? []
  all.push(...calls.map((call) => ({ ...call, by })))
  all.splice(0, all.length - MAX_WANTED)
  wanted.set(session, all)
  session.onTool ??= (event, span) => {
    const { name, params } = event as { name?: string; params?: unknown }
    answers(session, { name, params }, span)
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
  const given = sorted(tool.params)
  const found = named.find((call) => sorted(call.arguments) === given) ?? named[0]
  if (!found) return
  all.splice(all.indexOf(found), 1)
  if (found.id) span.setAttributes({ [key.TOOL_ID]: found.id })
  span.addLink({ context: found.by, attributes: found.id ? { [key.TOOL_CALL_ID]: found.id } : {} })
}

/** JSON with its keys in order; text is JSON already. */
function sorted(value: unknown): string | undefined {
  try {
    return JSON.stringify(typeof value === 'string' ? JSON.parse(value) : value, (_, part) =>
      Object(part) === part && !Array.isArray(part) ? Object.fromEntries(Object.entries(part).sort()) : part,
    )
  } catch {
    return undefined
  }
}
