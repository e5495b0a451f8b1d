/**
 * A function in place of the user's own, of which whoever looks sees the same: a runtime tells handlers by their kind and
 * their number of arguments, frameworks by symbols and properties. It must never change what a call is: `this`, a plain
 * result, a promise, an iterator.
 */
import { guard } from './diag.ts'

// biome-ignore lint/suspicious/noExplicitAny: any function's arguments
export type AnyFunction = (...args: any[]) => unknown

/** What is called instead, with the caller's `this` and arguments; its result is the wrapper's, in the original's kind. */
type Instead = (self: unknown, args: unknown[]) => unknown

/**
 * `instead` as a function of the kind of `original` (async, a generator, an async generator, or plain), with its name,
 * length, own properties, symbols and prototype.
 */
export function wrapperOf<Fn extends AnyFunction>(original: Fn, instead: Instead): Fn {
  const wrapped = ofKind(original, instead)
  const prototype = Object.getPrototypeOf(original)
  if (Object.getPrototypeOf(wrapped) !== prototype) Object.setPrototypeOf(wrapped, prototype)
  for (const name of Reflect.ownKeys(original)) {
    const descriptor = Object.getOwnPropertyDescriptor(original, name) as PropertyDescriptor
    guard('a property of a wrapped function', () => Object.defineProperty(wrapped, name, descriptor))
  }
  return wrapped as Fn
}

/** A copy of an object with these methods in place of its own, or of its prototype's; the rest stays what it is. */
export function withMethods<T extends object>(object: T, methods: Readonly<Record<string, unknown>>): T {
  const own: PropertyDescriptorMap = Object.getOwnPropertyDescriptors(object)
  for (const [name, value] of Object.entries(methods)) {
    own[name] = { value, configurable: true, enumerable: true, writable: true }
  }
  return Object.create(Object.getPrototypeOf(object), own)
}

/** By its tag: a constructor's name is the same in every realm, the constructor itself is not. */
function ofKind(original: AnyFunction, instead: Instead): AnyFunction {
  switch (Object.prototype.toString.call(original)) {
    case '[object AsyncFunction]':
      return async function (this: unknown, ...args) {
        return instead(this, args)
      }
    case '[object GeneratorFunction]':
      return function* (this: unknown, ...args) {
        return yield* instead(this, args) as Generator
      }
    case '[object AsyncGeneratorFunction]':
      return async function* (this: unknown, ...args) {
        return yield* instead(this, args) as AsyncGenerator
      }
  }
  // An arrow function or a method is no constructor.
  const method = {
    wrapped(this: unknown, ...args: unknown[]) {
      return instead(this, args)
    },
  }
  if (!Object.hasOwn(original, 'prototype')) return method.wrapped
  return function (this: unknown, ...args) {
    return instead(this, args)
  }
}
