/** API and page over each store: nothing here knows which one answers. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { attributesOf, type DeskSession, modelCall, otlpOf, spanId, tool, traceIdOf } from '../support/desk.ts'
import { onClickHouse, onClickHouseFromWorker, onD1, onSqlite, type RunningStore } from '../support/stores.ts'
import { waitFor } from '../support/wait.ts'

const STORES: [name: string, start: () => Promise<RunningStore>][] = [
  ['SQLite in Node', () => onSqlite()],
  ['D1 in workerd', () => onD1()],
]
// An install of 550 MB: `npm run test:desk`.
if (process.env.DESK) {
  STORES.push(['ClickHouse’s engine, from Node', () => onClickHouse()])
  STORES.push(['ClickHouse’s engine, from workerd', onClickHouseFromWorker])
}
const QUARTER = 900_000_000
/** Sessions of the tests are of this time, so that what is added up does not depend on when they run. */
const noon = Math.floor(Date.now() / 86_400_000) * 86_400_000 - 12 * 3600_000

describe.each(STORES)('%s', (_, start) => {
  let store: RunningStore
  beforeAll(async () => {
    store = await start()
  })
  afterAll(() => store?.stop())

  let last = 0
  const session = (fields: Partial<DeskSession> = {}): DeskSession => {
    last += 1
    return { traceId: traceIdOf(7000 + last), name: 'GET /', start: noon + last, ms: 100, ...fields }
  }
  const post = async (body: object): Promise<void> => {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${store.url}/v1/traces`, { method: 'POST', body: JSON.stringify(body), headers })
    expect([response.status, await response.text()]).toEqual([200, '{"partialSuccess":{}}'])
  }
  const get = async <T = Record<string, unknown>>(path: string): Promise<T> =>
    (await fetch(store.url + path)).json() as Promise<T>
  const page = async (path: string): Promise<string> => {
    const response = await fetch(store.url + path)
    expect([path, response.status]).toEqual([path, 200])
    return await response.text()
  }
  /** As the list has it, as soon as it has so many spans. */
  const kept = (traceId: string, spans: number): Promise<Record<string, unknown>> =>
    waitFor(`${spans} spans of ${traceId}`, async () => {
      const { session: found } = await get<{ session?: { spans: number } }>(`/api/traces/${traceId}`)
      return found?.spans === spans ? { ...found } : undefined
    })
  /** Sends sessions and waits until they are there. */
  const take = async (...sessions: DeskSession[]): Promise<void> => {
    await post({ resourceSpans: sessions.flatMap((of) => otlpOf(of).resourceSpans) })
    for (const { traceId, spans = [], isRunning } of sessions) await kept(traceId, spans.length + (isRunning ? 0 : 1))
  }
  const names = async (query: string): Promise<string[]> =>
    (await get<{ name: string }[]>(`/api/sessions?${query}`)).map(({ name }) => name)

  const question = { role: 'user', content: 'Wie spät ist es in Köln?' }
  const call = { id: 'c1', name: 'clock', arguments: { city: 'Köln' } }
  const asked = (): DeskSession =>
    session({
      name: 'POST /ask',
      route: '/ask',
      tags: ['one', 'two'],
      spans: [
        modelCall(1, 20, 'chat.llm#1', [question], [call]),
        tool(22, 5, 'clock.tool', call, '12:00'),
        modelCall(30, 40, 'chat.llm#2', [question], 'Es ist zwölf.'),
      ],
    })

  test('a session has its sums, and the same spans again add nothing', async () => {
    const one = asked()
    await take(one)
    const expected = {
      traceId: one.traceId,
      name: 'POST /ask',
      service: 'order-desk',
      route: '/ask',
      state: 'Success',
      start: one.start * 1000,
      duration: 100_000,
      spans: 4,
      errors: 0,
      modelCalls: 2,
      toolCalls: 1,
      tags: ['one', 'two'],
      models: ['gpt-4o-2024-08-06'],
    }
    expect(await kept(one.traceId, 4)).toMatchObject(expected)
    await post(otlpOf(one))
    // What came after it is there: so it has been looked at.
    await take(session({ name: 'after' }))
    expect(await kept(one.traceId, 4)).toMatchObject(expected)
    expect(await get(`/api/sessions?tag=two&model=gpt-4o-2024-08-06`)).toHaveLength(1)
  })

  test('where another service takes over, the waterfall says so; the others have no mark', async () => {
    const [first, second] = [session({ service: 'shop' }), session({ service: 'mailer' })]
    const two = otlpOf({ ...second, traceId: first.traceId, isRunning: true, spans: [{ name: 'send', at: 1, ms: 1 }] })
    await post({ resourceSpans: [...otlpOf(first).resourceSpans, ...two.resourceSpans] })
    await kept(first.traceId, 2)
    const html = await page(`/traces/${first.traceId}`)
    expect([...html.matchAll(/class="service"><bdi>([^<]*)/g)].map(([, name]) => name)).toEqual(['mailer'])
  })

  test('those that took long', async () => {
    await take(session({ ms: 7000, tags: ['slow'] }), session({ ms: 6999, tags: ['slow'] }))
    const found = await get<{ duration: number }[]>('/api/sessions?took=7000&tag=slow')
    expect(found.map(({ duration }) => duration)).toEqual([7_000_000])
    expect(await page('/?took=7000')).toContain('>7.00 s or longer</option>')
  })

  test('what has no words in it is found nowhere', async () => {
    await take(session())
    expect(await get(`/api/sessions?q=${encodeURIComponent('😀 %_')}`)).toEqual([])
  })

  test('a span that comes twice in one request counts once', async () => {
    const at = noon - (40 * QUARTER) / 1000
    const one = { ...asked(), start: at, service: 'twice' }
    const { resourceSpans } = otlpOf(one)
    await post({ resourceSpans: [...resourceSpans, ...resourceSpans] })
    await kept(one.traceId, 4)
    const overview = await get<{ models: { calls: number }[]; tools: { calls: number }[] }>(
      `/api/overview?from=${at * 1000}&to=${at * 1000 + QUARTER}&service=twice`,
    )
    expect([overview.models, overview.tools].map(([first]) => first?.calls)).toEqual([2, 1])
  })

  test('what no span can have harms neither itself nor others', async () => {
    const at = noon - (80 * QUARTER) / 1000
    const model = { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'm' }
    const usage = (count: number, cost: number): object => ({
      ...{ 'gen_ai.usage.input_tokens': count, 'gen_ai.usage.output_tokens': count, 'gen_ai.usage.total_cost': cost },
    })
    const spans = [usage(9e18, 1.7e308), usage(1e300, 1.7e308), usage(-5, -5), usage(7, 0.5)].map((of, n) => ({
      ...{ name: `call#${n}`, at: n, ms: 5, attributes: { ...model, ...of } },
    }))
    const names = ['constructor', '__proto__', 'toString'].map((kind) => ({
      ...{ name: kind, at: 9, ms: 1, attributes: { 'agentops.span.kind': kind, 'gen_ai.operation.name': kind } },
    }))
    const hostile = session({ start: at, service: 'hostile', spans: [...spans, ...names] })
    const request = JSON.parse(JSON.stringify(otlpOf(hostile)))
    // JSON's null is a field that is not there.
    for (const { resource, scopeSpans } of request.resourceSpans) {
      resource.attributes.push({ key: 'x', value: null })
      for (const scopes of scopeSpans) {
        scopes.scope = null
        for (const span of scopes.spans) Object.assign(span, { events: null, links: null })
        scopes.spans.at(-1).attributes.push({ key: 'list', value: { arrayValue: { values: null } } })
      }
    }
    request.resourceSpans.push({ resource: null, scopeSpans: null }, { scopeSpans: [{ spans: null }] })
    await post(request)
    const { inputTokens, outputTokens, cost } = await kept(hostile.traceId, 8)
    expect({ inputTokens, outputTokens, cost }).toEqual({ inputTokens: 7, outputTokens: 7, cost: 0.5 })
    await page(`/traces/${hostile.traceId}`)
    await take(session({ start: at + 1, service: 'hostile', spans: [{ ...spans[3], name: 'another' } as never] }))
    const range = `from=${at * 1000}&to=${at * 1000 + QUARTER}&service=hostile`
    const { points, models } = await get<Record<string, { sessions: number; calls: number; cost: number }[]>>(
      `/api/overview?${range}`,
    )
    expect([points?.[0]?.sessions, models?.[0]?.calls, models?.[0]?.cost]).toEqual([2, 5, 1])
  })

  test('of what has names without end, those that count most are shown, and nothing else is lost', async () => {
    const at = noon - (120 * QUARTER) / 1000
    const tags = Array.from({ length: 700 }, (_, n) => `user-${n}`)
    const many = Array.from({ length: 14 }, (_, n) =>
      session({ start: at + n, service: 'many', tags: tags.slice((n % 7) * 100, (n % 7) * 100 + 100) }),
    )
    const tools = Array.from({ length: 130 }, (_, n) => ({
      ...tool(n, 1, `fetch-${n}.tool`, { ...call, name: `fetch-${n}` }, ''),
      name: `fetch-${n}.tool`,
    }))
    await take(
      ...many,
      session({ start: at, service: 'seldom', spans: [...tools, { ...tools[0], name: 'again' } as never] }),
    )
    expect(await page('/')).toContain('seldom')
    const overview = await get<{ tools: { name: string; calls: number }[] }>(
      `/api/overview?from=${at * 1000}&to=${at * 1000 + QUARTER}`,
    )
    expect(overview.tools).toHaveLength(100)
    expect(overview.tools[0]).toMatchObject({ name: 'fetch-0', calls: 2 })
  })

  test('spans that come one by one, the root last, and one after it', async () => {
    const { traceId, ...rest } = session({ name: 'slow', tags: ['slow'], state: 'Fail', reason: 'too slow' })
    const step = (n: number): DeskSession => ({
      ...{ traceId, ...rest, isRunning: true },
      spans: [{ name: `step${n}.tool`, at: n, ms: 1 }],
    })
    const bodyOf = (n: number, isRunning = true): object => {
      const body = otlpOf({ ...step(n), isRunning })
      return JSON.parse(JSON.stringify(body).replaceAll(spanId(traceId, 2), spanId(traceId, n + 10)))
    }
    await post(bodyOf(1))
    expect(await kept(traceId, 1)).toMatchObject({ state: 'Running', name: 'step1.tool' })
    await post(bodyOf(2))
    await kept(traceId, 2)
    expect(await names('state=Running')).toContain('step1.tool')
    await post(bodyOf(3, false))
    expect(await kept(traceId, 4)).toMatchObject({ state: 'Fail', reason: 'too slow', name: 'slow', tags: ['slow'] })
    await post(bodyOf(120))
    expect(await kept(traceId, 5)).toMatchObject({ state: 'Fail', duration: 121_000 })
    expect(await names('tag=slow&state=Fail')).toEqual(['slow'])
  })

  test('lists by state, label, time, conversation and words', async () => {
    const at = noon - 3600_000
    await take(
      session({ name: 'a', start: at, tags: ['listed'], service: 'shop', route: '/a', conversation: 'talk' }),
      session({ name: 'b', start: at + 1000, tags: ['listed'], state: 'Fail', reason: 'no luck at all' }),
      session({
        name: 'c',
        start: at + 2000,
        tags: ['listed'],
        spans: [tool(1, 1, 'x.tool', { ...call, name: 'hammer' }, 'nail')],
      }),
    )
    expect(await names('tag=listed')).toEqual(['c', 'b', 'a'])
    expect(await names('tag=listed&state=Fail')).toEqual(['b'])
    expect(await names('tag=listed&service=shop')).toEqual(['a'])
    expect(await names('tag=listed&route=/a')).toEqual(['a'])
    expect(await names('tool=hammer')).toEqual(['c'])
    expect(await names(`tag=listed&after=${(at + 1000) * 1000}`)).toEqual(['c', 'b'])
    expect(await names(`tag=listed&before=${(at + 2000) * 1000}`)).toEqual(['b', 'a'])
    expect(await names('q=luck+al')).toEqual(['b'])
    expect(await names('q=nail&tag=listed')).toEqual(['c'])
    expect(await names('q=luckless')).toEqual([])
    for (const odd of ['"', "' OR 1=1 --", '*', 'NEAR(a b)', 'a:b', '\\', '{x:String}', '%', '()']) {
      expect(await get(`/api/sessions?q=${encodeURIComponent(odd)}`)).toBeInstanceOf(Array)
      expect(await names(`tag=${encodeURIComponent(odd)}`)).toEqual([])
    }
    expect(await page('/conversations/talk')).toContain('<h1')
  })

  test('the words of a model are found, and shown', async () => {
    const one = asked()
    await take(one)
    const found = await get<{ traceId: string }[]>('/api/sessions?q=spät+köl')
    expect(found.map(({ traceId }) => traceId)).toContain(one.traceId)
    const chat = await page(`/traces/${one.traceId}?view=chat`)
    for (const part of ['Wie spät ist es in Köln?', 'Es ist zwölf.', 'clock', '12:00']) expect(chat).toContain(part)
    for (const view of ['waterfall', 'tree', 'raw'])
      expect(await page(`/traces/${one.traceId}?view=${view}`)).toContain('clock')
    expect(await page(`/traces/${one.traceId}/spans/${spanId(one.traceId, 3)}`)).toContain('Köln')
    expect(await page('/?tag=one')).toContain(one.traceId)
  })

  test("attributes keep their types; AgentOps' reading API has them", async () => {
    const attributes = {
      count: 7,
      share: 0.25,
      isOn: true,
      list: ['a', 'b'],
      empty: '',
      text: 'one\ntwo \u2028 ünï',
      nine: '9 lives',
    }
    const one = session({
      spans: [
        {
          name: 'x.tool',
          at: 1,
          ms: 2,
          error: 'bad',
          attributes,
          events: [
            {
              name: 'exception',
              timeUnixNano: `${BigInt(noon) * 1_000_000n}`,
              attributes: attributesOf({ 'exception.message': 'bad', 'exception.type': 'Odd' }),
            },
          ],
        },
      ],
    })
    await take(one)
    const id = spanId(one.traceId, 2)
    expect(await get(`/public/v1/spans/${id}`)).toMatchObject({
      span_id: id,
      span_name: 'x.tool',
      parent_span_id: spanId(one.traceId, 1),
      status_code: 'ERROR',
      status_message: 'bad',
      span_kind: 'Internal',
      duration: 2_000_000,
      attributes: { ...attributes, session: { id: expect.any(String) } },
      resource_attributes: { service: { name: 'order-desk' } },
    })
    expect(await get(`/public/v1/traces/${one.traceId}/metrics`)).toMatchObject({
      span_count: 2,
      fail_count: 1,
      success_count: 1,
    })
    const { resourceSpans } = await get<{ resourceSpans: object[] }>(`/traces/${one.traceId}/otlp.json`)
    expect(resourceSpans).toHaveLength(2)
    expect(JSON.stringify(resourceSpans)).toContain('"exception.type"')
    expect((await fetch(`${store.url}/public/v1/traces/${'0'.repeat(32)}`)).status).toBe(404)
    expect((await fetch(`${store.url}/traces/${'0'.repeat(32)}`)).status).toBe(404)
  })

  test('a session of 1,500 spans, in parts', async () => {
    const spans = Array.from({ length: 1499 }, (_, n) => ({
      name: `s${n}.tool`,
      at: n / 20,
      ms: 1,
      attributes: { text: `${n} `.repeat(100) },
    }))
    const one = session({ name: 'long', spans })
    const { resourceSpans } = otlpOf(one) as {
      resourceSpans: [{ resource: object; scopeSpans: [{ spans: object[] }] }]
    }
    const { resource, scopeSpans } = resourceSpans[0]
    const all = scopeSpans[0].spans
    await Promise.all(
      [0, 500, 1000].map((from) =>
        post({ resourceSpans: [{ resource, scopeSpans: [{ spans: all.slice(from, from + 500) }] }] }),
      ),
    )
    expect(await kept(one.traceId, 1500)).toMatchObject({ name: 'long', state: 'Success', spans: 1500 })
    const shown = await page(`/traces/${one.traceId}`)
    expect(shown).toContain('s0')
    const raw = await get<{ resourceSpans: object[] }>(`/traces/${one.traceId}/otlp.json`)
    expect(raw.resourceSpans).toHaveLength(1500)
  })

  test('spans of others, in names of their conventions', async () => {
    const traceId = traceIdOf(99_000)
    const spans = [
      ['workflow', { 'openinference.span.kind': 'AGENT' }, ''],
      [
        'ChatOpenAI',
        {
          'openinference.span.kind': 'LLM',
          'llm.model_name': 'm-1',
          'llm.token_count.prompt': 11,
          'llm.token_count.completion': 3,
        },
        spanId(traceId, 1),
      ],
      [
        'ai.streamText.doStream',
        { 'ai.operationId': 'ai.streamText.doStream', 'ai.model.id': 'm-2', 'ai.usage.inputTokens': 5 },
        spanId(traceId, 1),
      ],
      ['execute_tool saw', { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'saw' }, spanId(traceId, 1)],
      [
        'chat m-3',
        {
          'gen_ai.operation.name': 'chat',
          'gen_ai.request.model': 'm-3',
          'gen_ai.usage.input_tokens': 2,
          'gen_ai.usage.output_tokens': 1,
        },
        spanId(traceId, 1),
      ],
    ] as const
    const wire = spans.map(([name, attributes, parentSpanId], n) => ({
      ...{ traceId, spanId: spanId(traceId, n + 1), parentSpanId, name, kind: 1 },
      ...{
        startTimeUnixNano: `${BigInt(noon + n) * 1_000_000n}`,
        endTimeUnixNano: `${BigInt(noon + 10 + n) * 1_000_000n}`,
      },
      attributes: attributesOf(attributes),
    }))
    await post({
      resourceSpans: [
        { resource: { attributes: attributesOf({ 'service.name': 'theirs' }) }, scopeSpans: [{ spans: wire }] },
      ],
    })
    expect(await kept(traceId, 5)).toMatchObject({
      ...{ name: 'workflow', sessionId: traceId, service: 'theirs', state: 'Success', modelCalls: 3, toolCalls: 1 },
      ...{ inputTokens: 18, outputTokens: 4, models: ['m-1', 'm-2', 'm-3'] },
    })
    expect(await names('tool=saw')).toEqual(['workflow'])
  })

  test('who listens hears of what comes', async () => {
    const abort = new AbortController()
    const response = await fetch(`${store.url}/live`, { signal: abort.signal })
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    const reader = (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader()
    let heard = (await reader.read()).value ?? ''
    const one = session({ name: 'heard' })
    // A store that others write, too, is asked from time to time: the first time it is known what was there before.
    await new Promise((resolve) => setTimeout(resolve, 500))
    await take(one)
    while (!heard.includes(one.traceId)) heard += (await reader.read()).value ?? ''
    expect(heard).toMatch(/event: stored/)
    abort.abort()
  })

  test('the overview adds up by time, service and environment, and leads to the sessions behind', async () => {
    const at = noon - 8 * 3600_000
    const from = Math.floor((at * 1000) / QUARTER) * QUARTER
    const ours = (n: number, fields: Partial<DeskSession> = {}): DeskSession =>
      session({ name: `o${n}`, service: 'summed', start: from / 1000 + n * 900_000, ms: 1000 * (n + 1), ...fields })
    await take(
      ours(0, {
        spans: [
          modelCall(1, 20, 'chat.llm', [question], 'x'),
          tool(30, 5, 'clock.tool#1', call, 1),
          tool(40, 5, 'clock.tool#2', call, undefined, 'bad'),
        ],
      }),
      ours(1, { state: 'Fail', reason: 'no' }),
      ours(1, { ms: 4000 }),
      session({ name: 'elsewhere', service: 'other', start: from / 1000, ms: 5 }),
    )
    // One that comes in parts is counted once, and fails with its root.
    const parts = ours(2, { state: 'Fail', reason: 'late', spans: [{ name: 'first.tool', at: 0, ms: 1 }] })
    await take({ ...parts, isRunning: true })
    await take(parts)
    interface Point {
      at: number
      sessions: number
      failed: number
      inputTokens: number
      cost: number
      p50?: number
      p95?: number
    }
    interface Overview {
      points: Point[]
      models: { name: string; calls: number; points: number[] }[]
      tools: { name: string; calls: number; errors: number }[]
    }
    const overview = await get<Overview>(
      `/api/overview?service=summed&from=${from}&to=${from + 4 * QUARTER}&step=${QUARTER}`,
    )
    expect(
      overview.points.map(({ at: begin, sessions, failed }) => [(begin - from) / QUARTER, sessions, failed]),
    ).toEqual([
      [0, 1, 0],
      [1, 2, 1],
      [2, 1, 1],
      [3, 0, 0],
    ])
    const [first, second, , fourth] = overview.points
    expect(first?.p50).toBeGreaterThan(950_000)
    expect(first?.p50).toBeLessThan(1_100_000)
    expect(second?.p95).toBeGreaterThan(3_700_000)
    expect(second?.p95).toBeLessThan(4_300_000)
    expect(fourth?.p50).toBeUndefined()
    expect(first?.inputTokens).toBeGreaterThan(0)
    expect(first?.cost).toBeGreaterThan(0)
    expect(overview.models).toMatchObject([{ name: 'gpt-4o-2024-08-06', calls: 1, points: [1, 0, 0, 0] }])
    expect(overview.tools).toMatchObject([{ name: 'clock', calls: 2, errors: 1 }])
    expect(await names(`service=summed&after=${from + QUARTER}&before=${from + 2 * QUARTER}&state=Fail`)).toEqual([
      'o1',
    ])
    const shown = await page(`/overview?service=summed&from=${from}&to=${from + 4 * QUARTER}`)
    expect(shown).toContain('gpt-4o-2024-08-06')
    expect(shown).toMatch(new RegExp(`href="/\\?[^"]*after=${from + QUARTER}`))
  })
})
