/**
 * A backend that refuses, or fails for, one session's spans, which have shared a request with others: only they are lost.
 */
import { describe, expect, test } from 'vitest'
import { expectWhole } from '../support/books.ts'
import { type Booked, startLedger } from '../support/ledger.ts'
import { startOutboxWorker } from '../support/outbox.ts'

const isPoisoned = ({ spans }: Booked): boolean => spans.some(({ name }) => name === 'poison.tool')
const ROUND_TRIP_MS = 100

describe.concurrent('only that session’s spans are dropped', () => {
  test.for([403, 422, 400])('%i by content', async (status, t) => {
    const ledger = await startLedger(t, (booked) => ({
      status: isPoisoned(booked) ? status : 200,
      delayMs: ROUND_TRIP_MS,
      body: isPoisoned(booked) ? '{"message":"a field is not allowed"}' : '{}',
    }))
    const worker = await startOutboxWorker(t, { endpoint: `${ledger.url}/v1/traces` })
    const waves = 30
    for (let n = 0; n < waves; n++) {
      const sessions = worker.ask('/many?sessions=9')
      if (n % 6 === 3) await worker.ask('/many?sessions=1&tool=poison')
      await sessions
      await new Promise((resolve) => setTimeout(resolve, 40))
    }
    const { isolate, reports, drops } = await worker.settled(9 * waves + 5)
    const others = Object.entries(reports).filter(([, { dropped }]) => !dropped)
    expect(others).toHaveLength(9 * waves)
    for (const [traceId, report] of others) {
      expect(report).toEqual({ sent: 2, dropped: 0, spooled: 0, pending: 0 })
      expect(ledger.traces()).toContain(traceId)
    }
    // 403 says nothing of which span it is, the others are searched.
    expect(isolate.dropped).toBe(status === 403 ? 10 : 5)
    expect(new Set(drops.map(({ traceId }) => traceId)).size).toBe(5)
    const said = `${ledger.url}/v1/traces answered ${status}`
    for (const { error } of drops) expect(error).toMatch(new RegExp(`^${said}.*; it said: {"message":"a field is not`))
    // An innocent session is in a request at most twice more.
    const tries = new Map<string, number>()
    for (const { spans } of ledger.posts()) {
      for (const id of new Set(spans.map(({ traceId }) => traceId))) tries.set(id, (tries.get(id) ?? 0) + 1)
    }
    for (const [traceId] of others) expect(tries.get(traceId)).toBeLessThanOrEqual(3)
  })
})

test('400 by content in 2 % of the sessions: the others are three round trips late at most', async (t) => {
  const ledger = await startLedger(t, (booked) => ({ status: isPoisoned(booked) ? 400 : 200, delayMs: ROUND_TRIP_MS }))
  const worker = await startOutboxWorker(t, { endpoint: `${ledger.url}/v1/traces` })
  ledger.restart()
  const asked: number[] = []
  const begun = performance.now()
  await worker.traffic(50, 4000, (n) => {
    asked.push(performance.now() - begun)
    return n % 50 === 25 ? '/?tool=poison' : `/many?sessions=1&name=n${n}`
  })
  await worker.settled()
  const arrived = new Map<string, number>()
  for (const { spans, at, status } of ledger.posts()) {
    for (const { name } of status === 200 ? spans : []) arrived.set(name, at + ROUND_TRIP_MS)
  }
  const late = asked.flatMap((at, n) => {
    const came = arrived.get(`n${n}.session`)
    return came === undefined ? [] : [came - at]
  })
  late.sort((a, b) => a - b)
  expect(late.length).toBeGreaterThan(0.97 * asked.length)
  // A waiting session looks again after up to 100 ms; the rest is a busy machine's.
  expect(late[Math.floor(late.length * 0.99)]).toBeLessThan(3 * ROUND_TRIP_MS + 250)
})

test('503 by content in two sessions: all others arrive, and the backend is never left alone for long', async (t) => {
  const ledger = await startLedger(t, (booked) => ({ status: isPoisoned(booked) ? 503 : 200, delayMs: 20 }))
  const worker = await startOutboxWorker(t, { endpoint: `${ledger.url}/v1/traces` })
  ledger.restart()
  // What fails alone is to blame only while others pass.
  const sessions = await worker.traffic(20, 12_000, (n) => (n === 20 || n === 60 ? '/?tool=poison' : '/'))
  const poisoned = 2
  const { isolate } = await worker.settled()
  expectWhole(ledger, sessions - poisoned)
  expect(isolate).toMatchObject({ sent: 2 * (sessions - poisoned), dropped: 2 * poisoned })
  const posts = ledger.posts()
  for (const [n, { at }] of posts.slice(1).entries()) expect(at - Number(posts[n]?.at)).toBeLessThan(1200)
})
