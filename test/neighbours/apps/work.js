/** Spans of the app's copy of the API and of its neighbour's, inside of each other and across awaits. */
import { setTimeout as sleep } from 'node:timers/promises'
import { trace } from '@opentelemetry/api'
import { trace as its } from './its-api.js'

export async function work() {
  await trace.getTracer('app').startActiveSpan('app', async (span) => {
    await sleep(1)
    await its.getTracer('neighbour').startActiveSpan('neighbour', async (inner) => {
      await sleep(1)
      trace.getTracer('app').startSpan('app again').end()
      inner.end()
    })
    span.end()
  })
}
