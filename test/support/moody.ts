/** A backend of traces and metrics that changes its mood, on one port: what comes while it is `up` is kept. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { decodeContent, decodeOtlp } from './otlp-decoder.ts'

interface Metric {
  name: string
  sum: { dataPoints: { asDouble?: number; asInt?: number | string }[] }
}

export class MoodyBackend {
  /** `hang`: takes requests, and never answers. `refuse`: 503, with `retryAfter` if there is one. */
  mood: 'up' | 'hang' | 'refuse' = 'up'
  retryAfter: string | undefined
  /** Before an answer, milliseconds. */
  delayMs = 0
  /** Spans that it took, as `<trace id> <span id>`: each copy. */
  readonly spans: string[] = []
  readonly names: string[] = []
  /** Requests, in any mood, by path. */
  readonly paths: string[] = []
  /** Bodies of metrics that it took. */
  readonly metrics: string[] = []
  /** How their bodies were encoded. */
  readonly encodings: (string | undefined)[] = []
  readonly #sockets = new Set<Socket>()
  readonly #dead = new Set<Socket>()
  readonly #server: Server = createServer((request, response) => {
    void this.#take(request).then((isTaken) => {
      if (isTaken === undefined) return
      const headers = this.retryAfter && !isTaken ? { 'retry-after': this.retryAfter } : undefined
      setTimeout(() => response.writeHead(isTaken ? 200 : 503, headers).end('{}'), this.delayMs)
    })
  })
  #port = 0

  constructor() {
    // Longer than any freeze: only the network ends a connection.
    this.#server.keepAliveTimeout = 600_000
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  /** Again on the same port, once it has been closed. */
  async open(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1')
    await new Promise((resolve) => this.#server.once('listening', resolve))
    this.#port = (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** The connections that there are answer nothing any more, and say nothing of it. */
  killSockets(): number {
    for (const socket of this.#sockets) this.#dead.add(socket)
    return this.#sockets.size
  }

  /** Each span once: how many came, and how many copies. */
  get arrived(): { spans: number; copies: number } {
    const spans = new Set(this.spans).size
    return { spans, copies: this.spans.length - spans }
  }

  /** Sessions that its metrics count, and their requests. */
  get counted(): { sessions: number; posts: number } {
    const points = this.metrics.flatMap((body) =>
      JSON.parse(body).resourceMetrics.flatMap(({ scopeMetrics }: { scopeMetrics: { metrics: Metric[] }[] }) =>
        scopeMetrics.flatMap(({ metrics }) => metrics.filter(({ name }) => name === 'agentops.sessions')),
      ),
    ) as Metric[]
    const values = points.flatMap(({ sum }) => sum.dataPoints.map(({ asDouble, asInt }) => Number(asDouble ?? asInt)))
    return { sessions: values.reduce((sum, value) => sum + value, 0), posts: this.metrics.length }
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** Undefined: no answer. */
  async #take(request: IncomingMessage): Promise<boolean | undefined> {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    this.paths.push(`${request.url}`)
    this.encodings.push(request.headers['content-encoding'])
    if (this.#dead.has(request.socket) || this.mood === 'hang') return undefined
    if (this.mood === 'refuse') return false
    const wire = Buffer.concat(parts)
    if (request.url === '/v1/metrics') this.metrics.push(Buffer.from(decodeContent(wire, request.headers)).toString())
    if (request.url === '/v1/traces') {
      for (const { traceId, spanId, name } of decodeOtlp(wire, request.headers)) {
        this.spans.push(`${traceId} ${spanId}`)
        this.names.push(name)
      }
    }
    return true
  }
}
