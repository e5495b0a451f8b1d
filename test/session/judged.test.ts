/** What somebody has said of a session's end stands, be it that nothing can be said. */
import { expect, test } from 'vitest'
import { createAgentOps } from '../../src/index.ts'
import { named, spansOf, toCollector } from '../support/collected.ts'

test.each([
  ['Indeterminate', 'why'],
  ['Indeterminate', undefined],
  ['Fail', 'no data'],
  [undefined, undefined],
] as const)('withSession: %s, %s', async (state, reason) => {
  const client = createAgentOps(toCollector())
  const session = await client.withSession({ name: 'judged' }, async (session) => {
    if (state) session.setEndState(state, reason)
    return session
  })
  expect(named(await spansOf(session), 'judged.session')).toMatchObject({
    status: { code: state === 'Indeterminate' ? 0 : state ? 2 : 1 },
    attributes: { 'agentops.session.end_state': state ?? 'Success' },
  })
  expect(session.endStateReason).toBe(reason)
})

test('an error counts for more', async () => {
  const client = createAgentOps(toCollector())
  let id = ''
  const work = client.withSession({ name: 'judged' }, async (session) => {
    id = session.id
    session.setEndState('Indeterminate', 'why')
    throw new RangeError('no')
  })
  await expect(work).rejects.toThrow('no')
  const { attributes } = named(await spansOf({ id }), 'judged.session')
  expect(attributes['agentops.session.end_state']).toBe('Fail')
})
