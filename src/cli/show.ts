/** `show`: one session of the local backend, as text. */

import { toCollected } from '../collector/collected.ts'
import { contentsOf, errorOf } from '../collector/conventions.ts'
import {
  type CollectedSession,
  type CollectedSpan,
  type RawSpan,
  renderWaterfall,
  type SessionRow,
} from '../collector/index.ts'
import { type ChatMessage, inputMessages, outputMessages, textOf } from '../collector/messages.ts'
import { clean, STATE_STYLES, style, UserError } from './terminal.ts'

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

export async function show(trace: string, { url, contents, json }: ShowOptions): Promise<void> {
  const found = await sessionOf(`${url}`, `${trace}`)
  if (!found) throw new UserError(`${clean(`${trace}`)}: no such session at ${url}`)
  console.log(json ? JSON.stringify(found) : textOfSession(found, !!contents))
}

/** Undefined where the backend does not have it. */
export async function sessionOf(url: string, trace: string): Promise<Answer | undefined> {
  const response = await ask(`${url}/api/traces/${encodeURIComponent(trace)}`)
  if (response.status === 404) return undefined
  if (!response.ok) throw new UserError(`${url} answered ${response.status}: is that agentops-edge dev?`)
  return (await response.json()) as Answer
}

export async function ask(url: string, init?: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch {
    const at = URL.canParse(url) ? new URL(url).origin : url
    throw new UserError(`${at}: nobody answers. Start it with: npx agentops-edge dev`)
  }
}

export function textOfSession({ session, spans }: Answer, hasContents: boolean): string {
  const collected: CollectedSession = toCollected(session.sessionId, session.traceId, spans)
  const [headline = '', ...lines] = renderWaterfall(collected).split('\n')
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
