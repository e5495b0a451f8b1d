/** `show`: one session of the local backend, as text. */

import { toCollected } from '../collector/collected.ts'
import { contentsOf, errorOf } from '../collector/conventions.ts'
import type { CollectedSession, CollectedSpan, RawSpan, SessionRow } from '../collector/index.ts'
import { type ChatMessage, inputMessages, outputMessages, textOf } from '../collector/messages.ts'
import { waterfallOf } from '../collector/waterfall.ts'
import { clean, originOf, STATE_STYLES, style, UserError } from './terminal.ts'

export interface ShowOptions {
  url: string
  contents?: boolean
  json?: boolean
}

interface Answer {
  session: SessionRow
  spans: RawSpan[]
}

const MAX_CONTENT = 2000

export async function show(trace: string, options: ShowOptions): Promise<void> {
  const { contents, json } = options
  // What is at hand is often the page's address, as `session.url` has it.
  const id = /^https?:.*?([0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/i.exec(trace)?.[1] ?? trace
  const url = originOf('--url', options.url)
  const found = await sessionOf(url, id)
  if (!found) throw new UserError(`${clean(id)}: no such session at ${url}`)
  console.log(json ? JSON.stringify(found) : textOfSession(found, !!contents))
}

/** Undefined where the backend does not have it. */
export async function sessionOf(url: string, trace: string): Promise<Answer | undefined> {
  const response = await ask(url, `/api/traces/${encodeURIComponent(trace)}`, /json/)
  return response.ok ? ((await response.json()) as Answer) : undefined
}

/** An answer of this `type`: 200 or 404. Whoever else listens there gives another. */
export async function ask(url: string, path: string, type: RegExp): Promise<Response> {
  let response: Response
  try {
    response = await fetch(url + path)
  } catch {
    throw new UserError(`${url}: nobody answers. Start it with: npx agentops-edge dev, or name it with --url`)
  }
  const { status, headers } = response
  if ((status === 200 || status === 404) && type.test(headers.get('content-type') ?? '')) return response
  await response.body?.cancel()
  throw new UserError(`${url} answered ${status}: is that agentops-edge dev? Name it with --url`)
}

export function textOfSession({ session, spans }: Answer, hasContents: boolean): string {
  const collected: CollectedSession = toCollected(session.sessionId, session.traceId, spans)
  const [headline = '', ...lines] = waterfallOf(collected, session.state).split('\n')
  const colour = STATE_STYLES[session.state] ?? 'dim'
  const text = [
    style(headline, 'bold', colour),
    ...lines.map((line) => (line.includes('✗') ? style(line, 'red') : line)),
  ]
  if (hasContents) for (const span of collected.spans) text.push(...contentLines(span))
  return text.join('\n')
}

function contentLines(span: CollectedSpan): string[] {
  const { input, output } = contentsOf(span)
  const said = [...inputMessages(span.attributes).map(line), ...outputMessages(span.attributes).map(line)]
  const lines = said.length
    ? said
    : [input !== undefined && `in: ${textOf(input)}`, output !== undefined && `out: ${textOf(output)}`]
  if (span.status.code === 2) lines.push(`error: ${errorOf(span)}`)
  const shown = lines.filter((text): text is string => !!text)
  return shown.length
    ? ['', style(`  ${clean(span.name)}`, 'bold'), ...shown.flatMap((text) => indented(clean(text, true)))]
    : []
}

function line({ role, parts }: ChatMessage): string {
  const said = parts.map((part) => {
    if (part.kind === 'call') return `→ ${part.name}(${textOf(part.value)})`
    return 'text' in part ? part.text : textOf(part.value)
  })
  return `${role}: ${said.join('\n')}`
}

function indented(text: string): string[] {
  const short = text.length > MAX_CONTENT ? `${text.slice(0, MAX_CONTENT)}…` : text
  return short.split('\n').map((part) => `    ${part}`)
}
