/** Sessions as agents send them, in OTLP's JSON: what the desk's tests look at, and what its pictures show. */

export interface DeskSpan {
  name: string
  /** Milliseconds after the session's start. */
  at: number
  ms: number
  /** The name of an earlier span; default: the root. */
  under?: string
  error?: string
  kind?: number
  attributes?: Record<string, unknown>
  events?: object[]
  links?: object[]
}

export interface DeskSession {
  /** 32 hex digits. */
  traceId: string
  name: string
  /** Milliseconds since the Unix epoch. */
  start: number
  ms: number
  state?: 'Success' | 'Fail' | 'Indeterminate'
  reason?: string
  tags?: string[]
  route?: string
  conversation?: string
  service?: string
  spans?: DeskSpan[]
  /** The root has not come yet. */
  isRunning?: boolean
}

type Value = { stringValue: string } | { intValue: string } | { doubleValue: number } | { arrayValue: object } | object

export function wireValue(value: unknown): Value {
  if (Array.isArray(value)) return { arrayValue: { values: value.map(wireValue) } }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number') return Number.isInteger(value) ? { intValue: `${value}` } : { doubleValue: value }
  return { stringValue: typeof value === 'string' ? value : JSON.stringify(value) }
}

export function attributesOf(attributes: Record<string, unknown>): object[] {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: wireValue(value) }],
  )
}

export function spanId(traceId: string, n: number): string {
  return `${traceId.slice(0, 8)}${n.toString(16).padStart(8, '0')}`
}

/** The OTLP request of one session. */
export function otlpOf(session: DeskSession): { resourceSpans: object[] } {
  const { traceId, start, state = 'Success', spans = [], conversation, tags = [] } = session
  const common = { 'agentops.tags': tags, 'session.id': conversation ?? uuidOf(traceId) }
  const nanos = (ms: number): string => `${BigInt(Math.round((start + ms) * 1000)) * 1000n}`
  const ids = new Map(spans.map(({ name }, n) => [name, spanId(traceId, n + 2)]))
  const root = spanId(traceId, 1)
  const wire: object[] = spans.map((span, n) => ({
    traceId,
    spanId: spanId(traceId, n + 2),
    parentSpanId: span.under ? ids.get(span.under) : root,
    name: span.name.replace(/#\d+/, ''),
    kind: span.kind ?? 1,
    startTimeUnixNano: nanos(span.at),
    endTimeUnixNano: nanos(span.at + span.ms),
    attributes: attributesOf({ ...span.attributes, ...common }),
    events: span.events,
    links: span.links,
    status: span.error ? { code: 2, message: span.error } : { code: 1 },
  }))
  if (!session.isRunning) {
    wire.push({
      traceId,
      spanId: root,
      name: `${session.name}.session`,
      kind: 2,
      startTimeUnixNano: nanos(0),
      endTimeUnixNano: nanos(session.ms),
      attributes: attributesOf({
        'agentops.span.kind': 'session',
        ...common,
        'http.route': session.route,
        'agentops.session.end_state': state,
        'agentops.session.end_state_reason': session.reason,
      }),
      status: { code: state === 'Success' ? 1 : state === 'Fail' ? 2 : 0, message: session.reason },
    })
  }
  const resource = { attributes: attributesOf({ 'service.name': session.service ?? 'order-desk' }) }
  return { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'agentops-edge' }, spans: wire }] }] }
}

