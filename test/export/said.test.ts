/** One line a cause, however a backend words it, and never silence. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type AgentOpsOptions, createAgentOps } from '../../src/index.ts'
import { warn } from '../../src/runtime/diag.ts'
import type { Answer } from '../support/scripted.ts'
import { script, scripted } from '../support/scripted-client.ts'

let said: string[] = []
beforeEach(() => {
  said = []
  vi.spyOn(console, 'warn').mockImplementation((line) => void said.push(String(line)))
})
afterEach(() => vi.restoreAllMocks())

async function sessions(answers: Answer[], options: AgentOpsOptions = {}): Promise<void> {
  const backend = await scripted(...answers)
  const endpoint = `${backend.url}/v1/traces`
  const client = createAgentOps({ endpoint, mode: 'multi', retryAttempts: 0, ...options })
  for (const _ of answers) await client.startSession().end()
}
const refusals = (text: (n: number) => string, count: number): Answer[] =>
  Array.from({ length: count }, (_, n) => ({
    body: JSON.stringify({ partialSuccess: { rejectedSpans: 1, errorMessage: text(n) } }),
  }))

test('a backend that names the trace each time is said once, and what comes after it too', async () => {
  await sessions(refusals((n) => `trace ${n} refused`, 300))
  await sessions(refusals(() => `span ${crypto.randomUUID()} is too old`, 20))
  await sessions(refusals(() => `refused: ${crypto.randomUUID()}`, 20))
  expect(said).toHaveLength(3)
  createAgentOps({ maxRequests: -4 })
  expect(said.join()).toContain('maxRequests: expected')
})

test('statuses are causes of their own; the time that an attempt had is none', async () => {
  await sessions([{ status: 400 }, { status: 422 }, { status: 422 }, { status: 401 }, { status: 401 }])
  expect(said.map((line) => /answered \d+/.exec(line)?.[0])).toEqual(['answered 400', 'answered 422', 'answered 401'])
  said.length = 0
  const endpoint = `${(await scripted({ hang: true })).url}/v1/traces`
  for (const exportTimeoutMs of [40, 50, 60]) await sessions([{}], { endpoint, exportTimeoutMs })
  expect(said).toEqual([expect.stringContaining(`${endpoint} did not answer in time`)])
})

test('however much was said, the next is said', () => {
  for (let n = 0; n < 1000; n++) warn(`cause ${n}`)
  expect(said).toHaveLength(1000)
})

test('a line holds nothing that moves a cursor, turns text around or ends a line, and no more than 1,000 characters', async () => {
  const hostile = '\u001b]0;owned\u0007 \u001b[2J one\r\ntwo\u2028three\u2029 \u202egnp.exe \u200b \u009b31m \ud800'
  await sessions(refusals(() => hostile + 'x'.repeat(50_000), 1))
  expect(said).toHaveLength(1)
  expect(said[0]).toContain('gnp.exe')
  expect(said[0]).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u)
  warn(hostile.repeat(100))
  expect(said[1]).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u)
  expect(said[1]).toHaveLength(1000)
})

test('what a callback of the user’s throws is told by its class, its code and where, not by its message', async () => {
  const failing = (): never => {
    throw Object.assign(new TypeError('key sk-1234567890\n    at fake (sk-1234567890)'), { code: 'ERR_MINE' })
  }
  await sessions([{}], { onSpan: failing, name: failing, attributes: failing, keep: failing, onExport: failing })
  expect(said.length).toBeGreaterThan(3)
  expect(said.join('\n')).not.toContain('sk-')
  for (const line of said) expect(line).toMatch(/failed; it is left out \(TypeError ERR_MINE at /)
})

test('a backend that quotes our key, token or headers, whole or cut, shows none in a line, a report or a drop', async () => {
  const [key, secret] = [crypto.randomUUID(), 'header-of-the-user-0123456789']
  const tokens = ['one', 'other'].map((of) => {
    return `${btoa('{"alg":"none"}')}.${btoa(JSON.stringify({ exp: Date.now() / 1000 + 3600, of, key }))}.signature`
  })
  const text = (token: string): string =>
    `no access for ${key}, Bearer ${token}, ${secret}, ${token.slice(0, 40)}; ${JSON.stringify({ key })}`
  const [backend, other] = await Promise.all(
    tokens.map(async (token) => {
      const errorMessage = text(token)
      const scripts = await scripted({ body: JSON.stringify({ partialSuccess: { rejectedSpans: 1, errorMessage } }) })
      await script(`${scripts.url}-auth`, [{ body: JSON.stringify({ token }) }])
      return scripts
    }),
  )
  if (!backend || !other) throw new Error('two backends')
  const shown: unknown[] = []
  const show = (what: unknown): void => void shown.push(what)
  const headers = { 'x-team': secret }
  const of = ({ url }: { url: string }) => ({ apiKey: key, endpoint: `${url}/v1/traces`, apiEndpoint: url, headers })
  const options = { ...of(backend), exporters: [of(other)], onDrop: show, onExport: show }
  const session = createAgentOps(options).startSession()
  shown.push(await session.end(), said)
  const all = JSON.stringify(shown)
  expect(all).toContain('no access for [hidden], Bearer [hidden], [hidden], [hidden]; ')
  for (const one of [key, ...tokens, secret]) expect(all).not.toContain(one.slice(0, 12))
})

test.each<[string, Answer]>([
  ['in other case', { body: '<html>', headers: { 'content-type': 'Text/HTML' } }],
  ['of XHTML', { body: '{}', headers: { 'content-type': 'application/xhtml+xml' } }],
])('a page is no answer: %s', async (_, answer) => {
  const client = createAgentOps({ endpoint: `${(await scripted(answer)).url}/v1/traces` })
  expect(await client.startSession().end()).toMatchObject({ sent: 0, dropped: 1 })
  expect(said.join()).toContain('answered 200 with a web page')
})

test('a backend that repeats the address that it was asked at: the values of its query are not shown', async () => {
  const backend = await scripted({ status: 404, body: 'Cannot POST /v1/traces?team=blue&token=k3y-0f-th3-1ngest' })
  const client = createAgentOps({ endpoint: `${backend.url}/v1/traces?team=blue&token=k3y-0f-th3-1ngest` })
  const { error } = await client.startSession().end()
  expect(error).toContain('Cannot POST /v1/traces?team=blue&token=[hidden]')
  expect(said.join()).not.toContain('k3y-0f')
})

test('half a span that a backend refuses is a whole one', async () => {
  const backend = await scripted({ body: JSON.stringify({ partialSuccess: { rejectedSpans: 0.5 } }) })
  const session = createAgentOps({ endpoint: `${backend.url}/v1/traces` }).startSession()
  session.tool('one', () => 1)
  expect(await session.end()).toMatchObject({ sent: 1, dropped: 1 })
})
