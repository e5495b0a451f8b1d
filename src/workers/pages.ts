/**
 * Cloudflare Pages: a session a request, which its functions share, middleware included. Pages makes a context and a
 * copy of the request for each of them; what they have in common is `next`.
 */

import { type Answer, answer } from '../http/answer.ts'
import { configReader } from '../http/config-reader.ts'
import { nameByRoute, openRequestSession } from '../http/request-session.ts'
import { prepare } from '../lifetime/invocation.ts'
import { type Execution, interceptWaitUntil } from '../lifetime/wait-until.ts'
import type { AgentOpsOptions, Environment } from '../options/options.ts'
import { guard } from '../runtime/diag.ts'
import { currentSession, setOwner } from '../session/current.ts'
import type { Session } from '../session/session.ts'

/** What is needed of an `EventContext`. */
export interface PagesContextLike extends Execution {
  readonly request: Request
  readonly env: unknown
  readonly params: Readonly<Record<string, string | string[]>>
  /** The path of the request, for middleware that of its folder. */
  readonly functionPath: string
  readonly next: (...args: never[]) => Promise<Response>
}

/**
 * Wraps a `PagesFunction`, middleware too: a session a request, named by the function that answers (`GET /items/:id`).
 * Several wrapped functions of one request share the session of the outermost.
 *
 * ```ts
 * export const onRequest = instrumentPages<PagesFunction<Env>>(async ({ env }) => {
 *   return tool('hello', () => new Response('hello'))
 * })
 * ```
 */
export function instrumentPages<Fn extends (context: never) => unknown>(
  fn: Fn,
  options?: AgentOpsOptions | ((context: Parameters<Fn>[0]) => AgentOpsOptions),
): Fn {
  const handle = fn as unknown as (this: unknown, context: PagesContextLike, ...rest: unknown[]) => Answer
  const configOf = configReader<PagesContextLike>(options as never)
  const wrapped: typeof handle = async function (context, ...rest) {
    await prepare()
    // What answers names the session, unless a router inside it has done so.
    const call = async (session?: Session): Promise<Response> => {
      try {
        return await handle.call(this, context, ...rest)
      } finally {
        guard('naming the session', () => session && nameByRoute(session, context.request, routeOf(context)))
      }
    }
    const shared = guard('finding the session', () => sharedBy(context))
    if (shared) return shared.run(() => call(shared))
    return answer(() => {
      const config = configOf(context.env as Environment, context)
      const opened = openRequestSession(config, context.request, { execution: context })
      setOwner(context.next, opened.session)
      return opened
    }, call)
  }
  return wrapped as unknown as Fn
}

/** The running session of the same request; this function's context and request find it from here on. */
function sharedBy(context: PagesContextLike): Session | undefined {
  const { request, next } = context
  const found = [context, request, next].map((owner) => owner && currentSession(owner))
  const session = found.find((found) => found?.state === 'running')
  if (session) {
    setOwner(context, session)
    setOwner(request, session)
    guard('watching waitUntil', () => interceptWaitUntil(context))
  }
  return session
}

/**
 * The route as Pages writes it, `/items/:id` or `/files/:path*`, from the path and the parameters that it matched;
 * undefined for middleware, whose path is that of its folder.
 */
function routeOf({ request, functionPath, params }: PagesContextLike): string | undefined {
  const segments = segmentsOf(functionPath)
  const pathname = segmentsOf(new URL(request.url).pathname)
  if (segments.join('/') !== pathname.join('/')) return undefined
  // From the end: a parameter stands behind the folder that its value may be the name of.
  for (const [name, value] of Object.entries(params ?? {}).reverse()) {
    const values = [value].flat().map(decoded)
    const at = segments.findLastIndex((_, i) => values.every((part, n) => segments[i + n] === part))
    if (at >= 0 && values.length) segments.splice(at, values.length, Array.isArray(value) ? `:${name}*` : `:${name}`)
  }
  return `/${segments.join('/')}`
}

function segmentsOf(path: string): string[] {
  return path.split('/').filter(Boolean).map(decoded)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
