/**
 * What the wrapped classes share: a subclass whose methods, called from outside, are a session each. Called by the
 * object itself, in a session or while it is being made, they are only calls.
 */
import { createContextKey, ROOT_CONTEXT } from '@opentelemetry/api'
import { guard, warn } from '../diag.ts'
import { prepare } from '../lifetime/invocation.ts'
import type { Execution } from '../lifetime/wait-until.ts'
import { activeContext, currentSession, findStorage, runIn } from '../session/scope.ts'

/** A class as the platform makes objects of it: with its context and its environment. */
export type PlatformClass = new (ctx: never, env: never) => object

export type Method = (this: object, ...args: unknown[]) => unknown

/** What an object was made with. */
export interface Made {
  ctx: Execution & { blockConcurrencyWhile?(task: () => Promise<unknown>): unknown }
  env: unknown
}

/** Marks code that makes an object: what it calls is not called from outside. */
const MAKING = createContextKey('agentops.making')

/**
 * A subclass with the same name and statics. `handlers`: what the platform calls. `wrap` gives a method's replacement for
 * calls from outside, or undefined where there is none to be made.
 */
export function derive<Class extends PlatformClass>(
  Class: Class,
  handlers: readonly string[],
  wrap: (name: string, method: Method) => ((made: Made, target: object, args: unknown[]) => unknown) | undefined,
): Class {
  const objects: WeakMap<object, Made> = new WeakMap()
  const Derived = class {
    constructor(ctx: Made['ctx'], env: unknown, ...rest: unknown[]) {
      const make = (): object => Reflect.construct(Class, [ctx, env, ...rest], new.target)
      const object = runIn(ROOT_CONTEXT.setValue(MAKING, true), make)
      objects.set(object, { ctx, env })
      // Before the first event, so that no handler has to wait for it.
      if (!findStorage()) guard('AsyncLocalStorage', () => ctx.blockConcurrencyWhile?.(async () => prepare()))
      // biome-ignore lint/correctness/noConstructorReturn: it is an object of this class, made by the user's constructor
      return object
    }
  }
  Object.setPrototypeOf(Derived, Class)
  Object.setPrototypeOf(Derived.prototype, Class.prototype)
  Object.defineProperty(Derived, 'name', { value: Class.name, configurable: true })
  for (const [name, method] of methodsOf(Class.prototype, handlers)) {
    const outside = wrap(name, method)
    if (!outside) continue
    const value: Method = function (...args) {
      const made = objects.get(this)
      const isInside = currentSession() || activeContext().getValue(MAKING)
      return made && !isInside ? outside(made, this, args) : method.apply(this, args)
    }
    const own = { configurable: true, writable: true }
    Object.defineProperties(value, { name: { value: name }, length: { value: method.length } })
    Object.defineProperty(Derived.prototype, name, { value, ...own })
  }
  return Derived as unknown as Class
}

/** Whether calls from outside can be told from the object's own; said where not. */
export function canTell(): boolean {
  return (
    findStorage() ||
    !!warn('without AsyncLocalStorage RPC methods have no session. Add the compatibility flag "nodejs_als"')
  )
}

/**
 * The class's own, without those that begin with `_`, and of the inherited ones the platform's `handlers`: a framework's
 * base class looks at which of its methods are overridden.
 */
function methodsOf(prototype: object, handlers: readonly string[]): Map<string, Method> {
  const methods = new Map<string, Method>()
  for (let at: object | null = prototype; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (typeof value !== 'function' || methods.has(name)) continue
      if (at === prototype ? !/^(_|constructor$)/.test(name) : handlers.includes(name)) methods.set(name, value)
    }
  }
  return methods
}
