/**
 * Stands in for the outside world, so that the example runs without a key and always says the same: an
 * OpenAI-compatible model that follows fixed rules, and the shop's site. Run by itself it listens on the ports that
 * wrangler.toml names.
 */
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'

export const MODEL_PORT: number = 8790
export const SITE_PORT: number = 8791

const CHUNK_DELAY_MS = 15
const CUSTOMERS = ['Ada', 'Grace']

interface Message {
  role: string
  content: string | null
  tool_calls?: { id: string; function: { name: string; arguments: string } }[]
  tool_call_id?: string
}

/** What the model says: a text, or the tools that it wants called. */
interface Reply {
  text?: string
  calls?: [name: string, input: Record<string, string>][]
}

/** `POST /v1/chat/completions`, streamed or not. A question with the word "outage" is answered with status 500. */
export function createModelServer(): Hono {
  const app = new Hono()
  app.post('/v1/chat/completions', async (c) => {
    const { model, messages, stream, stream_options } = await c.req.json()
    if (!Array.isArray(messages)) return c.json({ error: { message: 'messages is missing' } }, 400)
    if (/\boutage\b/i.test(questionOf(messages))) return c.json({ error: { message: 'the model is overloaded' } }, 500)

    const { text = '', calls = [] } = reply(messages)
    const turn = messages.filter(({ role }) => role === 'assistant').length
    const tool_calls = calls.map(([name, input], index) => ({
      id: `call_${turn}_${index}`,
      type: 'function',
      function: { name, arguments: JSON.stringify(input) },
    }))
    const finish_reason = calls.length > 0 ? 'tool_calls' : 'stop'
    const usage = usageOf(JSON.stringify(messages), text + JSON.stringify(calls))
    const common = { id: `chatcmpl-${turn}`, created: Math.floor(Date.now() / 1000), model }

    if (!stream) {
      const message = { role: 'assistant', content: text || null, ...(calls.length > 0 && { tool_calls }) }
      return c.json({ ...common, object: 'chat.completion', choices: [{ index: 0, message, finish_reason }], usage })
    }
    return streamSSE(c, async (sse) => {
      const send = async (chunk: object): Promise<void> => {
        await sse.sleep(CHUNK_DELAY_MS)
        await sse.writeSSE({ data: JSON.stringify({ ...common, object: 'chat.completion.chunk', ...chunk }) })
      }
      const delta = (delta: object, finish: string | null = null): Promise<void> =>
        send({ choices: [{ index: 0, delta, finish_reason: finish }] })

      await delta({ role: 'assistant', content: text ? '' : null })
      for (const [index, call] of tool_calls.entries()) {
        const { name, arguments: input } = call.function
        await delta({ tool_calls: [{ index, ...call, function: { name, arguments: '' } }] })
        for (const part of input.match(/.{1,12}/gs) ?? []) {
          await delta({ tool_calls: [{ index, function: { arguments: part } }] })
        }
      }
      for (const word of text.match(/\s*\S+\s*?/g) ?? []) await delta({ content: word })
      await delta({}, finish_reason)
      if (stream_options?.include_usage) await send({ choices: [], usage })
      await sse.writeSSE({ data: '[DONE]' })
    })
  })
  return app
}

/** `GET /prices`: the price list. Each conversation (header `x-conversation`) is sent away once with status 503. */
export function createSiteServer(): Hono {
  const app = new Hono()
  const seen = new Set<string>()
  app.get('/prices', (c) => {
    const conversation = c.req.header('x-conversation')
    if (conversation && !seen.has(conversation)) {
      seen.add(conversation)
      return c.text('The price list is being updated, please try again.\n', 503)
    }
    const prices = { notebook: '4.50', pencil: '0.80', stapler: '11.25' }
    const rows = Object.entries(prices).map(([product, price]) => `<tr><td>${product}</td><td>${price}</td></tr>`)
    return c.html(`<!doctype html>
<title>Prices</title>
<h1>Today's prices in EUR</h1>
<table>
${rows.join('\n')}
</table>
`)
  })
  return app
}

/** The rules: look things up, then calculate, then answer. */
function reply(messages: Message[]): Reply {
  const customer = CUSTOMERS.find((name) => questionOf(messages).toLowerCase().includes(name.toLowerCase()))
  if (!customer) return { text: `I know the orders of ${CUSTOMERS.join(' and ')}: whose orders do you mean?` }

  const page = resultOf(messages, 'fetch_page')
  const orders = resultOf(messages, 'query_orders')
  if (page === undefined || orders === undefined) {
    return {
      calls: [
        ['fetch_page', { path: '/prices' }],
        ['query_orders', { customer }],
      ],
    }
  }
  if (typeof page !== 'string' || !Array.isArray(orders)) return { text: 'I cannot look the prices or orders up now.' }

  const prices = new Map([...page.matchAll(/([a-z]+) (\d+\.\d\d)/g)].map(([, product, price]) => [product, price]))
  const lines = (orders as { product: string; quantity: number }[]).map(({ product, quantity }) => ({
    item: `${quantity} × ${product} at ${prices.get(product)}`,
    sum: `${quantity} * ${prices.get(product)}`,
  }))
  const total = resultOf(messages, 'calculate')
  if (total === undefined) return { calls: [['calculate', { expression: lines.map(({ sum }) => sum).join(' + ') }]] }
  if (typeof total !== 'number') return { text: 'I cannot calculate the sum now.' }
  const items = lines.map(({ item }) => item).join(' and ')
  return { text: `${customer}'s orders cost ${total.toFixed(2)} EUR at today's prices: ${items}.` }
}

function questionOf(messages: Message[]): string {
  return String(messages.findLast(({ role }) => role === 'user')?.content ?? '')
}

/** What the tool of that name returned; undefined where it has not been called. */
function resultOf(messages: Message[], name: string): unknown {
  const calls = messages.flatMap(({ tool_calls = [] }) => tool_calls)
  const id = calls.findLast((call) => call.function.name === name)?.id
  const result = messages.find(({ tool_call_id }) => id !== undefined && tool_call_id === id)
  return result && JSON.parse(result.content ?? 'null')
}

/** About four characters to a token. */
function usageOf(prompt: string, completion: string): object {
  const [prompt_tokens, completion_tokens] = [prompt, completion].map((text) => Math.ceil(text.length / 4)) as [
    number,
    number,
  ]
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens }
}

if (import.meta.main) {
  serve({ fetch: createModelServer().fetch, port: MODEL_PORT, hostname: '127.0.0.1' })
  serve({ fetch: createSiteServer().fetch, port: SITE_PORT, hostname: '127.0.0.1' })
  console.log(`model http://127.0.0.1:${MODEL_PORT}/v1\nsite  http://127.0.0.1:${SITE_PORT}/prices`)
}
