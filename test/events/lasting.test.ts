import { describe, expect, test } from 'vitest'
import type { CollectedSpan } from '../../src/collector/otlp.ts'
import { createAgentOps, type Session } from '../../src/index.ts'
import { named, spansOf, toCollector } from '../support/collected.ts'

const open = (): Session => createAgentOps(toCollector({ mode: 'multi' })).startSession({ name: 's' })
const pause = (ms = 15): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const text = (value: unknown): string => `${value}`
const encode = (value: string): Uint8Array => new TextEncoder().encode(value)

/** Runs one tool whose value is read by `read`, then a mark, and gives the spans of both. */
async function readBy<T>(
  work: (session: Session) => T,
  read: (value: Awaited<T>, session: Session) => unknown,
): Promise<{ tool: CollectedSpan; inner?: CollectedSpan; mark: CollectedSpan; all: CollectedSpan[] }> {
  const session = open()
  await session.run(async () => {
    const value = await session.tool('work', () => work(session))
    await pause()
    try {
      await read(value as Awaited<T>, session)
    } catch {}
    session.record({ eventType: 'actions', name: 'mark' })
  })
  await session.end('Success')
  const all = await spansOf(session)
  return {
    all,
    tool: named(all, 'work.tool'),
    inner: all.find(({ name }) => name === 'inner.tool'),
    mark: named(all, 'mark.operation'),
  }
}

const ms = ({ start, end }: CollectedSpan): number => Number(BigInt(end) - BigInt(start)) / 1e6

function* numbers(session: Session): Generator<number, string> {
  session.tool('inner', () => 1)
  yield 1
  yield 2
  return 'sum 3'
}
async function* later(session: Session): AsyncGenerator<number> {
  await pause(5)
  session.tool('inner', () => 1)
  yield 1
  await pause(5)
  yield 2
}
function stream(session: Session, parts = 2): ReadableStream<Uint8Array> {
  let left = parts
  return new ReadableStream(
    {
      async pull(controller) {
        await pause(2)
        session.tool('inner', () => 1)
        if (left-- > 0) controller.enqueue(encode('part'))
        else controller.close()
      },
    },
    { highWaterMark: 0 },
  )
}
async function all(values: AsyncIterable<unknown> | Iterable<unknown>): Promise<unknown[]> {
  const found: unknown[] = []
  for await (const value of values) found.push(value)
  return found
}

describe('an event lasts until its value has been read, and what runs inside is its child', () => {
  const readers: Record<string, [(session: Session) => unknown, (value: never, session: Session) => unknown]> = {
    'a generator': [numbers, (value: Iterable<number>) => expect([...value]).toEqual([1, 2])],
    'an async generator': [later, async (value: AsyncIterable<number>) => expect(await all(value)).toEqual([1, 2])],
    'an async generator in a promise': [
      async (session) => ({ inside: later(session) }).inside,
      async (value: AsyncIterable<number>) => expect(await all(value)).toEqual([1, 2]),
    ],
    'an iterable of an SDK’s own': [
      async (session) => ({ [Symbol.asyncIterator]: () => later(session), controller: {} }),
      async (value: AsyncIterable<number>) => expect(await all(value)).toEqual([1, 2]),
    ],
    'a stream, by a reader': [
      stream,
      async (value: ReadableStream<Uint8Array>) => {
        const reader = value.getReader()
        while (!(await reader.read()).done);
        expect(await reader.closed).toBe(undefined)
      },
    ],
    'a stream, by for await': [
      stream,
      async (value: ReadableStream<Uint8Array>) => {
        expect((await all(value as never)).length).toBe(2)
      },
    ],
    'a stream, piped': [
      stream,
      async (value: ReadableStream<Uint8Array>) => {
        let bytes = 0
        await value.pipeTo(
          new WritableStream<Uint8Array>({
            write(chunk) {
              bytes += chunk.byteLength
            },
          }),
        )
        expect(bytes).toBe(8)
      },
    ],
    'a stream, piped through': [
      stream,
      async (value: ReadableStream<Uint8Array>) => {
        const decoded = value.pipeThrough(new TextDecoderStream())
        expect((await all(decoded as never)).join('')).toBe('partpart')
      },
    ],
    'a stream, both its branches': [
      async (session) => stream(session),
      async (value: ReadableStream<Uint8Array>) => {
        const [one, other] = value.tee()
        expect((await Promise.all([all(one as never), all(other as never)])).map((parts) => parts.length)).toEqual([
          2, 2,
        ])
      },
    ],
    'a response': [
      async (session) => new Response(stream(session)),
      async (value: Response) => expect(await value.text()).toBe('partpart'),
    ],
    'a response, by its body': [
      (session) => new Response(stream(session), { headers: { 'x-own': '1' } }),
      async (value: Response) => {
        expect(value.headers.get('x-own')).toBe('1')
        expect(value.body).toBe(value.body)
        expect((await all(value.body as never)).length).toBe(2)
      },
    ],
    'a response and its clone': [
      async (session) => new Response(stream(session)),
      async (value: Response) => {
        const clone = value.clone()
        expect(await Promise.all([clone.text(), value.text()])).toEqual(['partpart', 'partpart'])
      },
    ],
  }
  test.each(Object.entries(readers))('%s', async (name, [work, read]) => {
    let failed: unknown
    const { tool, inner, mark } = await readBy(work, async (value, session) => {
      try {
        await read(value as never, session)
      } catch (error) {
        failed = error
      }
    })
    expect(failed).toBe(undefined)
    expect(ms(tool)).toBeGreaterThanOrEqual(10)
    // Who reads what a stream is piped through has the last part before the pipe is done.
    if (!/through/.test(name)) expect(BigInt(tool.end) <= BigInt(mark.start)).toBe(true)
    expect(tool.status).toEqual({ code: 1 })
    expect(tool.attributes['agentops.incomplete']).toBe(undefined)
    expect(inner?.parentSpanId).toBe(tool.spanId)
  })
})

