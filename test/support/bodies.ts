/** A server whose answers are bodies of all kinds, and which knows what has become of the connections of those that never end. */
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { waitFor } from './wait.ts'

export interface RunningBodies {
  url: string
  /** Connections that are open, and those of them that an answer is under way on. */
  readonly open: number
  readonly busy: number
  /** How often an answer that never ends was asked for, and closed by the client, by query. */
  asked: Map<string, number>
  closed: Map<string, number>
  /** Until each that was asked for has been closed. */
  allClosed(): Promise<void>
  close(): Promise<void>
}

export const PAGE: string = JSON.stringify({
  id: 'chatcmpl-1',
  choices: [{ message: { content: 'grüße' }, finish_reason: 'stop' }],
})
export const ZIPPED: Buffer = gzipSync('zipped by the server '.repeat(500), { level: 1 })
const FORM = '--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'

export async function startBodies(): Promise<RunningBodies> {
  const asked = new Map<string, number>()
  const closed = new Map<string, number>()
  const sockets = new Set<Socket>()
  let busy = 0
  const add = (map: Map<string, number>, key: string): unknown => map.set(key, (map.get(key) ?? 0) + 1)
  const server = createServer((request, response) => {
    const [, path = '', query = ''] = /^\/([^/?]*)[^?]*(?:\?(.*))?$/.exec(`${request.url}`) ?? []
    if (path === 'state') return void response.end(JSON.stringify({ busy }))
    busy++
    // Takes nothing of what it is sent.
    if (path === 'deaf') return void request.socket.pause()
    let taken = 0
    request.on('data', (part: Buffer) => {
      taken += part.length
    })
    response.once('close', () => busy--)
    response.setHeader('x-own', 'kept')
    response.setHeader('content-type', 'application/json')
    if (path === 'endless' || path === 'hangs') {
      const name = `${request.method} ${query}`
      add(asked, name)
      response.once('close', () => add(closed, name))
      if (path === 'hangs') response.setHeader('content-length', '1000')
      response.write('x'.repeat(100))
    } else if (path === 'parts') {
      response.write('one ')
      setTimeout(() => response.end('two'), 5)
    } else if (path === 'gzip' || path === 'gzip-known') {
      response.setHeader('content-encoding', 'gzip')
      if (path === 'gzip-known') response.setHeader('content-length', ZIPPED.length)
      response.write(ZIPPED.subarray(0, 20))
      setTimeout(() => response.end(ZIPPED.subarray(20)), 5)
    } else if (path === 'broken') {
      response.writeHead(200, { 'content-length': '100' }).write('ten bytes!')
      setTimeout(() => response.destroy(), 20)
    } else if (path === 'form') {
      response.setHeader('content-type', 'multipart/form-data; boundary=x').end(FORM)
    } else if (path === 'count') {
      const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
      // A connection that much has gone over takes more at once.
      response.setHeader('connection', 'close')
      request.on('end', () => response.end(JSON.stringify({ taken, length, encoding })))
    } else if (path === '999') response.writeHead(999).end('no robots')
    else response.end(path === 'words' ? 'no JSON' : PAGE)
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get open() {
      return sockets.size
    },
    get busy() {
      return busy
    },
    asked,
    closed,
    async allClosed() {
      const same = (): boolean => [...asked].every(([name, times]) => closed.get(name) === times)
      await waitFor(`${JSON.stringify([...asked])}, of which ${JSON.stringify([...closed])} were closed`, same, 5_000)
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
