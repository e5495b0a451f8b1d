/** The binding of Workers AI, which is no `fetch`. */
import { observe } from '../events/observe.ts'
import { guard, isError } from '../runtime/diag.ts'
import { activeContext, runIn } from '../runtime/scope.ts'
import { observeBody, observeStream } from './body.ts'
import { failed, sessionHere } from './fetch.ts'
import { modelCall } from './model-call.ts'
import { quote } from './quotes.ts'
import { workersAi } from './wires/workers-ai.ts'

interface AiBinding {
  run(...args: never[]): unknown
}

/**
 * The Workers AI binding, whose `run` makes an event in the session of the running code; everything else is the
 * binding's own.
 *
 * ```ts
 * const answer = await tracedAi(env.AI).run('@cf/meta/llama-3.3-70b-instruct-fp8-fast', { prompt })
 * ```
 */
export function tracedAi<Ai extends object>(ai: Ai): Ai {
  return new Proxy(ai, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      const bound = value.bind(target)
      return name === 'run' ? (...args: unknown[]) => run(bound as AiBinding['run'], args) : bound
    },
  })
}

function run(binding: AiBinding['run'], args: unknown[]): unknown {
  const native = (): unknown => binding(...(args as never[]))
  const [model, inputs, options] = args as [unknown, unknown, { signal?: AbortSignal } | undefined]
  const session = sessionHere()
  const found = { wire: workersAi, provider: 'cloudflare.workers_ai', model: `${model}`.slice(0, 256), certain: true }
  const call = session && guard('a model of Workers AI', () => modelCall(found, undefined, Object(inputs), session))
  if (!call) return native()
  const end = (error?: unknown): void => {
    guard('a model of Workers AI', () => {
      const span = call.opened?.span
      if (!session.config.captureContent && isError(error)) quote(session, error.message)
      if (error !== undefined && span && !call.isComplete) failed(span, session, error, options?.signal)
      call.ended(error)
      span?.end()
    })
  }
  const watch = (value: unknown): unknown => {
    const observer = { reads: true, onBytes: call.read, onEnd: end }
    if (value instanceof Response) {
      guard('a model of Workers AI', () => {
        call.responded(value)
        if (value.body) observeBody(value, observer)
        else end()
      })
      return value
    }
    if (!(value instanceof ReadableStream)) return value
    const watched = guard('a model of Workers AI', () => {
      call.responded(new Response(null))
      return observeStream(value, observer)
    })
    return watched ?? value
  }
  const context = call.opened?.context ?? activeContext()
  const result = runIn(context, () =>
    observe(native, (hasFailed, value) => {
      if (hasFailed) return end(value)
      if (value instanceof ReadableStream || value instanceof Response) return
      if (Object(value) === value) call.take(value)
      end()
    }),
  )
  return result instanceof Promise ? result.then(watch) : result
}