describe('a value that is left, fails, or is not read', () => {
  test('a generator that is left', async () => {
    const { tool } = await readBy(numbers, (value) => {
      for (const _ of value) break
    })
    expect(ms(tool)).toBeGreaterThanOrEqual(10)
    expect(tool).toMatchObject({ status: { code: 1 } })
  })
  test('what a generator returns is the result', async () => {
    const { tool } = await readBy(numbers, (value) => [...value])
    expect(tool.attributes['tool.result']).toBe('sum 3')
  })
  test('a stream that is cancelled: its source is, too', async () => {
    let cancelled: unknown
    const { tool } = await readBy(
      () =>
        new ReadableStream({
          cancel: (reason) => {
            cancelled = reason
          },
        }),
      (value) => value.cancel('enough'),
    )
    expect(cancelled).toBe('enough')
    expect(tool.status).toEqual({ code: 1 })
  })
  test('a reader that cancels', async () => {
    let cancelled: unknown
    const { tool } = await readBy(
      () =>
        new ReadableStream({
          cancel: (reason) => {
            cancelled = reason
          },
        }),
      (value) => value.getReader().cancel('enough'),
    )
    expect([cancelled, tool.status]).toEqual(['enough', { code: 1 }])
  })
  const failing: Record<string, () => unknown> = {
    'a generator': function* () {
      yield 1
      throw new Error('half-way')
    },
    'an async generator': async function* () {
      yield 1
      throw new Error('half-way')
    },
    'a stream': () =>
      new ReadableStream({
        pull: async (controller) => {
          await pause(1)
          controller.error(new Error('half-way'))
        },
      }),
    'a response': () =>
      new Response(
        new ReadableStream({
          pull: async (controller) => {
            await pause(1)
            controller.error(new Error('half-way'))
          },
        }),
      ).body,
  }
  test.each(Object.entries(failing))('%s that throws: the reader sees it, the event fails', async (_, make) => {
    let thrown: unknown
    const { tool } = await readBy(make, async (value) => {
      try {
        if (value instanceof ReadableStream) for (const reader = value.getReader(); ; ) await reader.read()
        await all(value as never)
      } catch (error) {
        thrown = error
      }
    })
    expect(text(thrown)).toBe('Error: half-way')
    expect(tool.status).toEqual({ code: 2, message: 'half-way' })
  })
  test.each<[string, () => unknown]>([
    ['a generator', () => (function* () {})()],
    ['a stream', () => new ReadableStream()],
    ['a response', () => new Response('body')],
  ])('%s that nobody reads was over when it was returned', async (_, make) => {
    const { tool } = await readBy(make, () => pause(600))
    expect(tool.attributes['agentops.incomplete']).toBe(undefined)
    expect(tool.status).toEqual({ code: 1 })
    expect(ms(tool)).toBeLessThan(400)
  })
  test('a stream that the runtime reads natively ends with the session', async () => {
    const { tool } = await readBy(stream, async (value) => {
      expect(await new Response(value).text()).toBe('partpart')
    })
    expect(tool.attributes['agentops.incomplete']).toBe(undefined)
  })
  test.each<[string, () => unknown]>([
    ['a list', () => [1, 2]],
    ['a text', () => 'text'],
    ['a response without a body', () => new Response(null, { status: 204 })],
    ['a map', () => new Map([[1, 2]])],
  ])('%s is over at once', async (_, make) => {
    const { tool } = await readBy(make, () => pause(600))
    expect(ms(tool)).toBeLessThan(400)
  })
})

test('what is told late counts: a model’s tokens while its answer is read', async () => {
  const session = open()
  const answer = session.llm('gpt-4o', async function* (event) {
    yield 'Hel'
    yield 'lo'
    event.completion = { role: 'assistant', content: 'Hello' }
    event.promptTokens = 3
    event.completionTokens = 2
  })
  await all(answer)
  await session.end('Success')
  const span = named(await spansOf(session), 'chat.llm')
  expect(span.attributes).toMatchObject({
    'gen_ai.usage.prompt_tokens': 3,
    'gen_ai.usage.completion_tokens': 2,
    'gen_ai.completion.0.content': 'Hello',
  })
})

test('values stay the same objects, and nothing new shows on them', async () => {
  const session = open()
  const made = {
    generator: numbers(session),
    stream: new ReadableStream(),
    response: new Response('x'),
    promise: Promise.resolve(1),
  }
  for (const value of Object.values(made)) {
    expect(session.tool('same', (): unknown => value)).toBe(value)
    expect(Object.keys(value as object)).toEqual([])
  }
  expect(made.promise.constructor).toBe(Promise)
  expect(Object.getOwnPropertyNames(made.promise)).toEqual([])
  await session.end()
})
