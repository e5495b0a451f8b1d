/**
 * Where telemetry goes: a process of its own, that counts POSTs and spans by subject, the first part of the path. Bodies
 * are only kept while a measurement runs, and read when the counts are asked for.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'

export interface Count {
  posts: number
  spans: number
}

export interface Sink {
  /** Of one subject, without a slash at the end. */
  url(subject: string): string
  /** Since the last call, by subject. Spans are 0 where it does not read bodies. */
  counts(): Promise<Record<string, Count>>
  /** Whether bodies are read for the spans in them. */
  readBodies(read: boolean): Promise<void>
  /** Until nothing of that subject has come for 100 ms. */
  quiet(subject: string): Promise<void>
  stop(): void
}

interface Question {
  id: number
  ask: 'counts' | 'read' | 'leave' | 'quiet'
  subject?: string
}

interface Answer {
  id: number
  answer?: unknown
}

const QUIET_MS = 100

export async function startSink(): Promise<Sink> {
  const child: ChildProcess = fork(import.meta.filename, ['serve'], { serialization: 'advanced' })
  process.once('exit', () => child.kill('SIGKILL'))
  let stopped = false
  child.once('exit', () => {
    // Nobody would be answered any more.
    if (!stopped) throw new Error('the sink has ended')
  })
  const [port] = await once(child, 'message')
  let asked = 0
  const waiting = new Map<number, (answer: unknown) => void>()
  child.on('message', ({ id, answer }: Answer) => {
    waiting.get(id)?.(answer)
    waiting.delete(id)
  })
  const ask = <T>(question: Question['ask'], subject?: string): Promise<T> => {
    const id = ++asked
    child.send({ id, ask: question, subject } satisfies Question)
    return new Promise((resolve) => waiting.set(id, resolve as (answer: unknown) => void))
  }
  return {
    url: (subject) => `http://127.0.0.1:${port}/${subject}`,
    counts: () => ask('counts'),
    readBodies: (read) => ask(read ? 'read' : 'leave'),
    quiet: (subject) => ask('quiet', subject),
    stop() {
      stopped = true
      child.kill('SIGKILL')
    },
  }
}

/** OTLP's spans, or those of a Sentry envelope: lines of JSON, an item's header before each item. */
function spansIn(body: Buffer, zipped: boolean): number {
  const text = (zipped ? gunzipSync(body) : body).toString()
  if (!text.includes('\n')) {
    const { resourceSpans = [] } = JSON.parse(text) as { resourceSpans?: { scopeSpans: { spans: unknown[] }[] }[] }
    return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)).length
  }
  let spans = 0
  let type = ''
  for (const line of text.split('\n').slice(1)) {
    if (!line) continue
    const item = JSON.parse(line)
    if (type === 'transaction') spans += 1 + (item.spans?.length ?? 0)
    else if (type === 'span') spans += item.items?.length ?? 1
    type = type ? '' : item.type
  }
  return spans
}

function serve(): void {
  let counted: Record<string, Count> = {}
  let bodies: [subject: string, body: Buffer, zipped: boolean][] = []
  let read = false
  const last = new Map<string, number>()
  const countOf = (subject: string): Count => {
    counted[subject] ??= { posts: 0, spans: 0 }
    return counted[subject]
  }
  const take = async (request: IncomingMessage): Promise<void> => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    const subject = request.url?.split('/')[1] ?? ''
    last.set(subject, performance.now())
    countOf(subject).posts++
    if (read) bodies.push([subject, Buffer.concat(parts), request.headers['content-encoding'] === 'gzip'])
  }
  const server = createServer((request, response) => {
    take(request).then(
      () => response.setHeader('content-type', 'application/json').end('{}'),
      () => response.destroy(),
    )
  })
  // A connection that is closed between two rounds costs the next one its opening.
  server.keepAliveTimeout = 600_000
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
  process.on('disconnect', () => process.exit())
  const quiet = async (subject: string): Promise<void> => {
    const from = performance.now()
    for (;;) {
      const left = QUIET_MS - (performance.now() - Math.max(last.get(subject) ?? 0, from))
      if (left <= 0) return
      await new Promise((resolve) => setTimeout(resolve, left))
    }
  }
  const counts = (): Record<string, Count> => {
    for (const [subject, body, zipped] of bodies) countOf(subject).spans += spansIn(body, zipped)
    const answer = counted
    counted = {}
    bodies = []
    return answer
  }
  process.on('message', async ({ id, ask, subject = '' }: Question) => {
    let answer: unknown
    if (ask === 'quiet') await quiet(subject)
    else answer = counts()
    if (ask === 'read' || ask === 'leave') read = ask === 'read'
    process.send?.({ id, answer } satisfies Answer)
  })
}

if (process.argv[1] === import.meta.filename) serve()
