/** What is kept of a conversation that a span has no room for: its instructions, its newest messages, and how many are missing. */
import { MAX_VALUE_CHARS, toJson, toText } from '../runtime/serialize.ts'
import { type Json, match } from './wires/wire.ts'

/** One less than an event has. */
const MAX_MESSAGES = 199

export function newest<T>(messages: T): T {
  if (!Array.isArray(messages)) return messages
  const end = messages.length
  let room = MAX_VALUE_CHARS
  const told: Json[] = []
  for (const one of messages) {
    if (!match(/^(system|developer)$/, one?.role)) break
    const content = toText(one.content, Math.floor(room / 2))
    room -= content?.length ?? 0
    told.push({ ...one, content })
  }
  let at = end
  while (at > told.length && end - at + told.length < MAX_MESSAGES) {
    room -= toJson(messages[at - 1]).length
    // The last one is cut, not left out.
    if (room < 0 && at < end) break
    at--
  }
  const missing = at - told.length
  if (!missing) return messages
  return [...told, { role: 'system', content: `…[${missing} messages cut]` }, ...messages.slice(at)] as T
}
