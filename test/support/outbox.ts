/** A Worker of the outbox's tests, and what drives it. */
import { connect } from 'node:net'
import type { TestContext } from 'vitest'
import type { OutboxState } from '../fixtures/outbox-worker.ts'
import { waitFor } from './wait.ts'
import { startWorker } from './workerd.ts'

export interface OutboxWorker {
  url: string
  logs: string[]
  /** Asks for `path`, and expects an answer that nothing of ours delays. */
  ask(path?: string): Promise<void>
  /** A request whose client resets its connection after so long. */
  leave(path: string, afterMs: number): Promise<void>
  /** So many requests a second, for so long, evenly; resolves when all are answered, with how many there were. */
  traffic(perSecond: number, ms: number, path?: (n: number) => string): Promise<number>
  state(): Promise<OutboxState>
  /** The longest that a request of `traffic` waited for its answer, milliseconds. */
  readonly slowestMs: number
  /** The isolate's memory, bytes. */
  heapUsed(): Promise<number>
  /** Resolves when nothing is pending in the isolate, and so many of `/many` and its like have their report. */
  settled(reports?: number, limitMs?: number): Promise<OutboxState>
}

/** Stopped after the test. */
export async function startOutboxWorker(
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  options: object,
  inspect = false,
): Promise<OutboxWorker> {
  const worker = await startWorker({
    entry: 'test/fixtures/outbox-worker.ts',
    bindings: { OPTIONS: JSON.stringify(options) },
    inspect,
    miniflare: { durableObjects: { CUT: 'Cut', BLOCKED: 'Blocked' } },
  })
  onTestFinished(() => worker.stop())
  const { url, logs, heapUsed } = worker
  const state = async (): Promise<OutboxState> => (await (await fetch(`${url}/state`)).json()) as OutboxState
  const ask = async (path = '/'): Promise<void> => {
    const response = await fetch(url + path)
    const text = await response.text()
    if (text !== 'ok') throw new Error(`${path} answered ${response.status}: ${text}`)
  }
  let slowestMs = 0
  const timed = async (path: string): Promise<void> => {
    const begun = performance.now()
    await ask(path)
    slowestMs = Math.max(slowestMs, performance.now() - begun)
  }
  return {
    url,
    logs,
    ask,
    get slowestMs() {
      return slowestMs
    },
    state,
    heapUsed,
    async traffic(perSecond, ms, path = () => '/') {
      const asked: Promise<void>[] = []
      const begun = performance.now()
      for (let n = 0; performance.now() - begun < ms; n++) {
        asked.push(timed(path(n)))
        const due = begun + ((n + 1) * 1000) / perSecond
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())))
      }
      await Promise.all(asked)
      return asked.length
    },
    leave: (path, afterMs) =>
      new Promise((resolve) => {
        const socket = connect(Number(new URL(url).port), '127.0.0.1')
        socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`)
        setTimeout(() => {
          socket.resetAndDestroy()
          resolve()
        }, afterMs)
      }),
    settled: (reports = 0, limitMs = 40_000) =>
      waitFor(
        'the end of all deliveries',
        async () => {
          const now = await state()
          return now.isolate.pending === 0 && Object.keys(now.reports).length >= reports && now
        },
        limitMs,
      ),
  }
}
