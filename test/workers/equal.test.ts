/** User code must not notice: the same calls, values and errors with us and without. */
import { expect, test } from 'vitest'
import { useBackend } from '../support/backend.ts'

const backend = useBackend()

test.each(['/', '/throw'])('wrapped handlers do what they do without us, on any input (%s)', async (path) => {
  const worker = await backend.start({ entry: 'test/fixtures/equal-worker.ts' })
  const { plain, wrapped } = (await (await fetch(worker.url + path)).json()) as Record<string, { results: unknown[] }>
  expect(plain?.results).toHaveLength(4)
  expect(plain?.results[1]).toEqual(path === '/' ? { returned: 'queue' } : 'RangeError: queue boom')
  expect(wrapped).toEqual(plain)
  const names = (): unknown[] => backend.collector.store.list().map(({ root }) => root?.name)
  await backend.session(() => names().includes('process q.session') && names().includes('scheduled.session'))
})
