/** The sweep's backend, its runs, and all that left of them: what a secret may be found in, and the spans that arrived. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { FOREIGN, plantsOf } from '../fixtures/foreign-spans.ts'
import { type Kept, MANY, MISTAKES, type Mistakes, OURS, PLACES, type Way } from '../fixtures/sweep-plan.ts'
import { startModels } from './models.ts'
import { type DecodedSpan, decodeContent, decodeOtlp } from './otlp-decoder.ts'
import { secretFinder, secretKey, secretText } from './secrets.ts'

/** All that is planted. */
const secretsIn = secretFinder([
  ...PLACES,
  ...OURS,
  ...MISTAKES,
  ...Array.from({ length: MANY }, (_, n) => `call ${n}`),
  ...FOREIGN.flatMap(plantsOf),
])

interface Received {
  path: string
  headers: IncomingHttpHeaders
  wire: Buffer
}

export interface SweepBackend {
  /** Without a slash at the end. */
  url: string
  received: Received[]
  close(): Promise<void>
}

/** Gives a token, quotes in each answer what it was authorised with, and takes nothing at `/spool`. */
export async function startSweepBackend(): Promise<SweepBackend> {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    const { url = '', headers } = request
    received.push({ path: url, headers, wire: Buffer.concat(parts) })
    const quoted = JSON.stringify(headers)
    response.setHeader('content-type', 'application/json')
    if (url.endsWith('/v3/auth/token')) response.end(JSON.stringify({ token: secretKey('our token') }))
    else if (url.startsWith('/spool')) response.writeHead(503).end(JSON.stringify({ message: quoted }))
    else if (headers['content-type'] !== 'application/json') response.end()
    else response.end(JSON.stringify({ partialSuccess: { rejectedSpans: 1, errorMessage: `1 of ${quoted}` } }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Models whose answers hold secrets; an error quotes the request. */
export function startSweepModels(): ReturnType<typeof startModels> {
  const quoted = (asked: string): string => secretText(/call \d+/.exec(asked)?.[0] ?? 'provider error')
  return startModels(quoted, { said: secretText('answer'), city: secretText('argument') })
}

export interface Run {
  task: string
  /** Of the models' server. */
  mode: string
  /** The client's error is the handler's. */
  throws?: boolean
  /** The user's own. Such a session is lost. */
  mistakes?: Mistakes
}

const ai = ['ai', 'ai-own'].flatMap((path) => [
  ...['tools', 'error'].map((mode) => ({ task: `${path}/generate`, mode })),
  ...['json', 'tools', 'error', 'midstream'].map((mode) => ({ task: `${path}/stream`, mode })),
  { task: `${path}/object`, mode: 'json' },
  { task: `${path}/embed`, mode: 'json' },
  { task: `${path}/embed`, mode: 'error' },
])
const told = [
  ...['tools', 'error'].map((mode) => ({ task: 'ai-told/generate', mode })),
  ...['tools', 'midstream'].map((mode) => ({ task: 'ai-told/stream', mode })),
  { task: 'ai-told/embed', mode: 'json' },
]
const thrown = [
  'openai/chat',
  'anthropic/message',
  'google/content',
  'ai/generate',
  'ai-own/generate',
  'ai-told/generate',
  'mcp/client',
]
export const RUNS: readonly Run[] = [
  ...['json', 'tools', 'error', 'gateway'].map((mode) => ({ task: 'openai/chat', mode })),
  ...['json', 'tools', 'midstream', 'error'].map((mode) => ({ task: 'openai/stream', mode })),
  ...['responses', 'responses-stream', 'embeddings'].flatMap((task) =>
    ['json', 'error'].map((mode) => ({ task: `openai/${task}`, mode })),
  ),
  ...['newline', 'raw-newline'].map((task) => ({ task: `openai/${task}`, mode: 'json' })),
  ...['raw', 'request', 'many'].map((task) => ({ task: `openai/${task}`, mode: 'error' })),
  { task: 'openai/word', mode: 'word' },
  ...['message', 'content'].flatMap((task) =>
    ['json', 'tools', 'error'].map((mode) => ({ task: `anthropic/${task}`, mode })),
  ),
  ...['stream', 'content-stream'].flatMap((task) =>
    ['tools', 'midstream'].map((mode) => ({ task: `anthropic/${task}`, mode })),
  ),
  { task: 'anthropic/runner', mode: 'tools' },
  ...['tools', 'error'].map((mode) => ({ task: 'google/content', mode })),
  ...['json', 'error'].map((mode) => ({ task: 'google/stream', mode })),
  ...ai,
  ...told,
  { task: 'ai/decide', mode: 'json' },
  ...['tools', 'error'].map((mode) => ({ task: 'bedrock/chat', mode })),
  { task: 'bedrock/stream', mode: 'tools' },
  ...['rest', 'binding', 'binding-stream', 'binding-throws'].map((task) => ({ task: `workers/${task}`, mode: 'json' })),
  ...['json', 'stream', 'error', 'refused'].map((mode) => ({ task: 'mcp/raw', mode })),
  ...['stream', 'error', 'refused'].map((mode) => ({ task: 'mcp/client', mode })),
  ...['stream', 'refused', 'credentials', 'nobody'].map((task) => ({ task: `fetch/${task}`, mode: 'json' })),
  ...thrown.map((task) => ({ task, mode: task.startsWith('mcp') ? 'refused' : 'error', throws: true })),
  ...['openai/newline', 'workers/binding-throws', 'fetch/credentials', 'fetch/nobody'].map((task) => {
    return { task, mode: 'json', throws: true }
  }),
  { task: 'user/tool', mode: 'error', throws: true },
  { task: 'own-keys', mode: 'json', throws: true },
  { task: 'user/inside', mode: 'error' },
  { task: 'user/inside', mode: 'json' },
  ...['foreign', 'own', 'own-root'].map((task) => ({ task, mode: 'json' })),
  ...(['callbacks', 'stores'] as const).map((mistakes) => ({ task: 'openai/chat', mode: 'json', mistakes })),
]

/** The name of its session. */
export function nameOf({ task, mode, throws, mistakes }: Run): string {
  return `${task} (${mode}${throws ? ', thrown' : ''}${mistakes ? `, mistaken ${mistakes}` : ''})`
}

/** How many sessions arrive. */
export const ARRIVING: number = RUNS.filter(({ mistakes }) => !mistakes).length

export interface Left {
  /** Everything that left but the spans: where it was seen, and what. */
  texts: (readonly [where: string, text: string])[]
  spans: DecodedSpan[]
}

/** What a backend was sent on this way, and what was kept beside. */
export function leftOf(way: Way, received: readonly Received[], { batches, reports, lines }: Kept): Left {
  const texts: Left['texts'] = []
  const spans: DecodedSpan[] = []
  for (const { path, headers, wire } of received) {
    if (!path.startsWith(`/${way}/`) && !path.endsWith('/v3/auth/token')) continue
    // Those are where the key, the token and the configured header belong.
    const { authorization, 'x-team': _, ...others } = headers
    texts.push([`the head of a request to ${path}`, `${path} ${JSON.stringify(others)}`])
    if (path.endsWith('/v3/auth/token')) continue
    texts.push(['a body', Buffer.from(decodeContent(wire, headers)).toString('latin1')])
    if (path.endsWith('/v1/traces')) spans.push(...decodeOtlp(wire, headers))
  }
  for (const { body, ...batch } of way === 'spool' ? batches : []) {
    const wire = Buffer.from(body, 'base64')
    texts.push(['the head of a spooled batch', JSON.stringify(batch)])
    texts.push(['a body', Buffer.from(decodeContent(wire, batch.headers)).toString('latin1')])
    spans.push(...decodeOtlp(wire, batch.headers))
  }
  for (const report of reports) texts.push(['a report', JSON.stringify(report)])
  for (const line of lines) texts.push(['a log line', line])
  return { texts, spans }
}

/** Where a secret is seen, each as `<session>: <scope> <span> <attribute>: <label>`, sorted. */
export function leaksOf({ texts, spans }: Left): string[] {
  const sessions = sessionsOf(spans)
  const found = new Set<string>()
  const seen = new Set<string>()
  for (const span of spans) {
    const session = sessions.get(span.traceId) ?? 'no session'
    for (const [where, value] of textsOf(span)) {
      for (const label of secretsIn(typeof value === 'string' ? value : JSON.stringify(value))) {
        seen.add(label)
        found.add(`${session}: [${span.scope.name}] ${span.name}, ${where}: ${label.replace(/\d+/, '…')}`)
      }
    }
  }
  for (const [where, text] of texts) {
    for (const label of secretsIn(text)) {
      // A body's own are named by their spans.
      if (where === 'a body' && seen.has(label)) continue
      found.add(`${where}: ${label}${where === 'a log line' ? ` in ${text.slice(0, 200)}` : ''}`)
    }
  }
  return [...found].sort()
}

/** The name of each session by its trace. */
export function sessionsOf(spans: readonly DecodedSpan[]): Map<string, string> {
  const roots = spans.filter(({ attributes }) => attributes['agentops.span.kind'] === 'session')
  return new Map(roots.map(({ traceId, name }) => [traceId, name.replace(/\.session$/, '')]))
}

function textsOf({ name, status, attributes, events, links, resource, scope }: DecodedSpan): [string, unknown][] {
  return [
    ['its name', name],
    ['status', status.message],
    ['scope', scope],
    ...Object.entries(attributes),
    ...Object.entries(resource),
    ...events.flatMap((event): [string, unknown][] => [
      ['event', event.name],
      ...Object.entries(event.attributes).map(([key, value]): [string, unknown] => [
        `event ${event.name} ${key}`,
        value,
      ]),
    ]),
    ...links.flatMap((link) =>
      Object.entries(link.attributes).map(([key, value]): [string, unknown] => [`link ${key}`, value]),
    ),
  ]
}
