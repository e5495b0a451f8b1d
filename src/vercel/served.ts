/**
 * The request of Node's HTTP server that the running code answers, and its response: Next.js' spans say neither headers
 * nor when the response is over. They travel in the context of the request's own flow, and nothing else keeps them.
 */
import { createContextKey, ROOT_CONTEXT } from '@opentelemetry/api'
import { guard } from '../runtime/diag.ts'
import { builtinModule } from '../runtime/platform.ts'
import { activeContext, enter } from '../runtime/scope.ts'
import type { NodeRequest, NodeResponse } from './node.ts'

export interface Served {
  readonly request: NodeRequest
  readonly response: NodeResponse
  readonly server: Closing
}

/** Of `http.Server`, what is needed. */
interface Closing {
  close(done?: (error?: Error) => void): unknown
}

interface Channels {
  subscribe(name: string, listener: (message: unknown) => void): void
}

const SERVED = createContextKey('agentops.served')
const WRAPPED = Symbol.for('agentops-edge.server.1')

/**
 * From here on `served` finds them, on Node; once. `settled` is awaited before whoever closes a server is told that it is
 * closed: Next.js ends the process then.
 */
export function watchServers(settled: () => Promise<unknown>): void {
  builtinModule<Channels>('node:diagnostics_channel')?.subscribe('http.server.request.start', (message) => {
    guard('a request', () => {
      const { server } = message as Served
      if (server && !Object.hasOwn(server, WRAPPED)) waitToClose(server, settled)
      enter(ROOT_CONTEXT.setValue(SERVED, message))
    })
  })
}

export function served(): Served | undefined {
  return activeContext().getValue(SERVED) as Served | undefined
}

function waitToClose(server: Closing, settled: () => Promise<unknown>): void {
  const { close } = server
  const value = function (this: Closing, done?: unknown): unknown {
    if (typeof done !== 'function') return close.call(this, done as undefined)
    return close.call(this, (...args) => void settled().then(() => done.apply(this, args)))
  }
  Object.defineProperty(server, 'close', { value, configurable: true, writable: true })
  Object.defineProperty(server, WRAPPED, { value: true })
}
