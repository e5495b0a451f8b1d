/** A receiver that keeps what it is sent as it is, byte by byte, and takes it all. It answers `{}`, and 2 MiB at `/large`. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeContent } from './otlp-decoder.ts'

export interface RunningSink {
  /** Without a slash at the end. */
  url: string
  /** Headers and decompressed bodies, one text a request. */
  received: { path: string; text: string; body: string }[]
  close(): Promise<void>
}

export async function startSink(): Promise<RunningSink> {
  const received: RunningSink['received'] = []
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    const body = Buffer.from(decodeContent(Buffer.concat(parts), request.headers)).toString()
    received.push({ path: `${request.url}`, text: `${request.url} ${request.rawHeaders.join(' ')} ${body}`, body })
    response.setHeader('content-type', 'application/json')
    response.end(request.url === '/large' ? 'x'.repeat(2 << 20) : '{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
