import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type CollectedSession,
  type RunningCollector,
  renderWaterfall,
  startCollector,
} from '../../src/collector/index.ts'

let collector: RunningCollector
const ended: CollectedSession[] = []
beforeAll(async () => {
  collector = await startCollector({ limit: 3, onSession: (session) => ended.push(session) })
})
afterAll(() => collector.close())

const KEY = '11111111-1111-4111-8111-111111111111'
const JSON_TYPE = { 'content-type': 'application/json' }

function attribute(key: string, value: string | number): object {
  return { key, value: typeof value === 'string' ? { stringValue: value } : { intValue: value } }
}
function otlp(session: string, kind = 'session', fields: object = {}): string {
  const attributes = [
    attribute('session.id', session),
    attribute('agentops.span.kind', kind),
    attribute('gen_ai.usage.prompt_tokens', 7),
  ]
  const span = {
    traceId: 'a'.repeat(32),
    spanId: kind === 'session' ? 'b'.repeat(16) : 'c'.repeat(16),
    name: `x.${kind}`,
    kind: 2,
    startTimeUnixNano: '1000000000000000000',
    endTimeUnixNano: '1000000001500000000',
    attributes,
    status: { code: 1 },
    ...fields,
  }
  return JSON.stringify({
    resourceSpans: [{ resource: { attributes: [] }, scopeSpans: [{ scope: { name: 's' }, spans: [span] }] }],
  })
}
/** Spaces around JSON mean nothing. */
const padded = (bytes: number): string => otlp('large').padEnd(bytes)
const post = (path: string, body: BodyInit, headers: Record<string, string> = JSON_TYPE): Promise<Response> =>
  fetch(collector.url + path, { method: 'POST', body, headers })

describe('the token exchange', () => {
  test.each([
    [JSON.stringify({ api_key: KEY }), 200],
    [JSON.stringify({ api_key: 'mine' }), 400],
    ['{}', 422],
    ['no json', 422],
  ])('%s gives %i', async (body, status) => {
    expect((await post('/v3/auth/token', body)).status).toBe(status)
  })

  test('a token is taken, a wrong one refused, none is as for a plain collector', async () => {
    const { token } = (await (await post('/v3/auth/token', JSON.stringify({ api_key: KEY }))).json()) as {
      token: string
    }
    const status = async (headers: object): Promise<number> =>
      (await post('/v1/traces', otlp('t'), { ...JSON_TYPE, ...headers })).status
    expect(await status({ authorization: `Bearer ${token}` })).toBe(200)
    expect(await status({ authorization: `Bearer ${token}x` })).toBe(401)
    expect(await status({ authorization: 'Basic abc' })).toBe(401)
    expect(await status({})).toBe(200)
  })
})

describe('traces', () => {
  test.each<[string, BodyInit, Record<string, string>, number]>([
    ['JSON', otlp('ok'), JSON_TYPE, 200],
    ['gzip', gzipSync(otlp('zipped')), { ...JSON_TYPE, 'content-encoding': 'gzip' }, 200],
    ['gzip up to the limit', gzipSync(padded(20 * 1024 * 1024)), { ...JSON_TYPE, 'content-encoding': 'GZIP' }, 200],
    [
      'gzip beyond the limit',
      gzipSync(padded(20 * 1024 * 1024 + 1)),
      { ...JSON_TYPE, 'content-encoding': 'gzip' },
      400,
    ],
    [
      'a gzip that breaks off',
      gzipSync(otlp('cut')).subarray(0, -8),
      { ...JSON_TYPE, 'content-encoding': 'gzip' },
      400,
    ],
    ['another content type', otlp('x'), { 'content-type': 'text/plain' }, 415],
    ['no JSON', 'x', JSON_TYPE, 400],
    ['no OTLP', '{}', JSON_TYPE, 400],
    ['a span without ids', otlp('x', 'tool', { traceId: 'zz' }), JSON_TYPE, 400],
    ['a broken gzip', 'x', { ...JSON_TYPE, 'content-encoding': 'gzip' }, 400],
  ])('%s', async (_, body, headers, status) => {
    expect((await post('/v1/traces', body, headers)).status).toBe(status)
  })

  test('a body that unpacks to more than the limit is refused with a reason', async () => {
    const body = gzipSync(padded(40 * 1024 * 1024))
    const response = await post('/v1/traces', body, { ...JSON_TYPE, 'content-encoding': 'gzip' })
    expect(((await response.json()) as { message: string }).message).toContain('more than 20971520 bytes')
  })

  test('a session has ended when its root arrives, with the spans that came before', async () => {
    collector.store.clear()
    ended.length = 0
    await post(
      '/v1/traces',
      otlp('one', 'tool', { parentSpanId: 'b'.repeat(16), status: { code: 2, message: 'bad luck' } }),
    )
    expect(ended).toEqual([])
    await post('/v1/traces', otlp('one'))
    expect(ended.map(({ id, spans }) => [id, spans.length])).toEqual([['one', 2]])
    expect(await (await fetch(`${collector.url}/sessions`)).json()).toMatchObject([
      { id: 'one', name: 'x.session', spans: 2 },
    ])
    const text = await (await fetch(`${collector.url}/sessions/one`)).text()
    expect(text).toContain('x.session · running · 1.50 s · 2 spans · 14 tokens')
    expect(text).toMatch(/^ {4}x\.tool .*✗ bad luck$/m)
    expect((await fetch(`${collector.url}/sessions/none`)).status).toBe(404)
  })

  test('it keeps the newest sessions only', async () => {
    for (const id of ['a', 'b', 'c', 'd', 'e']) await post('/v1/traces', otlp(id))
    expect(collector.store.list().map(({ id }) => id)).toEqual(['c', 'd', 'e'])
  })
})

test('odd spans do not break it', async () => {
  collector.store.clear()
  const tags = {
    attributes: [
      attribute('session.id', 'odd'),
      attribute('agentops.span.kind', 'session'),
      attribute('agentops.tags', 'text'),
    ],
  }
  expect(
    (await post('/v1/traces', otlp('odd', 'session', { ...tags, traceId: 'A'.repeat(32), name: 'bell\u0007' }))).status,
  ).toBe(200)
  const spans = Array.from({ length: 20_000 }, (_, n) => ({
    ...JSON.parse(otlp('odd')).resourceSpans[0].scopeSpans[0].spans[0],
    spanId: (n + 1).toString(16).padStart(16, '0'),
    parentSpanId: n.toString(16).padStart(16, '0'),
  }))
  const deep = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] })
  expect((await post('/v1/traces', deep)).status).toBe(200)
  const text = await (await fetch(`${collector.url}/sessions/odd`)).text()
  expect(text).toContain('tags text')
  expect(text).not.toContain('\u0007')
  expect((await post('/v3/auth/token', 'null')).status).toBe(422)
})

test('a session without spans is shown as one', () => {
  expect(renderWaterfall({ id: 'x', traceId: 'y', spans: [] })).toBe('session x: no spans')
})

test('a taken port is an error, not a silence', async () => {
  await expect(startCollector({ port: Number(new URL(collector.url).port) })).rejects.toThrow('EADDRINUSE')
})
