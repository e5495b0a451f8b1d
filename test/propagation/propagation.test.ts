/**
 * Trace context and baggage in and out of a Worker in workerd, over raw HTTP. The header cases are those of the W3C's
 * validation harness for Trace Context, at its strictest level: a service is asked to call back, and what it carries is
 * looked at.
 */
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { useBackend } from '../support/backend.ts'
import { named } from '../support/collected.ts'
import { waitFor } from '../support/wait.ts'
import type { RunningWorker } from '../support/workerd.ts'

type Header = [name: string, value: string]

const TRACE = '12345678901234567890123456789012'
const PARENT = `00-${TRACE}-1234567890123456-01`
const UNSAMPLED = `00-${TRACE}-1234567890123456-00`

const backend = useBackend()
let worker: RunningWorker
let server: Server
let callback = ''
/** The raw headers of each callback. */
const called: Header[][] = []

beforeAll(async () => {
  server = createServer(({ rawHeaders, url }, response) => {
    const pairs = rawHeaders.flatMap((name, i) =>
      i % 2 ? [] : [[name.toLowerCase(), rawHeaders[i + 1] ?? ''] as Header],
    )
    called.push(pairs)
    if (url === '/away') response.writeHead(307, { location: '/' })
    response.end('heard')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  callback = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  worker = await backend.start({
    entry: 'test/fixtures/propagation-worker.ts',
    miniflare: { serviceBindings: { NEXT: 'next' } },
    others: {
      next: {
        entry: 'test/fixtures/next-worker.ts',
        miniflare: { durableObjects: { ROOM: { className: 'Room', useSQLite: true } } },
      },
    },
  })
})
afterAll(() => new Promise((resolve) => server.close(resolve)))
beforeEach(() => {
  called.length = 0
})

/** Sends the headers as they are, to the byte. */
function sendRaw(headers: readonly Header[], path = '/harness', calls = 1): Promise<string> {
  const { hostname, port } = new URL(worker.url)
  const body = JSON.stringify(Array.from({ length: calls }, (_, n) => ({ url: `${callback}/${n}` })))
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    let answer = ''
    socket.on('data', (data) => {
      answer += data
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
    socket.end(
      `POST ${path} HTTP/1.1\r\nHost: service.example.com\r\nContent-Length: ${body.length}\r\nConnection: close\r\n${lines}\r\n${body}`,
    )
  })
}

interface Carried {
  traceId: string
  parentId: string
  flags: string
  state: Record<string, string>
  order: string[]
}

/** What the callbacks carried. */
async function carried(headers: readonly Header[], path?: string, calls?: number): Promise<Carried[]> {
  expect(await sendRaw(headers, path, calls)).toMatch(/^HTTP\/1.1 200 /)
  return called.map((pairs) => {
    const parents = pairs.filter(([name]) => name === 'traceparent')
    expect(parents).toHaveLength(1)
    const [, traceId, parentId, flags] =
      /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(`${parents[0]?.[1]}`) ?? []
    const members = pairs.filter(([name]) => name === 'tracestate').flatMap(([, value]) => value.split(','))
    const state = Object.fromEntries(
      members.map((member) => [member.slice(0, member.indexOf('=')), member.slice(member.indexOf('=') + 1)]),
    )
    return { traceId, parentId, flags, state, order: members } as Carried
  })
}
const one = async (...headers: Header[]): Promise<Carried> => (await carried(headers))[0] as Carried

describe('W3C Trace Context: traceparent', () => {
  test('without any, a new one is made, random and sampled', async () => {
    const { traceId, flags } = await one()
    expect(traceId).toMatch(/^(?!0{32})/)
    expect(flags).toBe('03')
  })

  test('one is gone on in, with another parent', async () => {
    const { traceId, parentId, flags } = await one(['traceparent', PARENT])
    expect([traceId, flags]).toEqual([TRACE, '01'])
    expect(parentId).not.toBe('1234567890123456')
  })

  test.each<[string, Header[]]>([
    [
      'twice',
      [
        ['traceparent', PARENT.replace('9012-', '9011-')],
        ['traceparent', PARENT],
      ],
    ],
    ['trace-parent', [['trace-parent', PARENT]]],
    ['trace.parent', [['trace.parent', PARENT]]],
    ['version 00 with a trailing dot', [['traceparent', `${PARENT}.`]]],
    ['version 00 with more', [['traceparent', `${PARENT}-what-the-future-will-be-like`]]],
    ['version cc with a dot', [['traceparent', `cc${PARENT.slice(2)}.what-the-future-will-be-like`]]],
    ['version ff', [['traceparent', `ff${PARENT.slice(2)}`]]],
    ['version .0', [['traceparent', `.0${PARENT.slice(2)}`]]],
    ['version 0.', [['traceparent', `0.${PARENT.slice(2)}`]]],
    ['version 000', [['traceparent', `0${PARENT}`]]],
    ['version 0000', [['traceparent', `00${PARENT}`]]],
    ['version 0', [['traceparent', PARENT.slice(1)]]],
    ['trace id of zeros', [['traceparent', `00-${'0'.repeat(32)}-1234567890123456-01`]]],
    ['trace id with a dot first', [['traceparent', `00-.${TRACE.slice(1)}-1234567890123456-01`]]],
    ['trace id with a dot last', [['traceparent', `00-${TRACE.slice(1)}.-1234567890123456-01`]]],
    ['trace id too long', [['traceparent', `00-${TRACE}3-1234567890123456-01`]]],
    ['trace id too short', [['traceparent', `00-${TRACE.slice(1)}-1234567890123456-01`]]],
    ['trace id in capitals', [['traceparent', `00-${TRACE.slice(1)}A-1234567890123456-01`]]],
    ['parent id of zeros', [['traceparent', `00-${TRACE}-0000000000000000-01`]]],
    ['parent id with a dot first', [['traceparent', `00-${TRACE}-.234567890123456-01`]]],
    ['parent id with a dot last', [['traceparent', `00-${TRACE}-123456789012345.-01`]]],
    ['parent id too long', [['traceparent', `00-${TRACE}-12345678901234567-01`]]],
    ['parent id too short', [['traceparent', `00-${TRACE}-123456789012345-01`]]],
    ['flags .0', [['traceparent', `00-${TRACE}-1234567890123456-.0`]]],
    ['flags 0.', [['traceparent', `00-${TRACE}-1234567890123456-0.`]]],
    ['flags 001', [['traceparent', `00-${TRACE}-1234567890123456-001`]]],
    ['flags 1', [['traceparent', `00-${TRACE}-1234567890123456-1`]]],
  ])('%s: a new trace', async (_, headers) => {
    const { traceId } = await one(...headers)
    expect(TRACE.includes(traceId) || traceId.includes(TRACE.slice(1, -1))).toBe(false)
  })

  test.each<[string, Header]>([
    ['TraceParent', ['TraceParent', PARENT]],
    ['TrAcEpArEnT', ['TrAcEpArEnT', PARENT]],
    ['TRACEPARENT', ['TRACEPARENT', PARENT]],
    ['version cc', ['traceparent', `cc${PARENT.slice(2)}`]],
    ['version cc with more', ['traceparent', `cc${PARENT.slice(2)}-what-the-future-will-be-like`]],
    ['a space before', ['traceparent', ` ${PARENT}`]],
    ['a tab before', ['traceparent', `\t${PARENT}`]],
    ['a space behind', ['traceparent', `${PARENT} `]],
    ['a tab behind', ['traceparent', `${PARENT}\t`]],
    ['both around', ['traceparent', `\t ${PARENT} \t`]],
  ])('%s: the same trace', async (_, header) => {
    expect((await one(header)).traceId).toBe(TRACE)
  })

  test.each([
    ['00', '00'],
    ['01', '01'],
    ['02', '02'],
    ['03', '03'],
    ['ff', '03'],
    ['fc', '00'],
  ])('flags %s: handed on as %s, unknown ones not (Level 2)', async (given, expected) => {
    expect((await one(['traceparent', `00-${TRACE}-1234567890123456-${given}`])).flags).toBe(expected)
  })

  test.each<[string, Header[], string | undefined]>([
    ['a valid one', [['traceparent', PARENT]], TRACE],
    ['none', [], undefined],
    ['an invalid one', [['traceparent', `00-${'0'.repeat(32)}-1234567890123456-01`]], undefined],
  ])('three callbacks with %s: one trace, three parents', async (_, headers, expected) => {
    const all = await carried(headers, '/harness', 3)
    expect(new Set(all.map(({ parentId }) => parentId)).size).toBe(3)
    const [traceId] = new Set(all.map((each) => each.traceId))
    if (expected) expect(traceId).toBe(expected)
    else expect(traceId).not.toMatch(/^(0{32}|12345678)/)
  })
})

const keys = 'abcdefghijklmnopqrstuvwxyz0123456789_-*/'
const values = Array.from({ length: 95 }, (_, i) => String.fromCharCode(0x20 + i))
  .filter((c) => !/[,=]/.test(c))
  .join('')
const members = (count: number): string =>
  Array.from({ length: count }, (_, i) => `bar${`${i + 1}`.padStart(2, '0')}=${i + 1}`).join(',')

describe('W3C Trace Context: tracestate', () => {
  const withState = (...states: string[]): Promise<Carried> =>
    one(['traceparent', UNSAMPLED], ...states.map((state): Header => ['tracestate', state]))

  test('without a traceparent it is discarded', async () => {
    expect((await one(['tracestate', 'foo=1'])).state).toEqual({})
    expect(called.splice(0)).toHaveLength(1)
    expect((await one(['tracestate', 'foo=1,bar=2'])).state).toEqual({})
  })

  test.each<[string, string[], string[]]>([
    ['two members', ['foo=1,bar=2'], ['foo=1', 'bar=2']],
    ['an empty header', [''], []],
    ['an empty header behind', ['foo=1', ''], ['foo=1']],
    ['an empty header before', ['', 'foo=1'], ['foo=1']],
    [
      'several headers, in order',
      ['foo=1,bar=2', 'rojo=1,congo=2', 'baz=3'],
      ['foo=1', 'bar=2', 'rojo=1', 'congo=2', 'baz=3'],
    ],
    ['every character', [`${keys}=${values}`], [`${keys}=${values}`]],
    ['every character, and a vendor', [`${keys}@a-z0-9_-*/=${values}`], [`${keys}@a-z0-9_-*/=${values}`]],
    ['blanks between', ['foo=1 \t , \t bar=2, \t baz=3'], ['foo=1', 'bar=2', 'baz=3']],
    ['tabs between', ['foo=1\t \t,\t \tbar=2,\t \tbaz=3'], ['foo=1', 'bar=2', 'baz=3']],
    ['blanks around', ['\t foo=1 \t'], ['foo=1']],
    ['32 members', [members(16), members(32).slice(members(16).length + 1)], members(32).split(',')],
    ['a key of 256', ['foo=1', `${'z'.repeat(256)}=1`], ['foo=1', `${'z'.repeat(256)}=1`]],
    [
      'a tenant of 241 and a vendor of 14',
      ['foo=1', `${'t'.repeat(241)}@${'v'.repeat(14)}=1`],
      ['foo=1', `${'t'.repeat(241)}@${'v'.repeat(14)}=1`],
    ],
    // Level 2.
    ['a key that ends in @', ['foo@=1,bar=2'], ['foo@=1', 'bar=2']],
    ['two @ in a key', ['foo@@bar=1,foo@bar@baz=2'], ['foo@@bar=1', 'foo@bar@baz=2']],
    [
      'a tenant of 242, a vendor of 15',
      [`${'t'.repeat(242)}@${'v'.repeat(13)}=1`, `t@${'v'.repeat(15)}=1`],
      [`${'t'.repeat(242)}@${'v'.repeat(13)}=1`, `t@${'v'.repeat(15)}=1`],
    ],
    ['a key that begins with a digit', ['0foo=1'], ['0foo=1']],
    ['a value of 256', [`foo=${'v'.repeat(256)}`], [`foo=${'v'.repeat(256)}`]],
    ['blanks inside a value, and before it', ['foo= a b'], ['foo= a b']],
    [
      'more than 512 characters',
      [`foo=${'v'.repeat(250)},${'z'.repeat(256)}=1,bar=2`],
      [`foo=${'v'.repeat(250)}`, `${'z'.repeat(256)}=1`, 'bar=2'],
    ],
    ['the first of the same key and value', ['foo=1,bar=2,foo=1'], ['foo=1', 'bar=2']],
    ['the first of the same key', ['foo=1,foo=2'], ['foo=1']],
    ['the first of the same key in two headers', ['foo=1', 'bar=2,foo=2'], ['foo=1', 'bar=2']],
  ])('%s: handed on', async (_, states, expected) => {
    const { traceId, order } = await withState(...states)
    expect(traceId).toBe(TRACE)
    expect(order).toEqual(expected)
  })

  test.each<[string, string[]]>([
    ['a blank in a key', ['foo =1']],
    ['capitals in a key', ['FOO=1']],
    ['a dot in a key', ['foo.bar=1']],
    ['no tenant', ['@foo=1,bar=2']],
    ['33 members', [members(33)]],
    ['a key of 257', ['foo=1', `${'z'.repeat(257)}=1`]],
    ['a value of 257', ['foo=1', `bar=${'v'.repeat(257)}`]],
    ['a value that is no ASCII', ['foo=\u00e9']],
    ['a key that begins with _', ['_foo=1']],
    ['= in a value', ['foo=bar=baz']],
    ['an empty value', ['foo=,bar=3']],
  ])('%s: discarded, and the trace is gone on in', async (_, states) => {
    const { traceId, order } = await withState(...states)
    expect([traceId, order]).toEqual([TRACE, []])
  })

  test.each(['TraceState', 'TrAcEsTaTe', 'TRACESTATE'])('%s is the header', async (name) => {
    expect((await one(['traceparent', UNSAMPLED], [name, 'foo=1'])).state).toEqual({ foo: '1' })
  })
  test.each(['trace-state', 'trace.state'])('%s is none', async (name) => {
    expect((await one(['traceparent', UNSAMPLED], [name, 'foo=1'])).state).toEqual({})
  })
})

const headerOf = (name: string): string | undefined => called[0]?.find(([each]) => each === name)?.[1]
/** The entries of the baggage that the callback carried, without ours. */
const baggageOf = (): string[] =>
  (headerOf('baggage') ?? '').split(',').filter((entry) => entry && !entry.startsWith('session.id='))

describe('W3C Baggage', () => {
  test.each<[string, string[], string[]]>([
    ['entries and properties', ['a=1,b=2;p=x'], ['a=1', 'b=2;p=x']],
    ['several headers', ['a=1', 'b=2'], ['a=1', 'b=2']],
    ['percent-encoded values', ['a=%F0%9F%90%B1%2C'], ['a=%F0%9F%90%B1%2C']],
    ['what is malformed goes alone', ['a=1,=2,b,c=%zz,d=4'], ['a=1', 'd=4']],
    ['one too long goes alone', [`a=${'x'.repeat(5000)},b=2`], ['b=2']],
    ['none', [], []],
  ])('%s', async (_, given, expected) => {
    await sendRaw([['traceparent', PARENT], ...given.map((value): Header => ['baggage', value])])
    expect(baggageOf()).toEqual(expected)
  })

  test('at most 180 entries and 8,192 bytes go on', async () => {
    await sendRaw([['baggage', Array.from({ length: 300 }, (_, i) => `k${i}=${'v'.repeat(40)}`).join()]])
    expect(headerOf('baggage')?.length).toBeLessThanOrEqual(8192)
    expect(baggageOf().length).toBeGreaterThan(100)
  })
})

describe('who is called, and who calls', () => {
  let path = ''
  /** A path of this test's alone: sessions of earlier tests may still arrive. */
  const own = (query: string): string => {
    path = `/harness/${crypto.randomUUID()}`
    return `${path}?${query}`
  }
  const ownSession = () => backend.session(({ root }) => root?.attributes['url.path'] === path)

  test.each([
    ['hosts=default', false],
    ['hosts=other.example.com', false],
    ['hosts=127.0.0.1', true],
    ['hosts=*.0.0.1', true],
  ])('%s: the trace goes along: %s', async (query, goes) => {
    await sendRaw([['traceparent', PARENT]], own(query))
    expect([headerOf('traceparent') !== undefined, headerOf('baggage') !== undefined]).toEqual([goes, goes])
    const { spans } = await ownSession()
    expect(named(spans, 'POST 127.0.0.1')).toMatchObject({ kind: 3, attributes: { 'http.response.status_code': 200 } })
  })

  test.each([
    ['inbound=link', false, 1],
    ['inbound=ignore', false, 0],
    ['inbound=header', true, 0],
  ])('%s', async (query, same, links) => {
    await sendRaw(
      [
        ['traceparent', PARENT],
        ['x-inbound', 'continue'],
      ],
      own(query),
    )
    const { root } = await ownSession()
    expect(root?.traceId === TRACE).toBe(same)
    expect(root?.links ?? []).toHaveLength(links)
  })

  test('a caller that trust refuses is linked to; its flag, its baggage and its session are not taken', async () => {
    await sendRaw(
      [
        ['traceparent', UNSAMPLED],
        ['baggage', 'a=1,session.id=conversation'],
      ],
      own('trust'),
    )
    const { root } = await ownSession()
    expect(root?.traceId).not.toBe(TRACE)
    expect(root?.links).toMatchObject([{ traceId: TRACE }])
    expect(root?.attributes['session.id']).not.toBe('conversation')
    expect(baggageOf()).toEqual([])
    expect(headerOf('baggage')).toBe(`session.id=${root?.attributes['session.id']}`)
  })

  test('B3 in place of W3C', async () => {
    await sendRaw(
      [
        ['b3', `${TRACE}-1234567890123456-1`],
        ['traceparent', PARENT.replaceAll('1', '2')],
      ],
      own('b3'),
    )
    const { traceId } = await ownSession()
    expect(traceId).toBe(TRACE)
    expect(headerOf('b3')).toMatch(new RegExp(`^${TRACE}-[0-9a-f]{16}-1$`))
    expect(headerOf('traceparent')).toBeUndefined()
  })

  test.each([
    ['an unsampled parent: nothing is sent, and nobody behind samples', UNSAMPLED, '1', '00', 0],
    ['a sampled parent goes before ratio 0', PARENT, '0', '01', 1],
  ])('%s', async (_, traceparent, ratio, flags, sessions) => {
    const [{ flags: handed } = { flags: '' }] = await carried([['traceparent', traceparent]], own(`ratio=${ratio}`))
    expect(handed).toBe(flags)
    const first = path
    // One that is sent comes behind it.
    await sendRaw([], own(''))
    await ownSession()
    const roots = backend.collector.store.list().flatMap(({ spans }) => spans)
    expect(roots.filter(({ attributes }) => attributes['url.path'] === first)).toHaveLength(sessions)
  })
})

interface Chain {
  id: string
  seen: string
  stranger?: string
  next: { id: string; group: string; room: { id: string; group: string; tenant: string } }
}

describe('a chain of Worker, Worker and Durable Object', () => {
  const ask = async (path: string, headers: Record<string, string>): Promise<Chain> =>
    (await (await fetch(`${worker.url}/chain${path}`, { headers })).json()) as Chain
  const sessions = () =>
    waitFor('three sessions', () => {
      const roots = backend.collector.store
        .list()
        .flatMap(({ spans }) => spans.filter((span) => span.attributes['agentops.span.kind'] === 'session'))
      return roots.length === 3 && roots
    })

  test('is one trace with its baggage; a stranger’s session.id is not joined, and not handed on', async () => {
    const answer = await ask('', { traceparent: PARENT, baggage: 'tenant=acme,session.id=stolen' })
    expect([answer.seen, answer.next.room.tenant]).toEqual(['acme', 'acme'])
    expect(answer.stranger).toBeUndefined()
    // Behind, where the caller is trusted, all are part of the first one's session.
    expect([answer.next.group, answer.next.room.group]).toEqual([answer.id, answer.id])
    expect(new Set([answer.id, answer.next.id, answer.next.room.id]).size).toBe(3)
    const roots = await sessions()
    expect(roots.map(({ traceId }) => traceId)).toEqual([TRACE, TRACE, TRACE])
    expect(new Set(roots.map(({ attributes }) => attributes['session.id']))).toEqual(new Set([answer.id]))
    const all = backend.collector.store.list().flatMap(({ spans }) => spans)
    const spanOf = (id: string | undefined) => all.find(({ spanId }) => spanId === id)
    // From the object's session up to the caller.
    const up: (string | undefined)[] = []
    for (let span = all.find(({ name }) => name === 'room.tool'); span; span = spanOf(span.parentSpanId))
      up.push(span.name)
    expect(up).toEqual([
      'room.tool',
      'GET.session',
      'GET room',
      'GET.session',
      'GET next',
      'second.tool',
      'GET.session',
    ])
    expect(JSON.stringify(all.map(({ attributes }) => attributes))).not.toContain('stolen')
  })

  test('a trusted caller’s is', async () => {
    const answer = await ask('?trust', { traceparent: PARENT, baggage: 'session.id=conversation', 'x-internal': 'yes' })
    expect([answer.next.group, answer.next.room.group]).toEqual(['conversation', 'conversation'])
    const roots = await sessions()
    expect(roots.map(({ attributes }) => attributes['session.id'])).toEqual(Array(3).fill('conversation'))
  })
})
