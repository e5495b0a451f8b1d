/** Credentials that others write, by the names of attributes and in URLs; what is none stays. */
import { SpanStatusCode } from '@opentelemetry/api'
import { expect, test } from 'vitest'
import { createAgentOps } from '../../src/index.ts'
import { named, spansOf, toCollector } from '../support/collected.ts'

const GONE = [
  'http.request.header.x-functions-key',
  'http.request.header.ocp-apim-subscription-key',
  'http.request.header.x_csrf_token',
  'bearer',
  'bearer_token',
  'token',
  'clientSecret',
  'aws.secretAccessKey',
  'encryptionKey',
  'userPassword',
]
const KEPT = [
  'cache_key',
  'partitionKey',
  'page_token',
  'nextToken',
  'messaging.kafka.message.key',
  'http.request.header.x-request-id',
  'order.id',
  'tokenizer',
  'monkey',
]

test('what a name says is a credential goes, whoever spelt it; keys and tokens of a place stay', async () => {
  const session = createAgentOps(toCollector()).startSession({ name: 'names' })
  const attributes = Object.fromEntries([...GONE, ...KEPT].map((name) => [name, `of ${name}`]))
  session.tracerProvider.getTracer('library').startSpan('GET', { attributes }).end()
  await session.end()
  const names = Object.keys(named(await spansOf(session), 'GET').attributes)
  expect(names.filter((name) => GONE.includes(name))).toEqual([])
  expect(KEPT.filter((name) => !names.includes(name))).toEqual([])
})

test('a password in a URL shows nowhere, nor does the query of a caller’s', async () => {
  const url = 'postgres://app:p4ssw0rd@db.example:5432/orders'
  const asked = 'https://api.example/?key=s3cret-0f-theirs'
  const session = createAgentOps(toCollector()).startSession({ name: 'urls' })
  const span = session.tracerProvider.getTracer('library').startSpan('connect', {
    attributes: {
      json: JSON.stringify({ at: 'http://h:80', mail: 'me@h.example' }),
      text: `to ${url}, then https://api.example/`,
      'http.request.header.referer': [asked],
    },
  })
  span.addEvent(`retry ${url}`, { 'exception.message': `cannot reach ${url}` })
  span.setStatus({ code: SpanStatusCode.ERROR, message: `cannot reach ${url}` }).end()
  expect(() =>
    session.tool('thrown', { url }, () => {
      throw new Error(`cannot reach ${url}`)
    }),
  ).toThrow(url)
  await session.end()
  const spans = await spansOf(session)
  const text = JSON.stringify(spans, (_, value) => (typeof value === 'bigint' ? `${value}` : value))
  expect(text).not.toMatch(/p4ssw0rd|s3cret/)
  const { attributes, status } = named(spans, 'connect')
  expect(attributes.text).toBe('to postgres://db.example:5432/orders, then https://api.example/')
  expect(attributes.json).toBe('{"at":"http://h:80","mail":"me@h.example"}')
  expect(status.message).toContain('postgres://db.example')
})

test('what a client quotes shows in no error around its own, however far out', async () => {
  const quote = (n: number): Error =>
    Object.assign(new Error(`400 Refused: "plan ${n} of mine"`), { status: 400, headers: {}, error: {} })
  const inner = quote(1)
  const outer = new Error(`gave up: ${inner.message}`, { cause: new Error('in between', { cause: inner }) })
  const session = createAgentOps(toCollector()).startSession({ name: 'quotes' })
  const all = new AggregateError([new Error('timeout'), quote(3)], `all failed: ${quote(3).message}`)
  for (const error of [outer, quote(2), all]) session.recordError(error)
  await session.end()
  const spans = await spansOf(session)
  const details = spans.map(({ attributes }) => attributes['error.message']).filter(Boolean)
  expect(details).toEqual(['gave up: 400 Error', '400 Error', 'all failed: 400 Error'])
  expect(JSON.stringify(spans, (_, value) => (typeof value === 'bigint' ? `${value}` : value))).not.toContain('of mine')
})
