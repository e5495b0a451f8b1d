import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { type AgentOpsOptions, keepErrors } from '../../src/index.ts'
import type { Config } from '../../src/options/config.ts'
import { readConfig } from '../../src/options/read.ts'

const KEY = '11111111-1111-4111-8111-111111111111'
/** As `llmCalls()` gives it. */
const LLM = { instruments: 'llm' as const, recognise: () => undefined }
const AGENTOPS = 'https://otlp.agentops.ai/v1/traces'

function read(
  options: AgentOpsOptions | Record<string, unknown> = {},
  env: Record<string, unknown> = {},
): { config: Config; said: string[] } {
  const said: string[] = []
  return { config: readConfig(options as AgentOpsOptions, env, (message) => said.push(message)), said }
}
const defined = (object: object): object =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))
/** What was said but for the line about a missing destination. */
const complaints = (said: string[]): string[] => said.filter((line) => !line.includes('no apiKey and no endpoint'))

const content =
  (expected: boolean) =>
  (form: unknown): [string, unknown, (config: Config) => unknown, unknown] => [
    'OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT',
    form,
    (config) => config.captureContent,
    expected,
  ]

describe('every variable, every form', () => {
  test.each<[variable: string, form: unknown, pick: (config: Config) => unknown, expected: unknown]>([
    [
      'AGENTOPS_API_KEY',
      KEY,
      (c) => [c.destination?.url, c.destination?.apiKey, c.destination?.tokenUrl],
      [AGENTOPS, KEY, 'https://api.agentops.ai/v3/auth/token'],
    ],
    ['AGENTOPS_API_KEY', ` ${KEY} `, (c) => c.destination?.apiKey, KEY],
    ['AGENTOPS_API_KEY', '', (c) => c.destination, undefined],
    ['AGENTOPS_EXPORTER_ENDPOINT', 'https://e.x/v1/traces', (c) => c.destination?.url, 'https://e.x/v1/traces'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'https://e.x', (c) => c.destination?.url, 'https://e.x/v1/traces'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'https://e.x/', (c) => c.destination?.url, 'https://e.x/v1/traces'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'https://e.x/otlp//', (c) => c.destination?.url, 'https://e.x/otlp/v1/traces'],
    [
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      'https://e.x/otlp?team=a',
      (c) => c.destination?.url,
      'https://e.x/otlp/v1/traces?team=a',
    ],
    [
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      'http://collector:4318',
      (c) => c.destination?.url,
      'http://collector:4318/v1/traces',
    ],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', '', (c) => c.destination, undefined],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', '  ', (c) => c.destination, undefined],
    ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'https://e.x/custom/', (c) => c.destination?.url, 'https://e.x/custom/'],
    ['OTEL_SERVICE_NAME', 'shop', (c) => c.resource.attributes['service.name'], 'shop'],
    ['OTEL_SERVICE_NAME', '', (c) => c.resource.attributes['service.name'], 'unknown_service'],
    [
      'OTEL_RESOURCE_ATTRIBUTES',
      'a=1, b=x%20y ,service.name=s',
      (c) => c.resource.attributes,
      expect.objectContaining({ a: '1', b: 'x y', 'service.name': 's' }),
    ],
    ['OTEL_RESOURCE_ATTRIBUTES', 'token=a=b', (c) => c.resource.attributes.token, 'a=b'],
    ['OTEL_SDK_DISABLED', 'true', (c) => c.disabled, true],
    ['OTEL_SDK_DISABLED', 'TRUE', (c) => c.disabled, true],
    ['OTEL_SDK_DISABLED', true, (c) => c.disabled, true],
    ['OTEL_SDK_DISABLED', 'false', (c) => c.disabled, false],
    ['OTEL_SDK_DISABLED', false, (c) => c.disabled, false],
    ['OTEL_SDK_DISABLED', '', (c) => c.disabled, false],
    ...['true', '1', 't', 'Yes', 'ON', true, 1].map(
      (form) =>
        ['AGENTOPS_INSTRUMENT_LLM_CALLS', form, (c: Config) => c.instrumentations.llm, LLM] as [
          string,
          unknown,
          (c: Config) => unknown,
          unknown,
        ],
    ),
    ...['false', '0', 'f', 'No', 'off', false, 0].map(
      (form) =>
        ['AGENTOPS_INSTRUMENT_LLM_CALLS', form, (c: Config) => c.instrumentations.llm, undefined] as [
          string,
          unknown,
          (c: Config) => unknown,
          unknown,
        ],
    ),
    ['AGENTOPS_MAX_QUEUE_SIZE', '100', (c) => c.maxQueueSize, 100],
    ['AGENTOPS_MAX_QUEUE_SIZE', 100, (c) => c.maxQueueSize, 100],
    ['OTEL_BSP_MAX_QUEUE_SIZE', '7', (c) => c.maxQueueSize, 7],
    ['OTEL_BSP_MAX_EXPORT_BATCH_SIZE', '9', (c) => c.maxExportBatchSize, 9],
    ['AGENTOPS_EXPORT_FLUSH_INTERVAL', '50', (c) => c.exportIntervalMs, 50],
    ['OTEL_BSP_SCHEDULE_DELAY', '60', (c) => c.exportIntervalMs, 60],
    ['OTEL_EXPORTER_OTLP_TIMEOUT', '5000', (c) => c.exportTimeoutMs, 5000],
    ['OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', '4000', (c) => c.exportTimeoutMs, 4000],
    ['AGENTOPS_TRACE_NAME', 'checkout', (c) => c.name, 'checkout'],
    ['AGENTOPS_APP_URL', 'http://127.0.0.1:4318', (c) => c.AGENTOPS_APP_URL, 'http://127.0.0.1:4318/'],
    ['AGENTOPS_DEFAULT_TAGS', 'a, b,,c', (c) => c.tags, ['a', 'b', 'c']],
    ['OTEL_TRACES_SAMPLER', 'always_off', (c) => [c.sampler, c.parentBased], [0, false]],
    ['OTEL_TRACES_SAMPLER', 'parentbased_always_off', (c) => [c.sampler, c.parentBased], [0, true]],
    ['OTEL_TRACES_SAMPLER', 'parentbased_traceidratio', (c) => [c.sampler, c.parentBased], [1, true]],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'http/json', (c) => c.format.name, 'otlp-json'],
    ['OTEL_EXPORTER_OTLP_COMPRESSION', 'gzip', (c) => c.compression, 'gzip'],
    ['OTEL_EXPORTER_OTLP_TRACES_COMPRESSION', 'none', (c) => c.compression, 'none'],
    ['OTEL_EXPORTER_OTLP_COMPRESSION', '', (c) => c.compression, 'auto'],
    ['AGENTOPS_PARENT_KEY', KEY, (c) => c.parentKey, KEY],
    [
      'OTEL_PROPAGATORS',
      'tracecontext',
      (c) => c.propagators.flatMap((each) => each.fields()),
      ['traceparent', 'tracestate'],
    ],
    ['OTEL_PROPAGATORS', 'tracecontext, baggage', (c) => c.propagators.length, 2],
    ['OTEL_PROPAGATORS', 'none', (c) => c.propagators, []],
    ...['true', 'TRUE', true, 'span_only', 'SPAN_AND_EVENT'].map(content(true)),
    ...['false', false, 'NO_CONTENT', 'event_only', ''].map(content(false)),
    [
      'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT',
      'https://m.x/v1/metrics',
      (c) => c.OTEL_EXPORTER_OTLP_METRICS_ENDPOINT,
      'https://m.x/v1/metrics',
    ],
  ])('%s=%j', (variable, form, pick, expected) => {
    const { config, said } = read({ instrumentations: { llm: LLM } }, { [variable]: form })
    expect(pick(config)).toEqual(expected)
    expect(complaints(said)).toEqual([])
  })

  test('the sampler’s ratio', () => {
    const env = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' }
    expect(read({}, env).config).toMatchObject({ sampler: 0.25, parentBased: false })
  })

  test('an option goes before its variables, and AgentOps’ before OpenTelemetry’s', () => {
    const env = {
      AGENTOPS_MAX_QUEUE_SIZE: '1',
      OTEL_BSP_MAX_QUEUE_SIZE: '2',
      OTEL_SERVICE_NAME: 'env',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=list,x=y',
    }
    expect(read({}, env).config.maxQueueSize).toBe(1)
    expect(read({ maxQueueSize: 3 }, env).config.maxQueueSize).toBe(3)
    expect(read({}, env).config.resource.attributes).toMatchObject({ 'service.name': 'env', x: 'y' })
    expect(read({ serviceName: 'own' }, env).config.resource.attributes['service.name']).toBe('own')
    expect(
      read({ resourceAttributes: { 'service.name': 'res' } }, env).config.resource.attributes['service.name'],
    ).toBe('res')
  })
})

