/** What the agent can do: fetch a page, look orders up, calculate. Each call is recorded with its input and output. */
import { tool } from 'agentops-edge'
import { calculate } from './calculate.ts'

export interface ToolEnv {
  /** The only site whose pages are fetched. */
  SITE_URL: string
  ORDERS: KVNamespace
}

export interface Order {
  product: string
  quantity: number
}

/** The site is there, the page is not yet: trying again may help. */
export class PageUnavailable extends Error {
  override name = 'PageUnavailable'
}

type Input = Record<string, unknown>

const ORDERS: Record<string, Order[]> = {
  ada: [
    { product: 'notebook', quantity: 3 },
    { product: 'pencil', quantity: 12 },
  ],
  grace: [
    { product: 'stapler', quantity: 2 },
    { product: 'notebook', quantity: 5 },
  ],
}

/** As the model is told about them. */
export const TOOLS: readonly object[] = [
  describe('fetch_page', 'The text of a page of the shop. /prices has the price list.', 'path'),
  describe('query_orders', "A customer's open orders.", 'customer'),
  describe('calculate', 'The value of an expression of numbers, + - * / and parentheses.', 'expression'),
]

/** Rejects where there is no such tool, the input is wrong, or the tool fails. */
export function useTool(env: ToolEnv, name: string, input: Input, conversation: string): Promise<unknown> {
  return tool(name, input, async () => {
    switch (name) {
      case 'fetch_page':
        return fetchPage(env, text(input, 'path'), conversation)
      case 'query_orders':
        return queryOrders(env, text(input, 'customer'))
      case 'calculate':
        return calculate(text(input, 'expression'))
      default:
        throw new Error(`there is no tool ${name}`)
    }
  })
}

async function fetchPage({ SITE_URL }: ToolEnv, path: string, conversation: string): Promise<string> {
  const url = new URL(path, SITE_URL)
  if (url.origin !== new URL(SITE_URL).origin) throw new Error(`expected a path of ${SITE_URL}, got ${path}`)
  const response = await fetch(url, { headers: { 'x-conversation': conversation } })
  if (response.status >= 500) throw new PageUnavailable(`${url} answered ${response.status}`)
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  const html = await response.text()
  return html
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
}

async function queryOrders({ ORDERS: kv }: ToolEnv, customer: string): Promise<Order[]> {
  const key = customer.toLowerCase()
  const stored = await kv.get<Order[]>(key, 'json')
  if (stored) return stored
  // A new namespace is empty: the example brings its own orders.
  const orders = ORDERS[key] ?? []
  await kv.put(key, JSON.stringify(orders))
  return orders
}

function text(input: Input, name: string): string {
  const value = input?.[name]
  if (typeof value !== 'string' || !value) throw new TypeError(`expected ${name}, a text`)
  return value
}

/** All tools take one text. */
function describe(name: string, description: string, parameter: string): object {
  const parameters = { type: 'object', properties: { [parameter]: { type: 'string' } }, required: [parameter] }
  return { type: 'function', function: { name, description, parameters } }
}
