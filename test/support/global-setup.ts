/** One collector for the tests of the core: a real HTTP server, reached from Node and from inside workerd alike. */
import type { TestProject } from 'vitest/node'
import { type CollectorOptions, startCollector } from '../../src/collector/index.ts'

declare module 'vitest' {
  interface ProvidedContext {
    collectorUrl: string
  }
}

export default async function setup(
  project: TestProject,
  options: CollectorOptions = {},
): Promise<() => Promise<void>> {
  const collector = await startCollector({ limit: 100_000, ...options })
  // Bigint has no JSON: times go as text.
  collector.app.get('/spans', (c) => {
    const wanted = c.req.query('session')
    const found = collector.store.list().filter(({ id }) => id === wanted)
    const text = JSON.stringify(found[0]?.spans ?? [], (_, value) => (typeof value === 'bigint' ? `${value}` : value))
    return c.body(text, 200, { 'content-type': 'application/json' })
  })
  project.provide('collectorUrl', collector.url)
  return () => collector.close()
}