describe('which destination', () => {
  const otlp = { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://vendor.x', OTEL_EXPORTER_OTLP_HEADERS: 'x-vendor=secret' }
  test.each<[name: string, options: AgentOpsOptions, env: Record<string, string>, expected: object | undefined]>([
    ['nothing', {}, {}, undefined],
    [
      'a key beside OTLP variables goes to AgentOps, without the vendor’s headers',
      {},
      { ...otlp, AGENTOPS_API_KEY: KEY },
      { url: AGENTOPS, apiKey: KEY, headers: {} },
    ],
    [
      'OTLP variables alone',
      {},
      otlp,
      { url: 'https://vendor.x/v1/traces', headers: { 'x-vendor': 'secret' }, apiKey: undefined },
    ],
    [
      'an endpoint option with the key beside it gets the token',
      { endpoint: 'https://own.x/t', apiKey: KEY },
      {},
      { url: 'https://own.x/t', apiKey: KEY },
    ],
    [
      'an endpoint option with the key only in the environment does not',
      { endpoint: 'https://own.x/t' },
      { AGENTOPS_API_KEY: KEY },
      { url: 'https://own.x/t', apiKey: undefined, tokenUrl: undefined },
    ],
    [
      'AgentOps’ own endpoint as an option does',
      { endpoint: AGENTOPS },
      { AGENTOPS_API_KEY: KEY },
      { url: AGENTOPS, apiKey: KEY },
    ],
    [
      'AGENTOPS_EXPORTER_ENDPOINT with the environment’s key does',
      {},
      { AGENTOPS_EXPORTER_ENDPOINT: 'https://a.x/t', AGENTOPS_API_KEY: KEY },
      { url: 'https://a.x/t', apiKey: KEY },
    ],
    [
      'an endpoint option elsewhere does not get the environment’s headers',
      { endpoint: 'https://own.x/t' },
      otlp,
      { url: 'https://own.x/t', headers: {} },
    ],
    [
      'an endpoint option of the same origin does',
      { endpoint: 'https://vendor.x/t' },
      otlp,
      { headers: { 'x-vendor': 'secret' } },
    ],
    [
      'an endpoint option does where the environment names none',
      { endpoint: 'https://own.x/t' },
      { OTEL_EXPORTER_OTLP_HEADERS: 'x-vendor=secret' },
      { url: 'https://own.x/t', headers: { 'x-vendor': 'secret' } },
    ],
    [
      'headers of the traces signal go before the general ones',
      {},
      { ...otlp, OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-traces=1' },
      { headers: { 'x-traces': '1' } },
    ],
    [
      'headers are decoded',
      {},
      { ...otlp, OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20abc%3D' },
      { headers: { authorization: 'Basic abc=' } },
    ],
    [
      'loopback may be http, with a key',
      { endpoint: 'http://127.0.0.1:1/t', apiKey: KEY, apiEndpoint: 'http://localhost:2/' },
      {},
      { tokenUrl: 'http://localhost:2/v3/auth/token' },
    ],
  ])('%s', (_, options, env, expected) => {
    const { config, said } = read(options, env)
    if (expected) expect({ ...config.destination }).toEqual(expect.objectContaining(defined(expected)))
    else expect(config.destination).toBeUndefined()
    if (expected && 'apiKey' in expected && !expected.apiKey) expect(config.destination).not.toHaveProperty('tokenUrl')
    expect(complaints(said)).toEqual([])
  })

  test('a key never goes over plain http to another host', () => {
    for (const options of [
      { endpoint: 'http://evil.x/t' },
      { apiEndpoint: 'http://evil.x' },
      { endpoint: 'http://127.0.0.1.evil.x/t' },
    ]) {
      const { config, said } = read({ apiKey: KEY, ...options })
      expect(config.destination).toBeUndefined()
      expect(said[0]).toContain('expected https')
      expect(said.join()).not.toContain(KEY)
    }
  })

  test('protected headers cannot be overridden, a custom one is kept', () => {
    const { config, said } = read({
      apiKey: KEY,
      headers: { Authorization: 'mine', 'Content-Type': 'x', 'X-Custom': 'kept' },
    })
    expect(config.destination?.headers).toEqual({ 'x-custom': 'kept' })
    expect(said).toHaveLength(2)
  })

  test('no key and no endpoint: one clear line', () => {
    expect(read().said).toEqual([expect.stringMatching(/nothing is sent\. Set AGENTOPS_API_KEY/)])
  })
})

describe('a wrong value names itself, what was expected, and what is used', () => {
  test.each<[options: Record<string, unknown>, env: Record<string, unknown>, line: RegExp]>([
    [
      { maxQueueSize: 'many' },
      {},
      /^maxQueueSize: expected a whole number from 1 to 1000000, got "many"; 2048 is used$/,
    ],
    [{ maxQueueSize: 0 }, {}, /^maxQueueSize: .* got 0; 2048 is used$/],
    [{ maxExportBatchSize: 1.5 }, {}, /^maxExportBatchSize: .* got 1\.5; 512 is used$/],
    [{ exportIntervalMs: -1 }, {}, /^exportIntervalMs: .* got -1; 1000 is used$/],
    [{ workDeadlineMs: Number.NaN }, {}, /^workDeadlineMs: .* 15000 is used$/],
    [{ exportTimeoutMs: {} }, {}, /^exportTimeoutMs: .* got some object; 10000 is used$/],
    [{ flushDeadlineMs: true }, {}, /^flushDeadlineMs: .* got true; 25000 is used$/],
    [{ retryAttempts: 21 }, {}, /^retryAttempts: expected a whole number from 0 to 20, got 21; nothing is used$/],
    [{ maxQueueSize: 'x' }, { AGENTOPS_MAX_QUEUE_SIZE: '5' }, /^maxQueueSize: .* 5 is used$/],
    [
      {},
      { AGENTOPS_MAX_QUEUE_SIZE: '5x', OTEL_BSP_MAX_QUEUE_SIZE: '6' },
      /^AGENTOPS_MAX_QUEUE_SIZE: .* got "5x"; 6 is used$/,
    ],
    [{ mode: 'both' }, {}, /^mode: expected single or multi, got "both"; "single" is used$/],
    [{ scope: 1 }, {}, /^scope: expected async or process/],
    [{ inbound: 'join' }, {}, /^inbound: expected continue, link or ignore, or a function/],
    [{ sampler: 2 }, {}, /^sampler: expected a number from 0 to 1 or a Sampler, got 2/],
    [{}, { OTEL_TRACES_SAMPLER: 'jaeger' }, /^OTEL_TRACES_SAMPLER: expected/],
    [
      {},
      { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '7' },
      /^OTEL_TRACES_SAMPLER_ARG: .* got "7"; 1 is used/,
    ],
    [{ endpoint: 'not a url' }, {}, /^endpoint: expected an http\(s\) URL/],
    [{ endpoint: 'ftp://x/y' }, {}, /^endpoint: expected an http\(s\) URL/],
    [{}, { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, /^OTEL_EXPORTER_OTLP_ENDPOINT: expected an http\(s\) URL/],
    [{ headers: 'a=b' }, {}, /^headers: expected an object/],
    [{ headers: { 'bad name': 'x' } }, {}, /^headers: "bad name" is reserved, or no header/],
    [{ headers: { ok: 5 } }, {}, /^headers: "ok" is reserved, or no header with a text value/],
    [
      {},
      { OTEL_RESOURCE_ATTRIBUTES: 'good=1,%E0%A4%A=y' },
      /^OTEL_RESOURCE_ATTRIBUTES: expected percent-encoded key=value pairs/,
    ],
    [{ onDrop: 'log' }, {}, /^onDrop: expected a function, got "log"; nothing is used$/],
    [{ fetch: null, waitUntil: 5 }, {}, /^waitUntil: expected a function/],
    [{ tags: [1] }, {}, /^tags: expected text, a list of texts or a function of the request/],
    [{ name: 5 }, {}, /^name: expected text or a function of the request/],
    [{ attributes: 'x' }, {}, /^attributes: expected an object/],
    [{ disabled: 'maybe' }, {}, /^disabled: expected true or false, got "maybe"; false is used$/],
    [{}, { OTEL_SDK_DISABLED: '1' }, /^OTEL_SDK_DISABLED: expected true or false, got "1"; false is used$/],
    [{}, { AGENTOPS_INSTRUMENT_LLM_CALLS: 'perhaps' }, /^AGENTOPS_INSTRUMENT_LLM_CALLS: expected true or false/],
    [
      { format: 'xml' },
      {},
      /^format: expected otlp-json, or otlpProtobuf or agentopsV2 from .*, got "xml"; "otlp-json" is used$/,
    ],
    [{}, { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /expected otlp-json, .*, got "grpc"; "otlp-json" is used$/],
    [{ format: { name: 'own' } }, {}, /^format: expected otlp-json, or .*, got some object; "otlp-json" is used$/],
    [{ compression: 'br' }, {}, /^compression: expected auto or gzip or none, got "br"; "auto" is used$/],
    [{ maxExportBytes: 10 }, {}, /^maxExportBytes: .* got 10; 4194304 is used$/],
    [{ maxRequests: 0 }, {}, /^maxRequests: expected a whole number .* got 0; (12|Infinity) is used$/],
    [{ spool: {} }, {}, /^spool: expected a spool of agentops-edge\/spool, or a function/],
    [{ exporters: {} }, {}, /^exporters: expected a list/],
    [{ exporters: [5] }, {}, /^exporters\[0\]: expected delivery options or a SpanExporter; it is left out$/],
    [{ exporters: [{ format: 'x' }] }, {}, /^exporters\[0\]: format: expected otlp-json/],
    [{ faithful: 'yes, please' }, {}, /^faithful: expected true or false/],
    [{ instrumentations: [] }, {}, /^instrumentations: expected an object/],
    [
      { instrumentations: { llm: true } },
      {},
      /^instrumentations\.llm: expected llmCalls\(\) of agentops-edge\/instrumentation; it is left out$/,
    ],
    [{ maxQueSize: 5 }, {}, /^maxQueSize: no option of this version; it is left out$/],
    [{ apiKey: 5 }, {}, /^apiKey: expected text, got some number/],
    [{}, { AGENTOPS_API_KEY: { get() {} } }, /^AGENTOPS_API_KEY: expected text, got some object/],
    [{ resourceAttributes: 5 }, {}, /^resourceAttributes: expected an object/],
    [{ serviceName: {} }, {}, /^serviceName: expected text/],
    [{ instrumentations: { fetch: true } }, {}, /^instrumentations\.fetch: expected fetchCalls\(\)/],
    [{ instrumentations: { ai: LLM } }, {}, /^instrumentations\.ai: expected aiSpans\(\)/],
    [{ instrumentations: { mail: true } }, {}, /^instrumentations\.mail: no option of this version/],
    [{ trust: 'everybody' }, {}, /^trust: expected a function/],
    [{ propagateTo: 'x.example.com' }, {}, /^propagateTo: expected a function, or a list of hosts and patterns/],
    [{ propagateTo: [5] }, {}, /^propagateTo: expected/],
    [{ propagators: [{}] }, {}, /^propagators: expected a list of propagators/],
    [{}, { OTEL_PROPAGATORS: 'tracecontext,b3' }, /^OTEL_PROPAGATORS: expected .*tracecontext, baggage or none, got/],
    [{ keep: [keepErrors, 5] }, {}, /^keep: expected a function, or a list of functions/],
    [{ keep: [] }, {}, /^keep: expected/],
    [{ captureContent: 'some' }, {}, /^captureContent: expected true or false/],
    [{ onSpan: {} }, {}, /^onSpan: expected a function/],
    [{ redact: {} }, {}, /^redact: expected a function/],
    [{ metrics: true }, {}, /^metrics: expected sessionMetrics\(\) of agentops-edge\/metrics/],
  ])('%j %j', (options, env, line) => {
    const { config, said } = read(options, env)
    expect(complaints(said)).toContainEqual(expect.stringMatching(line))
    expect(complaints(said)).toHaveLength(1)
    expect(config.maxExportBatchSize).toBe(512)
  })

  test('a bad pair is left out alone', () => {
    const { config } = read({}, { OTEL_RESOURCE_ATTRIBUTES: 'good=1,bad,=x,fine=2' })
    expect(config.resource.attributes).toMatchObject({ good: '1', fine: '2' })
  })

  test('a secret is not shown', () => {
    const secret = 'hunter2-hunter2'
    const { said } = read(
      { endpoint: `https://user:${secret}@x.y/`, apiKey: { secret } as never, headers: secret as never },
      { OTEL_EXPORTER_OTLP_HEADERS: secret, OTEL_EXPORTER_OTLP_ENDPOINT: `${secret}://` },
    )
    expect(said.length).toBeGreaterThan(2)
    expect(said.join()).not.toContain(secret)
  })

  test('options that are no object at all take nothing down', () => {
    for (const options of [null, undefined, 'x', 5, []]) expect(() => read(options as never)).not.toThrow()
  })
})

describe('further destinations', () => {
  test('they take over how to deliver, not where, nor what authorises it', () => {
    const env = { AGENTOPS_API_KEY: KEY, OTEL_EXPORTER_OTLP_HEADERS: 'x-secret=1', OTEL_EXPORTER_OTLP_TIMEOUT: '7000' }
    const options = {
      headers: { 'x-own': '1' },
      retryAttempts: 1,
      exporters: [{ endpoint: 'https://other.x/v1/traces' }, { endpoint: 'https://third.x/', retryAttempts: 2 }],
    }
    const { config, said } = read(options, env)
    const [other, third] = config.exporters as Config[]
    expect(config.destination?.url).toBe(AGENTOPS)
    expect(other?.destination).toEqual({ url: 'https://other.x/v1/traces', headers: {}, hidden: config.hidden })
    expect(other?.retryAttempts).toBe(1)
    expect(third?.retryAttempts).toBe(2)
    expect(said).toEqual([])
  })

  test('alone they are destinations enough', () => {
    expect(read({ exporters: [{ endpoint: 'https://other.x/' }] }).said).toEqual([])
  })

  test('they take over what came from the environment, but for where a key goes, and what belongs to the buffer; undefined is not given', () => {
    const env = {
      AGENTOPS_API_ENDPOINT: 'https://eu.x/',
      OTEL_EXPORTER_OTLP_TIMEOUT: '7000',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'none',
      OTEL_BSP_SCHEDULE_DELAY: '60',
    }
    const shared = { maxQueueSize: 7, maxExportBatchSize: 3, retryAttempts: 1, maxRequests: 9, faithful: true }
    const { config, said } = read(
      { ...shared, exporters: [{ apiKey: KEY, retryAttempts: undefined, exportTimeoutMs: 'x' }] },
      env,
    )
    const [other] = config.exporters as Config[]
    const taken = { ...shared, exportTimeoutMs: 7000, compression: 'none', exportIntervalMs: 60 }
    expect(other).toMatchObject({ ...taken, destination: { tokenUrl: 'https://api.agentops.ai/v3/auth/token' } })
    expect(complaints(said)).toEqual([
      'exporters[0]: exportTimeoutMs: expected a whole number from 1 to 600000, got "x"; 7000 is used',
    ])
  })

  test('a format and keys are no other’s', () => {
    const format = { name: 'own', deliver: () => {} }
    const env = { AGENTOPS_API_KEY: KEY, AGENTOPS_PARENT_KEY: KEY, OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-secret=1' }
    const { config } = read({ format, exporters: [{ endpoint: 'https://other.x/' }, {}] }, env)
    const [other, nowhere] = config.exporters as Config[]
    expect(other?.format.name).toBe('otlp-json')
    expect(other?.destination).toEqual({ url: 'https://other.x/', headers: {}, hidden: config.hidden })
    expect(nowhere?.destination).toBeUndefined()
    expect(other?.parentKey).toBeUndefined()
  })

  test('they have none of their own', () => {
    const options: Record<string, unknown> = { endpoint: 'https://a.x/' }
    options.exporters = [options]
    const { config, said } = read(options)
    expect(config.exporters).toMatchObject([{ exporters: [] }])
    expect(said).toEqual(['exporters[0]: exporters: no option of this version; it is left out'])
  })

  test('an exporter of OpenTelemetry’s is kept as it is', () => {
    const exporter = { export: () => {}, shutdown: async () => {} }
    expect(read({ exporters: [exporter] }).config.exporters).toEqual([exporter])
  })
})

test('hosts of propagateTo that match no URL are said, and the others stay', () => {
  const never = [
    'https://a.x/path',
    'API.example.com',
    '*',
    '*example.com',
    '*.b.x:8080',
    'a b',
    '',
    'bücher.x',
    'ftp://a.x',
    'https://*.a.x',
    'http://a.x:80',
    'https://a.x:443/',
  ]
  const some = [
    'a.x',
    'a.x:8080',
    'a.x/',
    'https://a.x',
    'https://a.x/',
    'http://a.x:8080',
    '*.a.x',
    'localhost:3000',
    '[::1]',
    'xn--bcher-kva.x',
    /./,
  ]
  const { config, said } = read({ endpoint: 'https://a.x/', propagateTo: [...never, ...some] })
  expect(config.propagateTo).toEqual([...never, ...some])
  expect(said).toEqual(never.map((_, i) => expect.stringContaining(`propagateTo[${i}]: expected a host`)))
})

test('a spool may be made from the environment; one that cannot be made is said and left out', () => {
  const env = { SPOOL: { keep: async () => {} } }
  expect(read({ spool: (given: object) => (given as typeof env).SPOOL }, env).config.spool).toBe(env.SPOOL)
  const broken = (): never => {
    throw new Error('no binding')
  }
  expect(read({ spool: broken }).config.spool).toBeUndefined()
})

test('a spool is made once, and further destinations have it; one of their own has the environment too', () => {
  const seen: unknown[] = []
  const env = { SPOOL: { keep: async () => {} }, OTHER: { keep: async () => {} } }
  const make = (name: keyof typeof env) => (given: typeof env) => {
    seen.push(given)
    return given[name]
  }
  const exporters = [{ endpoint: 'https://b.x/' }, { endpoint: 'https://c.x/', spool: make('OTHER') }]
  const { config } = read({ endpoint: 'https://a.x/', spool: make('SPOOL'), exporters }, env)
  expect([config, ...(config.exporters as Config[])].map(({ spool }) => spool)).toEqual([
    env.SPOOL,
    env.SPOOL,
    env.OTHER,
  ])
  expect(seen).toEqual([env, env])
})

test('headers may be a Headers', () => {
  const { config, said } = read({ endpoint: 'https://a.x/', headers: new Headers({ 'X-Team': 'desk' }) })
  expect(config.destination?.headers).toEqual({ 'x-team': 'desk' })
  expect(said).toEqual([])
})

describe('what throws when it is read is said and left out, and nothing else is', () => {
  const endpoint = 'https://a.x/'
  const boom = (): never => {
    throw new Error('boom')
  }
  const bad = {
    get a(): string {
      return boom()
    },
  }
  const warned = vi.spyOn(console, 'warn')
  beforeEach(() => void warned.mockReset().mockImplementation(() => {}))
  afterAll(() => warned.mockRestore())

  test.each<[string, options: () => object, env: Record<string, unknown>, line: string]>([
    [
      'an option',
      () => ({
        endpoint,
        get apiKey(): string {
          return boom()
        },
      }),
      {},
      'apiKey failed; it is left out (Error at boom',
    ],
    [
      'the environment',
      () => ({ endpoint }),
      new Proxy({}, { get: boom }),
      'a variable failed; it is left out (Error at ',
    ],
    ['headers', () => ({ endpoint, headers: bad }), {}, 'headers: expected an object'],
    ['resourceAttributes', () => ({ endpoint, resourceAttributes: bad }), {}, 'resourceAttributes: expected an object'],
    ['instrumentations', () => ({ endpoint, instrumentations: bad }), {}, 'instrumentations: expected an object'],
    ['attributes', () => ({ endpoint, attributes: bad }), {}, 'attributes: expected an object'],
    [
      'a further destination',
      () => ({ endpoint, exporters: [new Proxy({}, { has: boom }), { endpoint: 'https://b.x/' }] }),
      {},
      'exporters[0]: expected delivery options or a SpanExporter; it is left out',
    ],
    [
      'the list of them',
      () => ({ endpoint, exporters: new Proxy([], { get: boom }) }),
      {},
      'exporters: expected a list',
    ],
  ])('%s', (name, options, env, line) => {
    const { config, said } = read(options(), env)
    expect(`${said}${warned.mock.calls}`).toContain(line)
    expect(config.destination?.url).toBe(endpoint)
    expect(config.exporters).toHaveLength(name === 'a further destination' ? 1 : 0)
  })

  test('the names of the options', () => {
    const { config } = read(new Proxy({ endpoint }, { ownKeys: boom }))
    expect(config.destination?.url).toBe(endpoint)
    expect(`${warned.mock.calls}`).toContain('the options failed; it is left out (Error at Object.boom')
  })
})

test('a session costs at most 12 requests on Workers', () => {
  const isWorkers = navigator.userAgent === 'Cloudflare-Workers'
  expect(read().config.maxRequests).toBe(isWorkers ? 12 : Number.POSITIVE_INFINITY)
})
