/** OpenAI's Responses. */
import { spend } from './openai.ts'
import { type Json, list, match, type Wire } from './wire.ts'

export const responses: Wire = {
  path: /\/responses$/,
  read(part, answer) {
    const choice = answer.choice()
    const { type, output_index: place } = part
    if (type === 'error') answer.fail(part.error ?? part)
    const [, ofTool, how] = match(/(?:output_text|refusal|(arguments|input|code))\.(delta|done)$/, type) ?? []
    const told = part.delta ?? part.text ?? part.refusal ?? argsOf(part)
    if (ofTool) answer.call(choice, place, { args: told }, how === 'done')
    else if (how) say(told, how)
    if (match(/output_item\.(added|done)$/, type)) item(part.item, type, place)
    const whole = part.response ?? (type ? undefined : part)
    if (!whole) return
    answer.name(whole)
    spend(answer, whole.usage)
    if (whole.error) answer.fail(whole.error)
    for (const [at, one] of list(whole.output).entries()) item(one, 'whole', at)
    if (match(/queued|progress/, whole.status)) return
    const isAsking = choice.calls.some(({ isHosted }) => !isHosted)
    answer.finish(choice, whole.incomplete_details?.reason ?? (isAsking ? 'tool_calls' : whole.status))

    /** Deltas, items and the whole say the same: who begins goes on. */
    function say(text: unknown, teller: string): void {
      if (text) answer.teller ??= teller
      if (answer.teller === teller) answer.say(choice, text)
    }

    function item(given: Json, teller: string, at: unknown): void {
      const one = Object(given)
      // What is only begun is told again.
      const isBegun = match(/added$/, type)
      for (const { text, refusal } of list(!isBegun && one.type === 'message' && one.content))
        say(text ?? refusal, teller)
      const [, named, isOver] = match(/^(\w+?)_(?:call|approval_request)(_output)?$/, one.type) ?? []
      if (!named) return
      // The hosted ones have no `call_id`, or their output beside them; most are named by their type alone.
      const called = {
        id: one.call_id ?? one.id,
        name: isOver ? undefined : (one.name ?? named),
        args: isBegun ? undefined : argsOf(one),
        isHosted: !!isOver || typeof one.call_id !== 'string',
      }
      answer.call(choice, at, called, true)
    }
  },
}

/** Each kind of tool has a field of its own for them. */
const argsOf = (one: Json): unknown =>
  one.arguments ?? one.input ?? one.code ?? one.action ?? one.actions ?? one.operation ?? one.queries
