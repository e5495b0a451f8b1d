/**
 * An OpenAI-compatible model that follows one rule, so that the example runs without a key: it asks for the weather in
 * the city that was named last, and says what the tool has told it. Where no city was named it asks the page for one.
 */
import { createServer, type Server } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

interface Message {
  role: string
  content: string | null
}

/** `chunkMs`: how long it thinks about each part of an answer. */
export function createModelServer(chunkMs: number = 30): Server {
  return createServer(async (request, response) => {
    let body = ''
    for await (const part of request) body += part
    const { model, messages } = JSON.parse(body) as { model: string; messages: Message[] }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const send = async (more: object): Promise<void> => {
      await sleep(chunkMs)
      const chunk = { id: `chatcmpl-${messages.length}`, object: 'chat.completion.chunk', created: 1, model, ...more }
      response.write(`data: ${JSON.stringify(chunk)}\n\n`)
    }
    const say = (delta: object, finish_reason: string | null = null): Promise<void> =>
      send({ choices: [{ index: 0, delta, finish_reason }] })
    const { text, call } = reply(messages)
    if (call) {
      const tool_calls = [{ index: 0, id: `call_${messages.length}`, type: 'function', function: call }]
      await say({ role: 'assistant', tool_calls })
    }
    for (const word of text?.split(/(?<= )/) ?? []) await say({ content: word })
    await say({}, call ? 'tool_calls' : 'stop')
    const [prompt_tokens, completion_tokens] = call ? [20, 5] : [40, 8]
    const usage = { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens }
    await send({ choices: [], usage })
    response.end('data: [DONE]\n\n')
  })
}

function reply(messages: Message[]): { text?: string; call?: { name: string; arguments: string } } {
  const { role, content } = messages.at(-1) ?? { role: 'user', content: '' }
  if (role === 'tool' && content?.startsWith('sunny')) return { text: `It is ${content}.` }
  const city = content?.match(/[A-Z]\w+(?=\W*$)/)?.[0]
  if (!city) return { call: { name: 'get_city', arguments: '{}' } }
  return { call: { name: 'get_weather', arguments: JSON.stringify({ city }) } }
}

if (import.meta.main) {
  createModelServer().listen(8790, '127.0.0.1', () => console.log('model http://127.0.0.1:8790/v1'))
}
