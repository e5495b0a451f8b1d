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

type Method = (this: unknown, ...args: unknown[]) => unknown
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
  if (value instanceof Response) {
    if (!value.body || value.bodyUsed) return undefined
    watchResponse(value, watch)
    return () => (begun ? 'read' : value.bodyUsed || value.body?.locked ? 'native' : 'unread')
  }
  if (value instanceof ReadableStream) {
    if (value.locked) return undefined
    watchStream(value, watch)
    return () => (begun ? 'read' : value.locked ? 'native' : 'unread')
  }
  const isIterable = Symbol.asyncIterator in object || Symbol.iterator in object
  if (isIterable && typeof object.next === 'function') watchIterator(object, watch)
  // Node's streams are read in other ways, too.
  else if (Symbol.asyncIterator in object && !('pipe' in object)) {
    replace(
      object,
      Symbol.asyncIterator,
      (create) =>
        function () {
          return watchIterator(watch.within(() => create.call(this)) as Methods, watch)
        },
    )
  } else return undefined
  return () => (begun ? 'read' : 'unread')
}

/** Puts a method of the object's own before its prototype's. Not enumerable: it must not show. */
function replace(object: object, name: string | symbol, make: (method: Method) => Method): void {
  const method = (object as Methods)[name]
  if (typeof method !== 'function') return
  Object.defineProperty(object, name, { value: make(method as Method), configurable: true, writable: true })
}

/** `isLast`: whether this result of a part is the last. */
function follow({ within, begin, over }: Reading, part: () => unknown, isLast: (result: never) => boolean): unknown {
  begin?.()
  return observe(
    () => within(part),
    (failed, result) => {
      if (failed) over(true, result)
      else if (isLast(result as never)) over(false, (result as { value?: unknown } | undefined)?.value)
    },
  )
}

const isDone = (result: { done?: boolean } | undefined): boolean => !!result?.done
const always = (): boolean => true

function watchIterator<T extends object>(iterator: T, reading: Reading): T {
  for (const name of ['next', 'return', 'throw']) {
    replace(
      iterator,
      name,
      (method) =>
        function (...args) {
          return follow(reading, () => method.apply(this, args), isDone)
        },
    )
  }
  return iterator
}

function watchStream(stream: ReadableStream, reading: Reading): ReadableStream {
  const whole = (name: string): void =>
    replace(
      stream,
      name,
      (method) =>
        function (...args) {
          return follow(reading, () => method.apply(this, args), always)
        },
    )
  whole('pipeTo')
  whole('cancel')
  for (const name of ['values', Symbol.asyncIterator]) {
    replace(
      stream,
      name,
      (method) =>
        function (...args) {
          return watchIterator(method.apply(this, args) as object, reading)
        },
    )
  }
  replace(
    stream,
    'getReader',
    (method) =>
      function (...args) {
        const reader = method.apply(this, args) as object
        replace(
          reader,
          'read',
          (read) =>
            function (...into) {
              return follow(reading, () => read.apply(this, into), isDone)
            },
        )
        replace(
          reader,
          'cancel',
          (cancel) =>
            function (...why) {
              return follow(reading, () => cancel.apply(this, why), always)
            },
        )
        return reader
      },
  )
  replace(
    stream,
    'tee',
    (method) =>
      function () {
        return shared(reading.within(() => method.call(this)) as ReadableStream[], reading).map((branch) =>
          watchStream(...branch),
        )
      },
  )
  // Its own `pipeTo` is not asked by the platform's.
  replace(
    stream,
    'pipeThrough',
    () =>
      function (transform, options) {
        const { readable, writable } = transform as ReadableWritablePair
        ;(this as ReadableStream).pipeTo(writable, options as StreamPipeOptions).catch(() => {})
        return readable
      },
  )
  return stream
}

/** Several that are read apart: the work is over when the last of them is, or when one has thrown. */
function shared<T>(values: readonly T[], reading: Reading): [T, Reading][] {
  let left = values.length
  return values.map((value) => [
    value,
    {
      ...reading,
      over(failed, result) {
        if (failed || --left === 0) reading.over(failed, result)
      },
    },
  ])
}

function watchResponse(response: Response, reading: Reading): Response {
  const { body } = response
  if (body) {
    watchStream(body, reading)
    // workerd gives a stream at each look.
    Object.defineProperty(response, 'body', { get: () => body, configurable: true })
  }
  for (const name of ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text']) {
    replace(
      response,
      name,
      (method) =>
        function (...args) {
          return follow(reading, () => method.apply(this, args), always)
        },
    )
  }
  replace(
    response,
    'clone',
    (method) =>
      function () {
        const clone = reading.within(() => method.call(this)) as Response
        const [own, other] = shared([response, clone], reading) as [[Response, Reading], [Response, Reading]]
        watchResponse(...own)
        return watchResponse(...other)
      },
  )
  return response
}
