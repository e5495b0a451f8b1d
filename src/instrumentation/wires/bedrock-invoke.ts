/** Bedrock's InvokeModel with Nova, Llama, Titan and Mistral. Claude is read as Anthropic's. */
import { bedrock } from './bedrock.ts'
import { chat } from './openai.ts'
import { askedOf, list, type Wire } from './wire.ts'

/** To be passed: `llmCalls({ wires: [bedrockInvoke] })`. */
export const bedrockInvoke: Wire = {
  path: /\/model\/[^/]+\/invoke(-with-response-stream)?$/,
  provider: 'aws.bedrock',
  ask: ({ inputText, textGenerationConfig, prompt = inputText, inferenceConfig = textGenerationConfig, ...body }) =>
    askedOf({ ...body, prompt, inferenceConfig }),
  read(part, answer) {
    // Nova's events are inside a field that names them.
    const { messageStart, contentBlockStart, contentBlockDelta, messageStop, metadata } = part
    const inner = messageStart ?? contentBlockStart ?? contentBlockDelta ?? messageStop ?? metadata
    bedrock.read(Object(inner ?? part), answer)
    if (part.choices) chat.read(part, answer)
    const choice = answer.choice()
    // Llama's, Titan's whole and in a stream, Mistral's.
    answer.say(choice, part.generation ?? part.outputText)
    answer.finish(choice, part.stop_reason ?? part.completionReason)
    answer.count({
      prompt: part.prompt_token_count ?? part.inputTextTokenCount,
      completion: part.generation_token_count ?? part.totalOutputTextTokenCount,
    })
    for (const { outputText, tokenCount, completionReason } of list(part.results)) {
      answer.say(choice, outputText)
      answer.finish(choice, completionReason)
      answer.count({ completion: tokenCount })
    }
    for (const { text, stop_reason } of list(part.outputs)) {
      answer.say(choice, text)
      answer.finish(choice, stop_reason)
    }
    const { inputTokenCount: prompt, outputTokenCount: completion } = Object(part['amazon-bedrock-invocationMetrics'])
    answer.count({ prompt, completion })
  },
}
