/** Gemini, of AI Studio and of Vertex: its content, and its embeddings. */
import { type Answer, type Json, list, match, sum, type Wire } from './wire.ts'

/** A stream that is not asked for as events is one list. */
function read(given: Json, answer: Answer): void {
  for (const part of list([given].flat())) readOne(part, answer)
}

function readOne(part: Json, answer: Answer): void {
  const { error, promptFeedback, usageMetadata } = part
  if (error) answer.fail(error)
  answer.name({ id: part.responseId, model: part.modelVersion })
  for (const { index, content, finishReason } of list(part.candidates)) {
    const choice = answer.choice(index)
    answer.finish(choice, finishReason)
    for (const { text, thought, functionCall } of list(content?.parts)) {
      if (!thought) answer.say(choice, text)
      if (functionCall) {
        answer.call(choice, choice.calls.length, functionCall, true)
      }
    }
  }
  const { blockReason, blockReasonMessage: message } = Object(promptFeedback)
  if (blockReason) {
    answer.fail(message ?? '', blockReason)
    answer.finish(answer.choice(), blockReason)
  }
  const usage = Object(usageMetadata)
  // Some say it in an earlier event alone.
  const { thoughtsTokenCount: thoughts = usage.candidatesTokenCount && answer.usage.reasoning } = usage
  answer.count({
    prompt: sum(usage.promptTokenCount, usage.toolUsePromptTokenCount),
    completion: sum(usage.candidatesTokenCount, thoughts),
    total: usage.totalTokenCount,
    cache_read: usage.cachedContentTokenCount,
    reasoning: thoughts,
  })
  count(usage.promptTokensDetails, 'input')
  count(usage.candidatesTokensDetails, 'output')

  function count(details: unknown, side: string): void {
    for (const { modality, tokenCount } of list(details)) {
      if (match(/^(TEXT|IMAGE|AUDIO)$/, modality)) answer.count({ [`${modality.toLowerCase()}.${side}`]: tokenCount })
    }
  }
}

export const gemini: Wire = {
  operation: 'generate_content',
  path: /:(stream)?generateContent$/i,
  provider: 'gcp.gemini',
  read,
}

export const geminiEmbeddings: Wire = {
  operation: 'embeddings',
  path: /:(batch)?embedContents?$/i,
  provider: 'gcp.gemini',
  read,
}
