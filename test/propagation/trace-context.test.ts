/** Trace context in what is no HTTP header, whose spaces nobody has taken off, and a `tracestate` that somebody changes. */
import { ROOT_CONTEXT, type SpanContext, trace } from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import { expect, test } from 'vitest'
import { carrierIn } from '../../src/propagation/inbound.ts'
import { extract, inject } from '../../src/propagation/propagators.ts'
import { traceContextPropagator } from '../../src/propagation/trace-context.ts'

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const read = (fields: Record<string, unknown>): SpanContext | undefined =>
  trace.getSpanContext(extract(carrierIn(fields), [traceContextPropagator]))

test.each([`\t${TRACEPARENT}`, ` \t ${TRACEPARENT} \t `, `${TRACEPARENT}\r\n`])('%j is read', (traceparent) => {
  expect(read({ traceparent })).toMatchObject({ traceId: TRACEPARENT.slice(3, 35), traceFlags: 1, isRemote: true })
})

test.each([
  `${TRACEPARENT}, ${TRACEPARENT}`,
  '',
  ' ',
  7,
  null,
  undefined,
  [TRACEPARENT],
  `${TRACEPARENT}\n${TRACEPARENT}`,
])('%j is none', (traceparent) => {
  expect(read({ traceparent })).toBeUndefined()
})

test('a tracestate that is read may be changed: what is new comes first, the rest stays as it came', () => {
  const state = read({ traceparent: TRACEPARENT, tracestate: ' a=1 ,\tb@c= 2 2' })?.traceState
  expect(state?.serialize()).toBe('a=1,b@c= 2 2')
  expect([state?.get('a'), state?.get('b@c'), state?.get('c')]).toEqual(['1', ' 2 2', undefined])
  expect(state?.set('n', '3').serialize()).toBe('n=3,a=1,b@c= 2 2')
  expect(state?.set('b@c', '4').serialize()).toBe('b@c=4,a=1')
  expect(state?.unset('a').serialize()).toBe('b@c= 2 2')
  // What is none changes nothing.
  expect(state?.set('N', '3').serialize()).toBe('a=1,b@c= 2 2')
  expect(state?.set('n', '3,m=4').serialize()).toBe('a=1,b@c= 2 2')
  const full = Array.from({ length: 32 }, (_, i) => `k${i}=1`)
  const longest = read({ traceparent: TRACEPARENT, tracestate: full.join() })?.traceState?.set('n', '1')
  expect(longest?.serialize()).toBe(['n=1', ...full.slice(0, -1)].join())
})

test('it is handed on as it came, and not where tracing is suppressed', () => {
  const context = extract(carrierIn({ traceparent: TRACEPARENT, tracestate: 'a=1' }), [traceContextPropagator])
  expect(inject(context, [traceContextPropagator])).toEqual({ traceparent: TRACEPARENT, tracestate: 'a=1' })
  expect(inject(suppressTracing(context), [traceContextPropagator])).toEqual({})
  expect(inject(ROOT_CONTEXT, [traceContextPropagator])).toEqual({})
})
