/** OpenAI's chat completions, the older completions and embeddings, and everybody's who speaks the same. */
import { type Answer, type Json, list, type Wire } from './wire.ts'

/** Of chat completions, responses, images and audio. */
export function spend(answer: Answer, given: Json): void {
  if (!given) return
  const usage = Object(given)
  for (const [side, older] of Object.entries({ input: 'prompt', output: 'completion' })) {
    const of = (name: string): Json => usage[`${side}_${name}`] ?? usage[`${older}_${name}`]
    const details = Object(of('tokens_details') ?? of('token_details'))
    answer.count({
      [`${older}`]: of('tokens'),
      // DeepSeek's and Moonshot's names beside OpenAI's.
      cache_read: details.cached_tokens ?? usage.prompt_cache_hit_tokens ?? usage.cached_tokens,
      cache_creation: details.cache_write_tokens ?? usage.cache_creation_input_tokens,
      reasoning: details.reasoning_tokens,
      total: usage.total_tokens,
    })
    for (const kind of ['text', 'image', 'audio'])
      answer.count({ [`${kind}.${side}`]: details[`${kind}_tokens`] || undefined })
  }
  const { prompt = 0, completion = 0, reasoning, total } = answer.usage
  // xAI counts reasoning beside the completion.
  if (reasoning && prompt + completion + reasoning === total) answer.usage.completion = completion + reasoning
  // Perplexity's, and OpenRouter's, where a key of the user's may pay the provider.
  const { cost, is_byok, cost_details: paid, cost_in_usd_ticks: ticks } = usage
  const upstream = paid?.upstream_inference_cost
  const both = is_byok && Number.isFinite(upstream) && Number.isFinite(cost) && cost + upstream
  answer.cost = [cost?.total_cost, both, cost, Number.isFinite(ticks) && ticks / 1e10, answer.cost].find(
    Number.isFinite,
  )
}

function read(part: Json, answer: Answer): void {
  // vLLM's and Mistral's are no field of an answer.
  const error = part.error ?? (part.object === 'error' && part)
  if (error) answer.fail(error)
  answer.name(part)
  for (const [at, one] of list(part.choices).entries()) {
    const { message } = one
    const choice = answer.choice(one.index ?? (message ? at : 0))
    const { content, refusal, tool_calls, function_call: older, audio } = Object(one.delta ?? message)
    for (const said of [content, refusal, one.text, audio?.transcript]) answer.say(choice, said)
    for (const [at, given] of list([tool_calls].flat()).entries()) {
      // Workers AI's have their name outside.
      const { name, arguments: args, input = args } = Object(given.custom ?? given.function ?? given)
      answer.call(choice, given.index ?? (message ? at : undefined), { id: given.id, name, args: input }, !!message)
    }
    if (older) answer.call(choice, 0, { name: older.name, args: older.arguments })
    answer.finish(choice, one.finish_reason)
    // OpenRouter's are inside the choice, as are Moonshot's counts.
    if (one.error) answer.fail(one.error)
    spend(answer, one.usage)
  }
  spend(answer, part.usage ?? part.x_groq?.usage)
}

export const chat: Wire = {
  path: /\/chat\/completions$|mistralai.*:(stream)?rawPredict$/i,
  read,
}

export const completions: Wire = {
  operation: 'text_completion',
  path: /\/completions$/,
  read,
}

export const embeddings: Wire = {
  operation: 'embeddings',
  path: /\/embeddings$/,
  read,
}
