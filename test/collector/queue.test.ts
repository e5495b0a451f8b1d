/** What a queue delivers together: a message that cannot be written costs only itself, and a busy store gets all again. */
import { expect, test } from 'vitest'
import { BusyError } from '../../src/collector/busy.ts'
import { readOtlp } from '../../src/collector/otlp.ts'
import { fromQueue, type QueueBatch, toQueue } from '../../src/collector/queue.ts'
import type { TraceStore } from '../../src/collector/trace-store.ts'
import { otlpOf, traceIdOf } from '../support/desk.ts'

const NAMES = ['GET /one', 'GET /poison', 'GET /two']

/** What became of each message, and which sessions the store has. */
async function delivered(refuse: (names: string[]) => Error | undefined): Promise<{ said: string[]; kept: string[] }> {
  const kept: string[] = []
  const store = {
    async write({ spans }) {
      const names = spans.map(({ name }) => name.replace(/\.session$/, ''))
      const error = refuse(names)
      if (error) throw error
      kept.push(...names)
    },
  } as TraceStore
  const bodies: unknown[] = []
  const put = toQueue({ send: async (body) => void bodies.push(body) }, store)
  for (const [n, name] of NAMES.entries()) {
    await put(readOtlp(otlpOf({ traceId: traceIdOf(n + 1), name, start: Date.now(), ms: 5 })))
  }
  const said: string[] = []
  const messages: QueueBatch['messages'] = bodies.map((body) => ({
    body,
    ack: () => void said.push('ack'),
    retry: () => void said.push('retry'),
  }))
  await fromQueue({ messages }, store)
  return { said, kept }
}

test('one that the store cannot write comes again alone', async () => {
  const refuse = (names: string[]): Error | undefined =>
    names.includes('GET /poison') ? new Error('constraint failed') : undefined
  expect(await delivered(refuse)).toEqual({ said: ['ack', 'retry', 'ack'], kept: ['GET /one', 'GET /two'] })
})

test('all come again where the store is busy, after one try', async () => {
  let tries = 0
  const refuse = (): Error => {
    tries++
    return new BusyError('too much to do')
  }
  expect(await delivered(refuse)).toEqual({ said: ['retry', 'retry', 'retry'], kept: [] })
  expect(tries).toBe(1)
})
