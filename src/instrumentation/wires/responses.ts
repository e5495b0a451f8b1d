/** OpenAI's Responses. */
import { spend } from './openai.ts'
import { type Json, list, match, type Wire } from './wire.ts'

export const responses: Wire = {
  path: /\/responses$/,
  read(part, answer) {
    const choice = answer.choice()
    const { type } = part
    if (type === 'error') answer.fail(part.error ?? part, part.code)
    if (match(/(output_text|refusal)\.delta$/, type)) say(part.delta, 'delta')
    if (type === 'response.output_item.done') item(part.item, 'item')
    const whole = part.response ?? (type ? undefined : part)
    if (!whole) return
    answer.name(whole)
    spend(answer, whole.usage)
    if (whole.error) answer.fail(whole.error, whole.error.code)
    for (const one of list(whole.output)) item(one, 'whole')
    if (match(/queued|in_progress/, whole.status)) return
    const isAsking = choice.calls.some(({ isHosted }) => !isHosted)
    answer.finish(choice, whole.incomplete_details?.reason ?? (isAsking ? 'tool_calls' : whole.status))

    /** Deltas, items and the whole say the same: who begins goes on. */
    function say(text: unknown, teller: string): void {
      answer.teller ??= teller
      if (answer.teller === teller) answer.say(choice, text)
    }

    function item(given: Json, teller: string): void {
      const one = Object(given)
      for (const { text, refusal } of list(one.content)) if (one.type === 'message') say(text ?? refusal, teller)
      // The hosted ones have no `call_id`; most are named by their type alone.
      const [, named] = match(/^(\w+)_call$/, one.type) ?? []
      if (!named) return
      const called = {
        id: one.call_id ?? one.id,
        name: one.name ?? named,
        args: one.arguments ?? one.input ?? one.action,
        isHosted: !one.call_id,
      }
      answer.call(choice, choice.calls.length, called, true)
    }
  },
}
