/**
 * Workflows: an instance is one session, however often its `run` is replayed. The platform calls `run` again after each
 * sleep and each retry, and a step that is done gives its result without being called. So the session's ids come from
 * the instance, a step that is not called makes no span, and the root goes out when `run` has come to its end.
 */
import { trace } from '@opentelemetry/api'
import { type Invocation, invoke, openInvocation, prepare } from '../lifetime/invocation.ts'
import { originalWaitUntil } from '../lifetime/wait-until.ts'
import { guard } from '../runtime/diag.ts'
import { SERVER } from '../runtime/otel.ts'
import { activeContext } from '../runtime/scope.ts'
import * as key from '../runtime/semconv.ts'
import type { EnvOfClass } from './classes.ts'
import { configOf, type OptionsOf } from './handler.ts'
import { derive, type PlatformClass } from './methods.ts'
import type { WorkflowEventLike } from './trigger.ts'

type Callback = (...args: unknown[]) => unknown

/** What is needed of a `WorkflowStep`. */
interface StepLike {
  do(name: string, ...configAndCallback: unknown[]): Promise<unknown>
}

/**
 * Wraps a Workflow: `run` is a session, which begins with the instance and ends with its result or error; each call of a
 * step's callback is an action in it, a retry another one. What is finished is sent at each step's end, so that nothing
 * is lost when the instance sleeps. `step` is an object of ours that hands everything on.
 *
 * ```ts
 * export const Research = instrumentWorkflow(class Research extends WorkflowEntrypoint<Env> { … })
 * ```
 */
export function instrumentWorkflow<Class extends PlatformClass>(
  Class: Class,
  options?: OptionsOf<EnvOfClass<Class>>,
): Class {
  const readConfig = configOf(options as OptionsOf)
  return derive(Class, ['run'], (name, method) => {
    if (name !== 'run') return undefined
    return async ({ ctx, env }, target, args) => {
      const [event, step, ...rest] = args as [WorkflowEventLike, StepLike, ...unknown[]]
      await prepare()
      const ids = await idsOf(`${Class.name} ${event.instanceId}`)
      let invocation: Invocation | undefined
      const open = (): Invocation => {
        invocation = openInvocation(
          readConfig(env, { kind: 'workflow', event }),
          {
            ...ids,
            name: Class.name,
            kind: SERVER,
            startTime: event.timestamp,
            rootAttributes: { [key.WORKFLOW_INSTANCE]: event.instanceId },
          },
          { execution: ctx },
        )
        return invocation
      }
      return invoke(open, () => {
        const steps = invocation ? tracedStep(step, invocation, originalWaitUntil(ctx)) : step
        return method.call(target, event, steps, ...rest)
      })
    }
  })
}

/** The same at each replay, on whatever machine. */
async function idsOf(instance: string): Promise<{ id: string; rootSpanId: string }> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(instance)))
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return { id: hex.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'), rootSpanId: hex.slice(32, 48) }
}

/** The platform's own is reached by remote calls, which take no other object for `this`. */
function tracedStep(
  step: StepLike,
  { session, run }: Invocation,
  waitUntil: (promise: Promise<unknown>) => void,
): StepLike {
  const wrapped = (name: string, callback: Callback): Callback => {
    let attempt = 0
    return async (...args) => {
      try {
        return await run(() =>
          session.action(name, () => {
            guard('a step', () => trace.getSpan(activeContext())?.setAttribute(key.WORKFLOW_ATTEMPT, ++attempt))
            return callback(...args)
          }),
        )
      } finally {
        // Not awaited: a backend that hangs must not hold up the Workflow.
        guard('waitUntil', () => waitUntil(session.flush()))
      }
    }
  }
  /** The callback, wherever it stands, and the one that takes the step back. */
  const traced = (title: string, arg: unknown): unknown => {
    if (typeof arg === 'function') return wrapped(title, arg as Callback)
    const { rollback } = Object(arg) as { rollback?: unknown }
    return typeof rollback === 'function'
      ? { ...(arg as object), rollback: wrapped(`${title} rollback`, rollback as Callback) }
      : arg
  }
  return new Proxy({} as StepLike, {
    get(_, name: keyof StepLike) {
      const method = step[name] as unknown
      if (name !== 'do')
        return typeof method === 'function' ? (...args: unknown[]) => (step[name] as Callback)(...args) : method
      return (title: string, ...args: unknown[]) => step.do(title, ...args.map((arg) => traced(title, arg)))
    },
  })
}
