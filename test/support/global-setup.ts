/** One collector for the tests of the core: a real HTTP server, reached from Node and from inside workerd alike. */
import type { TestProject } from 'vitest/node'
import { startCollector } from '../../src/collector/index.ts'
import { scriptedBackend } from './scripted.ts'

declare module 'vitest' {
  interface ProvidedContext {
    collectorUrl: string
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const collector = await startCollector({ limit: 100_000 })
  // Bigint has no JSON: times go as text.
  collector.app.get('/spans', (c) => {
    const wanted = c.req.query('session')
    const found = collector.store.list().filter(({ id }) => id === wanted)
    const text = JSON.stringify(found[0]?.spans ?? [], (_, value) => (typeof value === 'bigint' ? `${value}` : value))
    return c.body(text, 200, { 'content-type': 'application/json' })
  })
  collector.app.route('/scripted', scriptedBackend())
  project.provide('collectorUrl', collector.url)
  return () => collector.close()
}
