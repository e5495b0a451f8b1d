/**
 * Values that are not over when they are returned: iterators, streams and responses, which stay the same objects. What
 * runs while one is read runs in the scope of the work that it belongs to.
 */
import { observe } from './observe.ts'

export interface Reading {
  /** Runs something in the scope of the work. */
  within<T>(part: () => T): T
  /** Somebody has begun to read. */
  begin?(): void
  /** It has been read or left; `failed`: it has thrown `value`, else `value` is what an iterator returned. */
  over(failed: boolean, value?: unknown): void
}

/** How a value is being read, if at all; a runtime that sends a stream reads it natively, which nothing shows but the lock. */
export type Progress = () => 'unread' | 'read' | 'native'

type Methods = Record<string | symbol, unknown>

/** Undefined where `value` is over as it is. */
export function lasting(value: unknown, reading: Reading): Progress | undefined {
  if (Object(value) !== value) return undefined
  let begun = false
  const watch: Reading = {
    ...reading,
    begin() {
      begun = true
    },
  }
  const object = value as Methods
  // The name first: to look at the class loads Node's `fetch`.
  if ('bodyUsed' in object && value instanceof Response) {
    if (!value.body || value.bodyUsed) return undefined
    watchResponse(value, watch)
    return () => (begun ? 'read' : value.bodyUsed || value.body?.locked ? 'native' : 'unread')
  }
  if ('locked' in object && value instanceof ReadableStream) {
    if (value.locked) return undefined
    watchStream(value, watch)
    return () => (begun ? 'read' : value.locked ? 'native' : 'unread')
  }
  const isIterable = Symbol.asyncIterator in object || Symbol.iterator in object
  if (isIterable && typeof object.next === 'function') watchIterator(object, watch)
  // Node's streams are read in other ways, too.
  else if (Symbol.asyncIterator in object && !('pipe' in object)) {
    watchWay(object, Symbol.asyncIterator, watch, watchIterator)
  } else return undefined
  return () => (begun ? 'read' : 'unread')
}

/**
 * Puts a method of the object's own before its prototype's; `instead` is handed the call of the original, and its
 * arguments. Not enumerable: it must not show.
 */
function replace(
  object: object,
  name: string | symbol,
  instead: (call: () => unknown, args: unknown[]) => unknown,
): void {
  const method = (object as Methods)[name]
  if (typeof method !== 'function') return
  const value = function (this: unknown, ...args: unknown[]): unknown {
    return instead(() => method.apply(this, args), args)
  }
  Object.defineProperty(object, name, { value, configurable: true, writable: true })
}

/** A method that reads, or leaves; `isLast`: whether its result says that nothing comes after. */
function watchStep(
  object: object,
  name: string,
  { within, begin, over }: Reading,
  isLast: (result: { done?: boolean } | undefined) => boolean = () => true,
): void {
  replace(object, name, (call) => {
    begin?.()
    return observe(
      () => within(call),
      (failed, result) => {
        if (failed) over(true, result)
        else if (isLast(result as never)) over(false, (result as { value?: unknown } | undefined)?.value)
      },
    )
  })
}

/** A method that gives a way to read. */
function watchWay<Way>(
  object: object,
  name: string | symbol,
  reading: Reading,
  watch: (way: Way, reading: Reading) => unknown,
): void {
  replace(object, name, (call) => watch(reading.within(call) as Way, reading))
}

const isDone = (result: { done?: boolean } | undefined): boolean => !!result?.done

function watchIterator(iterator: object, reading: Reading): object {
  for (const name of ['next', 'return', 'throw']) watchStep(iterator, name, reading, isDone)
  return iterator
}

function watchReader(reader: object, reading: Reading): object {
  watchStep(reader, 'read', reading, isDone)
  watchStep(reader, 'cancel', reading)
  return reader
}

function watchStream(stream: object, reading: Reading): object {
  for (const name of ['pipeTo', 'cancel']) watchStep(stream, name, reading)
  for (const name of ['values', Symbol.asyncIterator]) watchWay(stream, name, reading, watchIterator)
  watchWay(stream, 'getReader', reading, watchReader)
  watchWay(stream, 'tee', reading, (branches: object[]) => together(branches, watchStream, reading))
  // The platform's does not ask for the `pipeTo` of the object's own.
  replace(stream, 'pipeThrough', (_, [transform, options]) => {
    const { readable, writable } = transform as ReadableWritablePair
    ;(stream as ReadableStream).pipeTo(writable, options as StreamPipeOptions).catch(() => {})
    return readable
  })
  return stream
}

function watchResponse(response: Response, reading: Reading): Response {
  const { body } = response
  if (body) {
    watchStream(body, reading)
    // workerd gives a stream at each look.
    Object.defineProperty(response, 'body', { get: () => body, configurable: true })
  }
  for (const name of ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text']) watchStep(response, name, reading)
  watchWay(response, 'clone', reading, (clone: Response) => together([response, clone], watchResponse, reading)[1])
  return response
}

/** Several that are read apart: the work is over when the last of them is, or when one has thrown. */
function together<T>(values: readonly T[], watch: (value: T, reading: Reading) => T, reading: Reading): T[] {
  let left = values.length
  const over: Reading['over'] = (failed, value) => {
    if (failed || --left === 0) reading.over(failed, value)
  }
  return values.map((value) => watch(value, { ...reading, over }))
}
