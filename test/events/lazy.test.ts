/** A client's promise that sends its request when it is asked for: by `await`, `then`, `catch` or `finally`, and not before. */
import { expect, test } from 'vitest'
import { createAgentOps } from '../../src/index.ts'
import { named, spansOf, toCollector } from '../support/collected.ts'

/** As those of OpenAI's and Anthropic's clients: a Promise of their own, whose methods go around its `then`. */
function lazily<T>(send: () => Promise<T>): Promise<T> {
  class ApiPromise extends Promise<T> {}
  let sent: Promise<T> | undefined
  const parse = (): Promise<T> => {
    sent ??= send()
    return sent
  }
  for (const name of ['then', 'catch', 'finally'] as const) {
    Object.defineProperty(ApiPromise.prototype, name, {
      value: (...given: never[]) => Reflect.apply(Promise.prototype[name], parse(), given),
    })
  }
  return new ApiPromise(() => {})
}

test.each<[string, (promise: Promise<string>) => Promise<unknown>]>([
  ['await', async (promise) => promise],
  ['then', (promise) => promise.then((value) => value)],
  ['catch', (promise) => promise.catch(() => 'caught')],
  ['finally', (promise) => promise.finally(() => 'ignored')],
])('%s: the event ends with the value, or with the error', async (_, use) => {
  const session = createAgentOps(toCollector()).startSession()
  let sent = 0
  const lazy = (send: () => Promise<string>): Promise<string> =>
    lazily(() => {
      sent++
      return send()
    })
  const good = session.tool('good', () => lazy(async () => 'answer'))
  const bad = session.tool('bad', () =>
    lazy(() => new Promise((_, reject) => setTimeout(reject, 1, new RangeError('refused')))),
  )
  expect(good).toBeInstanceOf(Promise)
  expect(sent).toBe(0)
  expect(await use(good)).toBe('answer')
  expect(await use(bad).catch((error) => error)).toSatisfy((one) => one === 'caught' || one instanceof RangeError)
  expect(sent).toBe(2)
  await session.end()
  const spans = await spansOf(session)
  expect(named(spans, 'good.tool').attributes).toMatchObject({ 'tool.result': 'answer', 'tool.status': 'succeeded' })
  expect(named(spans, 'bad.tool').attributes).toMatchObject({ 'tool.status': 'failed', 'error.type': 'RangeError' })
  for (const { attributes } of spans) expect(attributes).not.toHaveProperty('agentops.incomplete')
})
