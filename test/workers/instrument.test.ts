/** What `instrument` gives is what it was given, with sessions: an object, an instance of a class, or, as it is, a class. */
import { afterEach, expect, test, vi } from 'vitest'
import { instrument } from '../../src/workers/index.ts'
import { useBackend } from '../support/backend.ts'

const backend = useBackend()
afterEach(() => vi.restoreAllMocks())

const context = (): ExecutionContext => {
  const given: Promise<unknown>[] = []
  return { waitUntil: (promise: Promise<unknown>) => given.push(promise), passThroughOnException() {} } as never
}
const options = (): object => ({ endpoint: `${backend.collector.url}/v1/traces` })
const ask = (): Request => new Request('https://desk.example.com/ask')

class Desk {
  name = 'desk'
  get greeting(): string {
    return `this is ${this.name}`
  }
  greet(): string {
    return this.greeting
  }
  async fetch(_request: Request, _env: object): Promise<Response> {
    return new Response(this.greet())
  }
}

test('an instance keeps its class, its prototype’s methods and its own properties', async () => {
  const desk = new Desk()
  const wrapped = instrument(desk, options())
  expect(wrapped).toBeInstanceOf(Desk)
  expect([wrapped.name, wrapped.greet(), Object.keys(wrapped)]).toEqual(['desk', 'this is desk', ['name', 'fetch']])
  const { name, length } = wrapped.fetch
  expect([name, length, wrapped.fetch.constructor.name]).toEqual(['fetch', 2, 'AsyncFunction'])
  const response = await (wrapped.fetch as (...args: unknown[]) => Promise<Response>)(ask(), {}, context())
  expect(await response.text()).toBe('this is desk')
  expect((await backend.session()).root?.name).toBe('GET.session')
})

test('a frozen object, its symbols and what is no handler', async () => {
  const mark = Symbol('mark')
  const handlers = Object.freeze({ [mark]: 1, config: { a: 1 }, fetch: () => new Response('x'), helper: () => 2 })
  const wrapped = instrument(handlers, options())
  expect([wrapped[mark], wrapped.config, wrapped.helper()]).toEqual([1, handlers.config, 2])
  expect(wrapped.fetch.length).toBe(0)
  expect(await ((await wrapped.fetch()) as Response).text()).toBe('x')
})

test('a class is handed on as it is, and that is said with what takes it', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  expect(instrument(Desk, options())).toBe(Desk)
  expect(`${warn.mock.calls[0]}`).toMatch(/instrument: expected an object of handlers.*instrumentEntrypoint/)
})
