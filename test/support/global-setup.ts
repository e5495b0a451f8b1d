/** One collector and one scripted backend for the tests: real HTTP servers, reached from Node and inside workerd alike. */
import type { TestProject } from 'vitest/node'
import { startStrictCollector } from './collector.ts'
import { startScripted } from './scripted.ts'

declare module 'vitest' {
  interface ProvidedContext {
    collectorUrl: string
    backendUrl: string
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const collector = await startStrictCollector('a test of the core', { limit: 100_000 })
  // Bigint has no JSON: times go as text.
  collector.app.get('/spans', (c) => {
    const wanted = c.req.query('session')
    const found = collector.store.list().filter(({ id }) => id === wanted)
    const text = JSON.stringify(found[0]?.spans ?? [], (_, value) => (typeof value === 'bigint' ? `${value}` : value))
    return c.body(text, 200, { 'content-type': 'application/json' })
  })
  collector.app.get('/count', (c) => {
    const wanted = c.req.query('name')
    return c.text(`${collector.store.list().filter(({ root }) => root?.name === wanted).length}`)
  })
  const backend = await startScripted()
  project.provide('collectorUrl', collector.url)
  project.provide('backendUrl', backend.url)
  return async () => {
    const closed = await Promise.allSettled([collector.close(), backend.close()])
    const faults = closed.flatMap((one) => (one.status === 'rejected' ? [`${one.reason}`] : []))
    // Vitest says it, and the run has failed.
    if (faults.length > 0) throw new Error(faults.join('\n'))
  }
}
