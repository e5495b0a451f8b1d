/** Gemini's Interactions. */
import { askedOf, list, sum, type Wire } from './wire.ts'

/** To be passed: `llmCalls({ wires: [interactions] })`. */
export const interactions: Wire = {
  path: /\/interactions$/,
  provider: 'gcp.gemini',
  ask: ({ input, system_instruction: instructions, generation_config: generationConfig }) =>
    askedOf({ input, instructions, generationConfig }),
  read(part, answer) {
    const choice = answer.choice()
    const { event_type, delta, index, step, error } = part
    if (error) answer.fail(error)
    const opened = Object(step)
    if (event_type === 'step.start' && opened.type === 'function_call') {
      answer.call(choice, index, { id: opened.id, name: opened.name })
    }
    if (event_type === 'step.delta') {
      if (delta?.type === 'text') answer.say(choice, delta.text)
      if (delta?.type === 'arguments_delta') answer.call(choice, index, { args: delta.arguments })
    }
    const whole = Object(part.interaction ?? (event_type ? undefined : part))
    answer.name(whole)
    for (const [at, { type, content, id, name, arguments: args }] of list(whole.steps).entries()) {
      if (type === 'model_output' && !event_type) for (const { text } of list(content)) answer.say(choice, text)
      if (type === 'function_call') answer.call(choice, at, { id, name, args }, true)
    }
    if (whole.status !== 'in_progress') answer.finish(choice, whole.status)
    const usage = Object(whole.usage)
    answer.count({
      prompt: sum(usage.total_input_tokens, usage.total_tool_use_tokens),
      completion: sum(usage.total_output_tokens, usage.total_thought_tokens),
      total: usage.total_tokens,
      cache_read: usage.total_cached_tokens,
      reasoning: usage.total_thought_tokens,
    })
  },
}
