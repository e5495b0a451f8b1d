/** A server that answers what the test has just said, in one piece or in pieces of a few bytes. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Reply {
  status?: number
  headers?: Record<string, string>
  bytes: Uint8Array | string
  /** Bytes of a piece. Default: all. */
  piece?: number
  /** Goes on for ever after its bytes. */
  hang?: boolean
}

export interface RunningReplies {
  url: string
  /** The answers to the next requests; the last one repeats. */
  next(...replies: Reply[]): void
  close(): Promise<void>
}

export async function startReplies(): Promise<RunningReplies> {
  let replies: Reply[] = []
  const server: Server = createServer(async (request: IncomingMessage, response) => {
    for await (const _ of request);
    const reply = (replies.length > 1 ? replies.shift() : replies[0]) as Reply
    const bytes = Buffer.from(reply.bytes)
    response.writeHead(reply.status ?? 200, reply.headers ?? {})
    const { piece = bytes.length || 1 } = reply
    for (let at = 0; at < bytes.length; at += piece) {
      response.write(bytes.subarray(at, at + piece))
      if (piece < bytes.length) await sleep(0)
    }
    if (reply.hang) response.flushHeaders()
    else response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    next(...given) {
      replies = given
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
