/** The consumer of a spool, and messages that would bring it down: in the queue of a real workerd, and by hand. */
import { describe, expect, test } from 'vitest'
import { otlpProtobuf } from '../../src/formats/index.ts'
import type { Drop } from '../../src/index.ts'
import { drainSpool, type SpoolMessage } from '../../src/spool/index.ts'
import { bomb, type Made, message, otlpBody, plan } from '../support/messages.ts'
import { type Scripted, scripted, scriptedForAnything } from '../support/scripted-client.ts'
import { acceptedOf, startSpoolWorker } from '../support/spool.ts'
import { waitFor } from '../support/wait.ts'

const KEY = '22222222-2222-4222-8222-222222222222'

/** Ten megabytes of protobuf that are nothing but empty spans. */
function emptySpans(): Buffer {
  const field = (number: number, value: Buffer): Buffer => {
    const head = [number * 8 + 2]
    let { length } = value
    for (; length >= 128; length = Math.floor(length / 128)) head.push((length % 128) + 128)
    return Buffer.concat([Buffer.from([...head, length]), value])
  }
  return field(1, field(2, Buffer.alloc(5 << 20, Buffer.from([0x12, 0]))))
}

describe('a message that no spool has sent', () => {
  const cases: [what: string, made: Made, word: RegExp][] = [
    ['names 1e8 spans', { spans: 1e8 }, /spans.*100000000/],
    ['names half a span', { spans: 0.5 }, /spans.*0\.5/],
    ['grows from 87 KB to 90 MB', { body: bomb(90e6) }, /larger than/],
    ['has a line break in a header', { headers: { 'content-type': 'a\nb' } }, /content-type/],
    ['has an encoding that nobody can read', { headers: { 'content-encoding': 'br' } }, /content-encoding/],
    ['has a body that is cut off', { headers: { 'content-encoding': 'gzip' }, body: undefined }, /./],
    ['has no headers', { headers: null as never }, /./],
    ['has no address', { url: 7 as never }, /url/],
    ['has an address of 50 KB', { url: `https://example.com/${'x'.repeat(50_000)}` }, /url/],
    ['has a format that is no name', { format: '\u001b[2J' as never }, /format/],
  ]

  test.each(cases)('one that %s is refused alone, with a word; the others arrive', async (what, made, word) => {
    const backend = await scripted()
    const url = `${backend.url}/v1/traces`
    const worker = await startSpoolWorker({ options: { endpoint: url } })
    let bad = message(url, 'bad', made)
    if (made.headers === null) bad = { ...bad, headers: null as never }
    if (what.endsWith('cut off')) bad = { ...bad, body: bad.body.slice(0, 40) }
    await worker.put([message(url, 'first'), bad, message(url, 'last')])
    const { drainDrops, drained, attempts } = await waitFor('the batch', async () => {
      const state = await worker.state()
      return state.drained.reduce((sum, { sent }) => sum + sent, 0) >= 4 && state.drainDrops.length > 0 && state
    })
    expect(Object.values(attempts)).toEqual([1, 1, 1])
    expect(drainDrops).toMatchObject([{ reason: 'rejected', error: expect.stringMatching(word) }])
    expect(drained.reduce((sum, { spooled, pending }) => sum + spooled + pending, 0)).toBe(0)
    expect([...(await acceptedOf(backend)).values()].flat().sort()).toEqual(['first-0', 'first-1', 'last-0', 'last-1'])
    expect(await backend.received()).toHaveLength(2)
    // One line, whatever the message holds.
    expect(worker.logs.filter((line) => /were lost/.test(line))).toHaveLength(1)
    expect(worker.logs.join('')).not.toContain('\n')

    const session = await worker.ask('cats')
    await waitFor('a session', async () => (await acceptedOf(backend)).has(session.replaceAll('-', '')))
  })

  test('one that has a million empty spans is refused alone, where the backend refuses it', async () => {
    const backend = await scripted({ maxBytes: 100_000, status: 400 }, {})
    const url = `${backend.url}/v1/traces`
    const worker = await startSpoolWorker({ options: { endpoint: url }, format: 'protobuf' })
    const headers = { 'content-type': 'application/x-protobuf' }
    const bad = message(url, 'bad', { format: 'otlp-protobuf', spans: 10, headers, body: emptySpans() })
    const good = message(url, 'good', { format: 'otlp-protobuf', spans: 1, headers, body: Buffer.from([10, 0]) })
    await worker.put([bad, good])
    const { drainDrops, attempts } = await waitFor('the batch', async () => {
      const state = await worker.state()
      return state.drained.reduce((sum, { sent, dropped }) => sum + sent + dropped, 0) >= 2 && state
    })
    expect(Object.values(attempts)).toEqual([1, 1])
    expect(drainDrops).toMatchObject([{ reason: 'rejected', error: expect.stringMatching(/spans|larger/) }])
    expect((await backend.received()).length).toBeLessThan(40)
  })

  test.each([
    ['ends in a length', [10, 200]],
    ['holds less than a length says', [10, 9, 18]],
    ['holds numbers', [8, 1]],
  ])('a protobuf body that %s is refused alone, where the backend refuses it', async (_, bytes) => {
    const backend = await scriptedForAnything({ status: 400 })
    const endpoint = `${backend.url}/v1/traces`
    const drops: Drop[] = []
    const headers = { 'content-type': 'application/x-protobuf' }
    const bad = message(endpoint, '', { format: 'otlp-protobuf', spans: 1, headers, body: Buffer.from(bytes) })
    const event = { Records: [{ messageId: 'm0', body: JSON.stringify(bad) }] }
    const options = { endpoint, format: otlpProtobuf, onDrop: (drop: Drop) => drops.push(drop) }
    expect(await drainSpool(event, options)).toEqual({ batchItemFailures: [] })
    expect(drops).toMatchObject([{ reason: 'rejected', error: expect.stringContaining('no OTLP as protobuf') }])
  })

  test('a v2 plan with 6,000 agents costs no request; the other session arrives', async () => {
    const backend = await scripted()
    const options = { apiKey: KEY, apiEndpoint: backend.url }
    const worker = await startSpoolWorker({ options, format: 'v2' })
    const of = (agents: number): SpoolMessage =>
      message(new URL(backend.url).href, '', { format: 'agentops-v2', body: plan(agents) })
    await worker.put([of(6000), of(3)])
    const { drainDrops, drained, attempts } = await waitFor('the batch', async () => {
      const state = await worker.state()
      return state.drained.reduce((sum, { sent, dropped }) => sum + sent + dropped, 0) >= 3 && state
    })
    expect(Object.values(attempts)).toEqual([1, 1])
    expect(drainDrops).toEqual([{ spans: 2, reason: 'rejected', error: expect.stringMatching(/6000 agents/) }])
    expect(drained.reduce((sum, { sent }) => sum + sent, 0)).toBe(2)
    expect((await calls(backend)).sort()).toEqual([
      ...Array(3).fill('create_agent'),
      ...['create_events', 'create_session', 'update_session'],
    ])
  })

  test('a message whose every second span is refused costs no more requests than a thousand', async () => {
    const backend = await scripted({ when: 'poison', status: 400 }, {})
    const url = `${backend.url}/v1/traces`
    const body = Buffer.from(
      otlpBody('span', 3000)
        .toString()
        .replace(/span-\d*[02468]"/g, 'poison"'),
    )
    const worker = await startSpoolWorker({ options: { endpoint: url }, drainOptions: { endpoint: url } })
    await worker.put([message(url, '', { spans: 3000, body }), message(url, 'good')])
    const { drained } = await waitFor(
      'the batch',
      async () => {
        const state = await worker.state()
        return state.drained.reduce((sum, { sent, dropped }) => sum + sent + dropped, 0) >= 3002 && state
      },
      40_000,
    )
    expect(drained.reduce((sum, { spooled }) => sum + spooled, 0)).toBe(0)
    expect((await backend.received()).length).toBeLessThanOrEqual(1001)
    expect([...(await acceptedOf(backend)).values()].flat()).toContain('good-1')
  })
})

async function calls(backend: Scripted): Promise<string[]> {
  return (await backend.received()).map(({ path }) => path.replace('/v2/', ''))
}
