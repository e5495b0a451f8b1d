/** What agents of scenarios have at hand: the providers' own clients, whole or streamed as the run has it. */
import Anthropic from '@anthropic-ai/sdk'
import { GoogleGenAI } from '@google/genai'
import { tool } from 'agentops-edge'
import OpenAI from 'openai'

export interface Desk {
  /** Of the scenario's server. */
  base: string
  stream: boolean
}
/** What it resolves to is of no interest. */
export type Agent = (desk: Desk) => Promise<unknown>

type Message = OpenAI.ChatCompletionMessageParam
/** What tools do, by name. */
type Tools = Record<string, (args: never) => unknown>

export const openai = ({ base }: Desk): OpenAI => new OpenAI({ apiKey: 'key', baseURL: `${base}/v1` })
export const anthropic = ({ base }: Desk): Anthropic => new Anthropic({ apiKey: 'key', baseURL: base })
export const gemini = ({ base }: Desk): GoogleGenAI =>
  new GoogleGenAI({ apiKey: 'key', httpOptions: { baseUrl: base } })

type Tool = (args: Record<string, unknown>) => Promise<string>
/** Tools of a trip, as agents have them whose client runs them itself: that of the trains fails. */
export const TRIP: Record<string, Tool> = {
  async get_weather({ city }) {
    return `dry in ${city}`
  },
  async find_train() {
    throw new RangeError('the timetable is locked')
  },
  async book_table({ place }) {
    return `table 12, ${place}`
  },
}

/** For providers that have no field for a failure: the model is told in words. */
export const told =
  (run: Tool): Tool =>
  (args) =>
    run(args).catch((error) => `${error}`)

/** One call: what the model says. */
export async function ask(
  desk: Desk,
  messages: Message[],
  names: readonly string[] = [],
): Promise<OpenAI.ChatCompletionMessage> {
  const tools = names.map((name) => ({ type: 'function' as const, function: { name } }))
  const body = { model: 'gpt-4o-mini', messages, ...(tools.length > 0 && { tools }) }
  const { completions } = openai(desk).chat
  const { choices } = desk.stream
    ? await completions.stream({ ...body, stream_options: { include_usage: true } }).finalChatCompletion()
    : await completions.create(body)
  return choices[0]?.message as OpenAI.ChatCompletionMessage
}

/** Until the model asks for no more tools. The calls of one answer run side by side; one that fails is told to the model. */
export async function solve(desk: Desk, question: string, tools: Tools): Promise<string | null> {
  const messages: Message[] = [{ role: 'user', content: question }]
  for (;;) {
    const message = await ask(desk, messages, Object.keys(tools))
    messages.push(message)
    if (!message.tool_calls?.length) return message.content
    const calls = message.tool_calls.filter((call) => call.type === 'function')
    const results = calls.map(async ({ id, function: { name, arguments: json } }) => {
      const args = JSON.parse(json) as never
      const result = await tool(name, args, async () => tools[name]?.(args)).catch((error) => `${error}`)
      return { role: 'tool' as const, tool_call_id: id, content: JSON.stringify(result) }
    })
    messages.push(...(await Promise.all(results)))
  }
}

export async function askClaude(desk: Desk, content: string): Promise<Anthropic.Message> {
  const { messages } = anthropic(desk)
  const body = {
    model: 'claude-sonnet-4-5',
    max_tokens: 2000,
    thinking: { type: 'enabled' as const, budget_tokens: 1024 },
    system: [{ type: 'text' as const, text: 'Be short.', cache_control: { type: 'ephemeral' as const } }],
    messages: [{ role: 'user' as const, content }],
  }
  return desk.stream ? messages.stream(body).finalMessage() : messages.create(body)
}

export async function askGemini(desk: Desk, contents: string): Promise<unknown> {
  const { models } = gemini(desk)
  const body = { model: 'gemini-2.5-flash', contents }
  if (!desk.stream) return models.generateContent(body)
  const parts: unknown[] = []
  for await (const part of await models.generateContentStream(body)) parts.push(part)
  return parts
}