function uuidOf(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** `n` in 32 hex digits. */
export function traceIdOf(n: number): string {
  return (n + 0x5e551000).toString(16).padStart(8, '0').padEnd(32, '7')
}

interface Call {
  id: string
  name: string
  arguments: object
}

/** A model call as the library writes it. */
export function modelCall(at: number, ms: number, name: string, messages: object[], answer: string | Call[]): DeskSpan {
  const attributes: Record<string, unknown> = {
    'agentops.span.kind': 'llm',
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': 'gpt-4o',
    'gen_ai.response.model': 'gpt-4o-2024-08-06',
  }
  messages.forEach((message, i) => {
    for (const [key, value] of Object.entries(message)) {
      if (key !== 'tool_calls') attributes[`gen_ai.prompt.${i}.${key}`] = value
      else
        (value as Call[]).forEach((call, j) => {
          Object.assign(attributes, callAttributes(`gen_ai.prompt.${i}.tool_calls.${j}.`, call))
        })
    }
  })
  if (typeof answer === 'string') attributes['gen_ai.completion.0.content'] = answer
  attributes['gen_ai.completion.0.role'] = 'assistant'
  if (Array.isArray(answer)) {
    answer.forEach((call, j) => {
      Object.assign(attributes, callAttributes(`gen_ai.completion.0.tool_calls.${j}.`, call))
    })
  }
  const size = JSON.stringify(messages).length
  return {
    name,
    at,
    ms,
    kind: 3,
    attributes: {
      ...attributes,
      'gen_ai.usage.input_tokens': Math.ceil(size / 4),
      'gen_ai.usage.output_tokens': Math.ceil(JSON.stringify(answer).length / 4),
      'gen_ai.usage.total_cost': (Math.ceil(size / 4) * 0.0000025).toFixed(7),
    },
  }
}

function callAttributes(prefix: string, call: Call): Record<string, unknown> {
  return {
    [`${prefix}id`]: call.id,
    [`${prefix}name`]: call.name,
    [`${prefix}arguments`]: JSON.stringify(call.arguments),
  }
}

export function tool(at: number, ms: number, name: string, call: Call, result?: unknown, error?: string): DeskSpan {
  const attributes = {
    'agentops.span.kind': 'tool',
    'tool.name': call.name,
    'gen_ai.tool.call.id': call.id,
    'tool.parameters': JSON.stringify(call.arguments),
    'tool.result': result === undefined ? undefined : JSON.stringify(result),
    'error.type': error ? 'PageUnavailable' : undefined,
  }
  const stack = `PageUnavailable: ${error}\n    at fetchPage (src/tools.ts:41:11)\n    at async run (src/agent.ts:88:18)`
  const events = error
    ? [
        {
          name: 'exception',
          timeUnixNano: '0',
          attributes: attributesOf({
            'exception.type': 'PageUnavailable',
            'exception.message': error,
            'exception.stacktrace': stack,
          }),
        },
      ]
    : []
  return { name, at, ms, error, attributes, events }
}

const SYSTEM = {
  role: 'system',
  content: 'You answer questions about the orders of a stationery shop. Use the tools; never guess a price.',
}

/** What somebody sees who has used the desk for some minutes. */
export function deskSessions(now: number = Date.now()): DeskSession[] {
  const question = { role: 'user', content: "What do Ada's orders cost at today's prices?" }
  const orders = { id: 'call_1', name: 'query_orders', arguments: { customer: 'Ada', status: ['open', 'paid'] } }
  const prices = { id: 'call_2', name: 'fetch_page', arguments: { url: 'https://shop.example/prices' } }
  const again = { id: 'call_3', name: 'fetch_page', arguments: { url: 'https://shop.example/prices?retry=1' } }
  const sum = { id: 'call_4', name: 'calculate', arguments: { expression: '3 * 4.50 + 12 * 0.80' } }
  const rows = [
    { order: 1041, item: 'notebook', quantity: 3, paid: true },
    { order: 1057, item: 'pencil', quantity: 12, paid: false },
  ]
  const list = { notebook: 4.5, pencil: 0.8, eraser: 1.1 }
  const asked = (call: Call[]): object => ({ role: 'assistant', tool_calls: call })
  const gave = (call: Call, result: unknown): object => ({
    role: 'tool',
    tool_call_id: call.id,
    content: JSON.stringify(result),
  })
  const failed = 'https://shop.example/prices answered 503'
  const one = [SYSTEM, question]
  const two = [...one, asked([orders, prices]), gave(orders, rows), gave(prices, { error: failed })]
  const three = [...two, asked([again]), gave(again, list), asked([sum]), gave(sum, 23.1)]
  const agent = (ms: number): DeskSpan => ({
    name: 'order-desk.agent',
    at: 6,
    ms,
    attributes: { 'agentops.span.kind': 'agent', 'agent.name': 'order-desk', 'agent.id': 'a1' },
  })
  const under = (spans: DeskSpan[]): DeskSpan[] => spans.map((span) => ({ under: 'order-desk.agent', ...span }))
  const answer = "Ada's orders cost **23.10 EUR** at today's prices:\n\n- 3 × notebook at 4.50\n- 12 × pencil at 0.80"
  const minutes = (n: number): number => now - n * 60_000
  const ask = { name: 'POST /ask', route: '/ask', tags: ['searched', 'beta'] }
  const follow = { role: 'user', content: 'And without the pencils?' }
  const thread = [...one, { role: 'assistant', content: answer }, follow]
  return [
    {
      ...ask,
      traceId: traceIdOf(1),
      start: minutes(1.2),
      ms: 2710,
      conversation: 'desk-ada',
      spans: [
        agent(2690),
        ...under([
          modelCall(14, 620, 'chat.llm#1', one, [orders, prices]),
          tool(641, 118, 'query_orders.tool', orders, rows),
          tool(643, 402, 'fetch_page.tool#1', prices, undefined, failed),
          modelCall(1052, 480, 'chat.llm#2', two, [again]),
          tool(1540, 96, 'fetch_page.tool#2', again, list),
          {
            name: 'GET shop.example',
            at: 1544,
            ms: 88,
            kind: 3,
            under: 'fetch_page.tool#2',
            attributes: {
              'http.request.method': 'GET',
              'http.response.status_code': 200,
              'url.full': 'https://shop.example/prices',
            },
          },
          tool(1641, 3, 'calculate.tool', sum, 23.1),
          modelCall(1652, 1030, 'chat.llm#3', three, answer),
        ]),
      ],
    },
    {
      ...ask,
      traceId: traceIdOf(2),
      start: minutes(0.6),
      ms: 940,
      conversation: 'desk-ada',
      tags: ['beta'],
      spans: [
        agent(920),
        ...under([modelCall(12, 880, 'chat.llm', thread, 'Then they cost 13.50 EUR: 3 notebooks at 4.50.')]),
      ],
    },
    {
      ...ask,
      traceId: traceIdOf(3),
      start: minutes(2.1),
      ms: 1310,
      state: 'Fail',
      reason: 'the model is overloaded',
      tags: ['beta'],
      spans: [
        agent(1300),
        ...under([
          {
            ...modelCall(10, 1280, 'chat.llm', [SYSTEM, { role: 'user', content: 'Is there an outage?' }], ''),
            error: '500 the model is overloaded',
            attributes: {
              'agentops.span.kind': 'llm',
              'gen_ai.request.model': 'gpt-4o',
              'error.type': 'InternalServerError',
              'http.response.status_code': 500,
              'gen_ai.prompt.0.role': 'user',
              'gen_ai.prompt.0.content': 'Is there an outage?',
            },
          },
        ]),
      ],
    },
    {
      name: 'cron 0 * * * *',
      traceId: traceIdOf(4),
      start: minutes(4),
      ms: 5320,
      tags: ['nightly'],
      service: 'indexer',
      spans: [
        {
          name: 'reindex.operation',
          at: 20,
          ms: 5200,
          attributes: {
            'agentops.span.kind': 'operation',
            'agentops.entity.input': JSON.stringify({ args: [], kwargs: { since: '2026-11-25' } }),
            'agentops.entity.output': JSON.stringify({ pages: 412, changed: 17 }),
          },
        },
        {
          name: 'text-embedding-3-small',
          at: 300,
          ms: 1900,
          kind: 3,
          under: 'reindex.operation',
          attributes: {
            'gen_ai.operation.name': 'embeddings',
            'gen_ai.request.model': 'text-embedding-3-small',
            'gen_ai.usage.input_tokens': 48213,
          },
        },
        {
          name: 'INSERT pages',
          at: 2300,
          ms: 2700,
          kind: 3,
          under: 'reindex.operation',
          attributes: { 'db.system.name': 'postgresql', 'db.query.summary': 'INSERT pages' },
        },
      ],
    },
    {
      name: 'queue jobs',
      traceId: traceIdOf(5),
      start: minutes(5.5),
      ms: 77,
      state: 'Indeterminate',
      reason: 'no outcome was named',
      tags: ['queue'],
      service: 'mailer',
    },
    {
      ...ask,
      traceId: traceIdOf(6),
      start: now - 4000,
      ms: 3000,
      isRunning: true,
      tags: ['searched'],
      spans: [
        modelCall(
          20,
          900,
          'chat.llm',
          [SYSTEM, { role: 'user', content: 'What do the orders of Grace cost?' }],
          [{ ...orders, id: 'call_9', arguments: { customer: 'Grace' } }],
        ),
      ],
    },
    ...[7, 9, 12, 15, 21, 34].map(
      (ago, n): DeskSession => ({
        ...ask,
        traceId: traceIdOf(10 + n),
        start: minutes(ago),
        ms: 700 + 311 * n,
        spans: [
          agent(680 + 311 * n),
          ...under([
            modelCall(
              15,
              600 + 200 * n,
              'chat.llm',
              [SYSTEM, { role: 'user', content: `What does order ${1040 + n} cost?` }],
              `Order ${1040 + n} costs ${(7.4 + n).toFixed(2)} EUR.`,
            ),
          ]),
        ],
      }),
    ),
  ]
}

/** A day of a team's: more by day than by night, an hour in which much fails, three models and four tools. */
export function dayOfSessions(now: number = Date.now()): DeskSession[] {
  // The same each time.
  let seed = 7
  const random = (): number => {
    seed = (seed * 16_807) % 2_147_483_647
    return seed / 2_147_483_647
  }
  const models = ['gpt-4o', 'claude-sonnet-4-5', 'gemini-2.5-flash']
  const tools = ['query_orders', 'fetch_page', 'calculate', 'send_mail']
  const all: DeskSession[] = Array.from({ length: 1400 }, (_, n) => {
    const hour = 24 * random()
    const start = now - hour * 3600_000
    const isFailed = random() < (hour > 5 && hour < 6.5 ? 0.45 : 0.03)
    const model = models[Math.floor(random() ** 2 * 3)] as string
    const ms = 600 + 5000 * random() ** 4 + (isFailed ? 4000 : 0)
    const call = { id: `c${n}`, name: tools[Math.floor(random() ** 1.6 * 4)] as string, arguments: { n } }
    const question = { role: 'user', content: 'What do the orders cost? '.repeat(1 + Math.floor(40 * random())) }
    const chat = modelCall(10, ms * 0.6, 'chat.llm', [question], 'They cost 23.10 EUR. '.repeat(4))
    Object.assign(chat.attributes as object, { 'gen_ai.request.model': model, 'gen_ai.response.model': model })
    return {
      ...{ traceId: traceIdOf(1000 + n), name: 'POST /ask', route: '/ask', start, ms, tags: ['beta'] },
      ...{ service: n % 5 ? 'order-desk' : 'mailer', state: isFailed ? ('Fail' as const) : ('Success' as const) },
      reason: isFailed ? 'the model is overloaded' : undefined,
      spans: [
        chat,
        tool(
          ms * 0.7,
          ms * 0.2,
          `${call.name}.tool`,
          call,
          { ok: true },
          isFailed && n % 2 ? 'answered 503' : undefined,
        ),
      ],
    }
  })
  return all.filter(({ start }) => Math.sin(((start / 3600_000 - 8) / 24) * 2 * Math.PI) > -0.3 || random() < 0.25)
}
