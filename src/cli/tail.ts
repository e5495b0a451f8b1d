/** `tail`: each session of the local backend as it ends. */
import { createParser } from 'eventsource-parser'
import { ask, sessionOf, textOfSession } from './show.ts'
import { originOf, style, UsageError } from './terminal.ts'

export interface TailOptions {
  url: string
  state?: string
  tag?: string
  contents?: boolean
  json?: boolean
}

const RETRY_MS = 1000
/** What a session may have ended as. */
const STATES = ['success', 'fail', 'indeterminate']

export async function tail(options: TailOptions): Promise<void> {
  const { state, json } = options
  const url = originOf('--url', options.url)
  if (state !== undefined && !STATES.includes(state.toLowerCase())) {
    throw new UsageError(`--state: expected Success, Fail or Indeterminate, got ${state}`)
  }
  let response = await ask(url, '/live', /event-stream/)
  if (!json) console.log(style(`waiting for sessions at ${url}; Ctrl-C ends`, 'dim'))
  for (;;) {
    await follow(response, { ...options, url })
    if (!json) console.log(style('not connected; trying again', 'dim'))
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      const again = await ask(url, '/live', /event-stream/).catch(() => undefined)
      if (!again) continue
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
  if (state && session.state.toLowerCase() !== state.toLowerCase()) return
  if (tag !== undefined && !session.tags.includes(tag)) return
  console.log(json ? JSON.stringify(session) : `\n${textOfSession(found, !!contents)}`)
}
