/** One line a cause, however a backend words it, and never silence. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type AgentOpsOptions, createAgentOps } from '../../src/index.ts'
import { warn } from '../../src/runtime/diag.ts'
import type { Answer } from '../support/scripted.ts'
import { scripted } from '../support/scripted-client.ts'

let said: string[] = []
beforeEach(() => {
  said = []
  vi.spyOn(console, 'warn').mockImplementation((line) => void said.push(String(line)))
})
afterEach(() => vi.restoreAllMocks())

async function sessions(answers: Answer[], options: AgentOpsOptions = {}): Promise<void> {
  const backend = await scripted(...answers)
  const client = createAgentOps({ endpoint: `${backend.url}/v1/traces`, mode: 'multi', retryAttempts: 0, ...options })
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
  for (const exportTimeoutMs of [40, 50, 60]) await sessions([{ hang: true }], { exportTimeoutMs })
  expect(said).toHaveLength(1)
})

test('however much was said, the next is said', () => {
  for (let n = 0; n < 1000; n++) warn(`cause ${n}`)
  expect(said).toHaveLength(1000)
})
