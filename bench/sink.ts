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
  /** Until nothing has come for 100 ms. */
  quiet(): Promise<void>
  stop(): void
}

interface Question {
  ask: 'counts' | 'read' | 'leave' | 'quiet'
}

const QUIET_MS = 100

export async function startSink(): Promise<Sink> {
  const child: ChildProcess = fork(import.meta.filename, ['serve'], { serialization: 'advanced' })
  process.once('exit', () => child.kill('SIGKILL'))
  const [port] = await once(child, 'message')
  const ask = async <T>(question: Question['ask']): Promise<T> => {
    const answer = once(child, 'message')
    child.send({ ask: question })
    return (await answer)[0] as T
  }
  return {
    url: (subject) => `http://127.0.0.1:${port}/${subject}`,
    counts: () => ask('counts'),
    readBodies: (read) => ask(read ? 'read' : 'leave'),
    quiet: () => ask('quiet'),
    stop: () => void child.kill('SIGKILL'),
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
  let last = 0
  const countOf = (subject: string): Count => {
    counted[subject] ??= { posts: 0, spans: 0 }
    return counted[subject]
  }
  const take = async (request: IncomingMessage): Promise<void> => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    last = performance.now()
    const subject = request.url?.split('/')[1] ?? ''
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
  process.on('message', async ({ ask }: Question) => {
    if (ask === 'quiet') {
      const from = performance.now()
      for (;;) {
        const left = QUIET_MS - (performance.now() - Math.max(last, from))
        if (left <= 0) break
        await new Promise((resolve) => setTimeout(resolve, left))
      }
      process.send?.('quiet')
      return
    }
    if (ask === 'counts') {
      for (const [subject, body, zipped] of bodies) countOf(subject).spans += spansIn(body, zipped)
      process.send?.(counted)
    } else {
      read = ask === 'read'
      process.send?.('done')
    }
    counted = {}
    bodies = []
  })
}

if (process.argv[1] === import.meta.filename) serve()
