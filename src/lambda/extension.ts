/**
 * The function as its own internal extension (Lambda Extensions API): Lambda lets the response go and freezes the process
 * only when the extension, too, has asked for the next event. It asks when the session of the invocation is delivered.
 *
 * `node:http` and not `fetch`: Node's `fetch` gives up on an answer after five minutes, and the next event may be hours away.
 */
import type { IncomingMessage } from 'node:http'
import { identify, OwnError, warn } from '../runtime/diag.ts'

/** Lambda's own limit for the name; several extensions of one function need different ones. */
const NAME = 'agentops-edge'
const VERSION = '2020-01-01'

/**
 * So long the extension waits for an invocation to come to the wrapper, or the middleware: one that is answered without
 * them, a warm-up, must not hold the environment to its timeout. One that comes later waits for its delivery itself.
 */
const MEET_MS = 100

interface Turn {
  /** Resolves when the invocation has come to the wrapper. */
  met: Promise<true>
  meet(): void
  delivered: Promise<unknown>
  deliver(): void
}

/** What this process knows of its extension: it lives as long as the process. */
class Extension {
  /** Resolves to whether Lambda has taken the registration; it does so only before the first invocation. */
  readonly registered: Promise<boolean>
  #active = false
  /** The invocations whose session is not delivered yet, or whose event has not come yet: one, at most two. */
  readonly #turns: Map<string, Turn> = new Map()
  /** The last that was not waited for any longer. */
  #left: string | undefined

  constructor(runtimeApi: string) {
    this.registered = this.#start(`http://${runtimeApi}/${VERSION}/extension`)
  }

  /** Whether a response may go before its session is delivered. */
  get active(): boolean {
    return this.#active
  }

  /** The invocation has come to the wrapper; false where the extension does not wait for it. */
  meet(requestId: string): boolean {
    if (!this.#active || requestId === this.#left) return false
    this.#turn(requestId).meet()
    return true
  }

  /** The invocation's session is delivered when `work`, which never rejects, has settled. */
  hold(requestId: string, work: Promise<unknown>): void {
    if (!this.meet(requestId)) return
    const { deliver } = this.#turn(requestId)
    work.then(deliver, deliver)
  }

  #turn(requestId: string): Turn {
    const known = this.#turns.get(requestId)
    if (known) return known
    const turn = {} as Turn
    turn.met = new Promise((resolve) => {
      turn.meet = () => resolve(true)
    })
    turn.delivered = new Promise<void>((resolve) => {
      turn.deliver = resolve
    })
    this.#turns.set(requestId, turn)
    return turn
  }

  async #start(base: string): Promise<boolean> {
    try {
      const headers = { 'lambda-extension-name': NAME, 'content-type': 'application/json' }
      const answer = await call('POST', `${base}/register`, headers, JSON.stringify({ events: ['INVOKE'] }))
      const id = answer.headers['lambda-extension-identifier']
      if (answer.status !== 200 || typeof id !== 'string') throw new OwnError(`${answer.status} ${answer.body}`)
      this.#active = true
      // A handler that never settles: the runtime reports it when the event loop is empty, and its time need not pass.
      process.on('beforeExit', () => {
        for (const { deliver } of this.#turns.values()) deliver()
      })
      void this.#run(`${base}/event/next`, id)
      return true
    } catch (error) {
      warn(
        `flush: 'extension' is not possible here, so responses wait for their session's delivery. An extension registers ` +
          `before the first invocation: put "await extensionReady()" at the top level of the handler's module (${identify(error)})`,
        'extension',
      )
      return false
    }
  }

  async #run(next: string, id: string): Promise<void> {
    try {
      for (;;) {
        // Waiting for it is no reason for a process to live.
        const { status, body } = await call('GET', next, { 'lambda-extension-identifier': id }, undefined, true)
        if (status !== 200) throw new OwnError(`${status} ${body}`)
        const { requestId, deadlineMs } = JSON.parse(body) as { requestId: string; deadlineMs: number }
        const { met, delivered } = this.#turn(requestId)
        const isMet = await Promise.race([met, until(Date.now() + MEET_MS)])
        if (isMet) await Promise.race([delivered, until(deadlineMs - 50)])
        this.#left = requestId
        this.#turns.delete(requestId)
      }
    } catch (error) {
      this.#active = false
      warn(`flush: the extension has ended, so responses wait for their session's delivery (${identify(error)})`)
    }
  }
}

function until(at: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, at - Date.now())).unref())
}

interface Answer {
  status: number
  headers: IncomingMessage['headers']
  body: string
}

function call(
  method: string,
  url: string,
  headers: Record<string, string>,
  body?: string,
  idle = false,
): Promise<Answer> {
  // Not imported: a bundler for another platform must not look for it.
  const { request } = process.getBuiltinModule('node:http')
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }))
      response.on('error', reject)
    })
    sent.on('error', reject)
    if (idle) sent.on('socket', (socket) => socket.unref())
    sent.end(body)
  })
}

/** The process's own: it is invoked again and again. */
let extension: Extension | undefined

/**
 * Registers the function as its own extension, for `flush: 'extension'`; to be awaited at the top level of the handler's
 * module. Resolves to whether Lambda has taken it, at once outside Lambda. Never rejects.
 */
export async function extensionReady(): Promise<boolean> {
  return startExtension()?.registered ?? false
}

export function startExtension(): Extension | undefined {
  const { AWS_LAMBDA_RUNTIME_API: api, AWS_LAMBDA_MAX_CONCURRENCY: concurrency } = process.env
  if (!api) return undefined
  if (concurrency !== undefined) {
    return warn(
      `flush: 'extension' is not possible on managed instances, so responses wait for their session's delivery`,
    )
  }
  extension ??= new Extension(api)
  return extension
}

/** Undefined where the function is no extension. */
export function runningExtension(): Extension | undefined {
  return extension
}
