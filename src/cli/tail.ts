/** `tail`: each session of the local backend as it ends. */
import { createParser } from 'eventsource-parser'
import { ask, sessionOf, textOfSession } from './show.ts'
import { style, UserError } from './terminal.ts'

export interface TailOptions {
  url: string
  state?: string
  tag?: string
  contents?: boolean
  json?: boolean
}

const RETRY_MS = 1000

export async function tail(options: TailOptions): Promise<void> {
  const { url, json } = options
  let response = await ask(`${url}/live`)
  if (!response.ok || !/event-stream/.test(response.headers.get('content-type') ?? '')) {
    throw new UserError(`${url} answered ${response.status}: is that agentops-edge dev?`)
  }
  if (!json) console.log(style(`waiting for sessions at ${url}; Ctrl-C ends`, 'dim'))
  for (;;) {
    await follow(response, options)
    if (!json) console.log(style('not connected; trying again', 'dim'))
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      const again = await fetch(`${url}/live`).catch(() => undefined)
      if (!again?.ok) continue
      response = again
      break
    }
  }
}

async function follow(response: Response, options: TailOptions): Promise<void> {
  const ended: string[] = []
  const parser = createParser({
    onEvent: ({ event, data }) => {
      if (event === 'stored') ended.push(...(JSON.parse(data) as { ended: string[] }).ended)
    },
  })
  const text = new TextDecoder()
  try {
    for await (const chunk of response.body ?? []) {
      parser.feed(text.decode(chunk as Uint8Array, { stream: true }))
      for (const trace of ended.splice(0)) await print(trace, options)
    }
  } catch {
    // The backend was stopped.
  }
}

async function print(trace: string, { url, state, tag, contents, json }: TailOptions): Promise<void> {
  const found = await sessionOf(url, trace)
  if (!found) return
  const { session } = found
  if (state && session.state.toLowerCase() !== `${state}`.toLowerCase()) return
  if (tag !== undefined && !session.tags.includes(`${tag}`)) return
  console.log(json ? JSON.stringify(session) : `\n${textOfSession(found, !!contents)}`)
}
