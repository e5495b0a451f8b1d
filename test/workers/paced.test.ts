/** What a source is asked for, and when: for one chunk by whoever asks for one, ahead only by the platform that sends. */
import { get } from 'node:http'
import { beforeAll, describe, expect, test } from 'vitest'
import type { CollectedSession } from '../../src/collector/index.ts'
import { useBackend } from '../support/backend.ts'
import type { RunningWorker } from '../support/workerd.ts'

const backend = useBackend()
let worker: RunningWorker
beforeAll(async () => {
  worker = await backend.start({
    entry: 'test/fixtures/paced-worker.ts',
    miniflare: { serviceBindings: { SELF: 'main' } },
  })
})

const sessionAt = (path: string): Promise<CollectedSession> =>
  backend.session(({ root }) => root?.attributes['url.path'] === path)

let asked = 0
type Query = Record<string, string>
const urlOf = (path: string, query: Query): string =>
  `${worker.url}${path}?${new URLSearchParams({ ...query, id: String(asked++) })}`
const ask = async (path: string, query: Query): Promise<{ bytes: number; pulls: number }> =>
  (await fetch(urlOf(path, query))).json() as never

describe.each(['at once', 'soon', 'later', 'bytes'])('a source that gives %s', (source) => {
  const readers = ['reader', 'iterator', 'pipe', 'tee', ...(source === 'bytes' ? ['a buffer of its own'] : [])]
  test.each(readers)('read in the Worker by %s: asked as often as without us', async (reader) => {
    const plain = await ask('/read', { source, reader, mode: 'plain' })
    const { bytes, pulls } = await ask('/read', { source, reader, mode: 'traced' })
    expect(bytes).toBe(plain.bytes)
    // `tee` asks for one chunk at once.
    expect(pulls).toBeLessThanOrEqual(plain.pulls + (reader === 'tee' ? 1 : 0))
  })

  test('sent by the platform to somebody who stops: some is read ahead, no more than 16 KiB', async () => {
    const plain = await ask('/served', { source, reader: 'reader', mode: 'plain' })
    const { pulls } = await ask('/served', { source, reader: 'reader', mode: 'traced' })
    expect(pulls).toBeGreaterThan(plain.pulls + 5)
    expect(pulls).toBeLessThanOrEqual(plain.pulls + 20)
  })

  test('every byte comes, in its order', async () => {
    const whole = async (mode: string): Promise<Buffer> =>
      Buffer.from(await (await fetch(urlOf('/whole', { source, mode }))).arrayBuffer())
    const plain = await whole('plain')
    expect(plain).toHaveLength(200_000)
    expect((await whole('traced')).equals(plain)).toBe(true)
    const { root } = await sessionAt('/whole')
    expect(root?.attributes['agentops.response.body_end']).toBe('complete')
  })
})

test('a source that has ended while some of it waits for a reader, who leaves: cancelled, not complete', async () => {
  await fetch(urlOf('/left', { source: 'soon', mode: 'traced', chunks: '12' }))
  const { root } = await sessionAt('/stream')
  expect(root?.attributes['agentops.response.body_end']).toBe('cancelled')
})

/** What a client has got when the response broke off. */
function broken(url: string): Promise<{ bytes: number; error: unknown }> {
  return new Promise((resolve) => {
    let bytes = 0
    const done = ({ code }: NodeJS.ErrnoException): void => resolve({ bytes, error: code })
    const sent = get(url, (response) => {
      response.on('data', ({ length }: Buffer) => {
        bytes += length
      })
      response.on('error', done)
    })
    sent.on('error', done)
  })
}

test.each(['soon', 'later'])(
  'a source that gives %s and breaks: what came before arrives as without us',
  async (source) => {
    const query = { source, breaks: '5' }
    const plain = await broken(urlOf('/broken', { ...query, mode: 'plain' }))
    const seen = await broken(urlOf('/broken', { ...query, mode: 'traced' }))
    expect(seen.bytes).toBeGreaterThanOrEqual(plain.bytes)
    expect(seen.error).toBe(plain.error)
    const { root } = await sessionAt('/broken')
    expect(root?.attributes).toMatchObject({
      'agentops.response.body_end': 'error',
      'agentops.session.end_state_reason': 'source broke',
    })
  },
)
