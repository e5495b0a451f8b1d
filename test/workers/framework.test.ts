/** Classes over a framework's base class, in real workerd: the framework works as without, and each call is one session. */
import { beforeAll, describe, expect, test } from 'vitest'
import type { CollectedSession } from '../../src/collector/index.ts'
import { useBackend } from '../support/backend.ts'
import type { RunningWorker } from '../support/workerd.ts'

const backend = useBackend()
const start = (): Promise<RunningWorker> =>
  backend.start({
    entry: 'test/fixtures/framework-worker.ts',
    miniflare: {
      durableObjects: {
        PLAIN: { className: 'PlainRoom', useSQLite: true },
        TRACED: { className: 'Traced', useSQLite: true },
        TWICE: { className: 'Twice', useSQLite: true },
        EXTENDED: { className: 'Extended', useSQLite: true },
      },
      serviceBindings: { SERVICE: { name: 'main', entrypoint: 'TracedService' } },
    },
  })
let worker: RunningWorker
beforeAll(async () => {
  worker = await start()
})

const ask = async (path: string, { url } = worker): Promise<string> => (await fetch(`${url}/${path}`)).text()
/** What has come, when nothing comes any more: the root's name, and those of the others by start. */
async function sessions(): Promise<string[]> {
  const count = (): number => backend.collector.store.list().reduce((sum, { spans }) => sum + spans.length, 0)
  for (let before = -1; before !== count(); await new Promise((resolve) => setTimeout(resolve, 700))) before = count()
  return backend.collector.store.list().map(textOf)
}
function textOf({ root, spans }: CollectedSession): string {
  const inside = spans.filter((span) => span !== root).sort((a, b) => Number(a.start - b.start))
  const cut = inside.filter(({ end, attributes }) => attributes['agentops.incomplete'] || end > (root?.end ?? 0n))
  return `${root?.name}: ${inside.map(({ name }) => name).join(', ')}${cut.length ? `, ${cut.length} cut` : ''}`
}

describe('RPC', () => {
  test.each([
    ['a method of the class', 'method', ['PlainRoom.method.session: in method.tool']],
    ['an inherited one, with what it calls and reads', 'turn', ['PlainRoom.turn.session: turn 1.tool, turn 2.tool']],
    ['a Response: the session lasts as long', 'onTurn', ['PlainRoom.onTurn.session: turn 1.tool, turn 2.tool']],
    ['an inherited one that records nothing', 'overridden', []],
    ['what makes the object ready', 'ready', []],
    ['the same, by a name that begins with _', '_ready', []],
  ])('%s', async (_, method, expected) => {
    const plain = await ask(`PLAIN/${method}`)
    expect(await ask(`TRACED/${method}`)).toBe(plain)
    expect(await sessions()).toEqual(expected)
  })

  test('a class that is wrapped twice has one session', async () => {
    expect(await ask('TWICE/method')).toBe('called')
    expect(await sessions()).toEqual(['PlainRoom.method.session: in method.tool'])
  })

  test('a class that extends a wrapped one: its own methods, and those that it extends', async () => {
    expect([await ask('EXTENDED/other'), await ask('EXTENDED/method')]).toEqual(['called', 'called'])
    expect((await sessions()).sort()).toEqual([
      'PlainRoom.method.session: in method.tool',
      'PlainRoom.other.session: in other.tool',
    ])
  })
})

describe('a WebSocket', () => {
  const talk = async (kind: string, message: string): Promise<string[]> => {
    const socket = new WebSocket(`${worker.url.replace('http', 'ws')}/${kind}/socket`)
    const heard: string[] = []
    try {
      await new Promise<void>((resolve, reject) => {
        socket.addEventListener('error', () => reject(new Error('no socket')))
        socket.addEventListener('message', ({ data }) => {
          if (heard.push(String(data)) === 2) resolve()
          else socket.send(message)
        })
      })
      if (kind !== 'PLAIN') await sessions()
    } finally {
      socket.close()
    }
    return heard
  }

  test('what comes with its request, a message to a handler of the object’s own, and what goes on behind it', async () => {
    const plain = await talk('PLAIN', 'method')
    expect(plain).toEqual(['connected', 'called'])
    expect(await talk('TRACED', 'method')).toEqual(plain)
    expect((await sessions()).sort()).toEqual([
      'GET.session: connected 1.tool, connected 2.tool',
      'PlainRoom.onTurn.session: turn 1.tool, turn 2.tool',
      'PlainRoom.webSocketMessage.session: in method.tool',
    ])
  })

  test('a method that the framework does not know', async () => {
    expect(await talk('TRACED', 'other')).toEqual(['connected', 'other is not marked'])
  })
})

test('an entrypoint alone, with nodejs_als alone: its first call has a session', async () => {
  const fresh = await start()
  expect(await ask('SERVICE', fresh)).toBe('hello you!')
  expect(await sessions()).toEqual(['PlainService.greet.session: greeting.tool'])
  expect(fresh.logs).toEqual([])
})
