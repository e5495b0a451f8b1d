/**
 * What the wrapped classes share: a subclass whose methods, called from outside, are a session each. Called by the
 * object itself, in a session or while it is being made, they are only calls.
 */
import { createContextKey, ROOT_CONTEXT } from '@opentelemetry/api'
import { prepare } from '../lifetime/invocation.ts'
import type { Execution } from '../lifetime/wait-until.ts'
import { guard, warn } from '../runtime/diag.ts'
import { activeContext, findStorage, runIn } from '../runtime/scope.ts'
import { currentSession } from '../session/current.ts'

/** A class as the platform makes objects of it: with its context and its environment. */
export type PlatformClass = new (ctx: never, env: never) => object

export type Method = (this: object, ...args: unknown[]) => unknown

/** What an object was made with. */
export interface Made {
  ctx: Execution & { blockConcurrencyWhile?: Start }
  env: unknown
}
type Start = (task: () => unknown, ...rest: unknown[]) => unknown

/**
 * A method called from outside. `aside`: by or through a framework (the method is inherited, or its name begins with
 * `_`; or it is called behind a session that has ended), so that it may be nobody's work.
 */
export type Outside = (made: Made, target: object, args: unknown[], aside: boolean) => unknown

/** Marks code that makes an object: what it calls is not called from outside. */
const MAKING = createContextKey('agentops.making')
/** Marks what is called aside: making the object ready is no part of it. */
const ASIDE = createContextKey('agentops.aside')

/**
 * A subclass with the same name and statics. `handlers`: what the platform calls. `wrap` gives a method's replacement for
 * calls from outside, or undefined where there is none to be made.
 */
export function derive<Class extends PlatformClass>(
  Class: Class,
  handlers: readonly string[],
  wrap: (name: string, method: Method) => Outside | undefined,
): Class {
  const objects: WeakMap<object, Made> = new WeakMap()
  const base = Object.getPrototypeOf(Class.prototype) as object
  const names = Object.getOwnPropertyNames(Class.prototype)
  /** What an object gets for a prototype when it is made, by the one that it was made with. */
  const prototypes: WeakMap<object, object> = new WeakMap()

  /**
   * Frameworks know their methods by identity, so the object's own code always reads the function as it is. Only what
   * reads it outside of all that, the platform, gets the one that opens a session.
   */
  const intercept = (holder: object, name: string, own: PropertyDescriptor, isFramework: boolean): void => {
    const method = own.value as Method
    const outside = wrap(name, isFramework ? runAside(method) : method)
    if (!outside) return
    const isHandler = handlers.includes(name)
    /** Undefined: an ordinary call. */
    const asideOf = (target: object): boolean | undefined => {
      if (!objects.has(target) || activeContext().getValue(MAKING)) return undefined
      const session = currentSession()
      // A framework that goes on behind a session calls what it lets its users override.
      if (session) return session.state === 'ended' && !isFramework && !isHandler && name in base ? true : undefined
      return isHandler || canTell() ? isFramework : undefined
    }
    const value: Method = function (...args) {
      const aside = asideOf(this)
      return aside === undefined ? method.apply(this, args) : outside(objects.get(this) as Made, this, args, aside)
    }
    Object.defineProperties(value, { name: { value: name }, length: { value: method.length } })
    Object.defineProperty(holder, name, {
      get(this: object) {
        return asideOf(this) === undefined ? method : value
      },
      set(this: object, given: unknown) {
        Object.defineProperty(this, name, { value: given, configurable: true, writable: true, enumerable: true })
      },
      enumerable: own.enumerable,
      configurable: true,
    })
  }

  const Derived = class {
    constructor(ctx: Made['ctx'], env: unknown, ...rest: unknown[]) {
      // A framework's constructor looks at the prototype's methods and may replace them: it finds the class's own.
      const Maker = new.target === Derived ? Class : new.target
      const inherited = prototypes.get(Maker.prototype)
      const own = new Set(names)
      for (let at = Maker.prototype as object; at && at !== Class.prototype; at = Object.getPrototypeOf(at)) {
        for (const name of Object.getOwnPropertyNames(at)) own.add(name)
      }
      guard('blockConcurrencyWhile', () => interceptStart(ctx))
      const object = runMaking(() => Reflect.construct(Class, [ctx, env, ...rest], Maker) as object)
      objects.set(object, { ctx, env })
      guard('wrapping methods', () => {
        const prototype = inherited ?? (Maker === Class ? Derived.prototype : Object.create(Maker.prototype))
        if (!inherited) {
          prototypes.set(Maker.prototype, prototype)
          for (const [name, found] of functionsOf(Maker.prototype)) {
            const isHandler = handlers.includes(name)
            intercept(prototype, name, found, !isHandler && (name.startsWith('_') || !own.has(name)))
          }
        }
        Object.setPrototypeOf(object, prototype)
        // It may put handlers on the object itself, too.
        for (const name of handlers) {
          const found = Object.getOwnPropertyDescriptor(object, name)
          if (found?.configurable && typeof found.value === 'function') intercept(object, name, found, false)
        }
      })
      // Before the first event, so that no handler has to wait for it.
      if (!findStorage()) guard('AsyncLocalStorage', () => ctx.blockConcurrencyWhile?.(async () => prepare()))
      // biome-ignore lint/correctness/noConstructorReturn: it is an object of this class, made by the user's constructor
      return object
    }
  }
  Object.setPrototypeOf(Derived, Class)
  Object.setPrototypeOf(Derived.prototype, Class.prototype)
  Object.defineProperty(Derived, 'name', { value: Class.name, configurable: true })
  // For an entrypoint, whose first call nothing could hold back.
  void prepare()
  return Derived as unknown as Class
}

/** Whether calls from outside can be told from the object's own; said where not. */
function canTell(): boolean {
  return (
    findStorage() ||
    !!warn('without AsyncLocalStorage RPC methods have no session. Add the compatibility flag "nodejs_als"')
  )
}

function runMaking<T>(make: () => T): T {
  return runIn(ROOT_CONTEXT.setValue(MAKING, true), make)
}

function runAside(method: Method): Method {
  return function (...args) {
    return runIn(activeContext().setValue(ASIDE, true), () => method.apply(this, args))
  }
}

/** What makes an object ready is no session, whoever was the first to call it; in a session it is part of that. */
function interceptStart(ctx: Made['ctx']): void {
  const original = ctx.blockConcurrencyWhile
  if (!original) return
  const value: Start = (task, ...rest) => {
    const isStart = !currentSession() || activeContext().getValue(ASIDE)
    return original.call(ctx, isStart ? () => runMaking(task) : task, ...rest)
  }
  Object.defineProperty(ctx, 'blockConcurrencyWhile', { value, configurable: true, writable: true })
}

function functionsOf(prototype: object): Map<string, PropertyDescriptor> {
  const found = new Map<string, PropertyDescriptor>()
  for (let at = prototype; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, own] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (name !== 'constructor' && !found.has(name)) found.set(name, own)
    }
  }
  for (const [name, { value }] of found) if (typeof value !== 'function') found.delete(name)
  return found
}
