/** Clients of models that use no `fetch`, of `test/clients`: installed once, on demand. And a Bedrock that they speak to, over HTTP/2 and `node:http`. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdir } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createHttp2, type Http2Server } from 'node:http2'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'
import { installOnce } from './once.ts'

const HOME = '.cache/clients'

export async function installClients(): Promise<(name: string) => unknown> {
  await installOnce(
    'clients',
    () => existsSync(`${HOME}/node_modules/undici`),
    async () => {
      await mkdir(HOME, { recursive: true })
      for (const file of ['package.json', 'package-lock.json'])
        await copyFile(`test/clients/${file}`, `${HOME}/${file}`)
      await copyFile('.npmrc', `${HOME}/.npmrc`)
      await promisify(execFile)('npm', ['ci', '--ignore-scripts'], { cwd: HOME })
    },
  )
  return createRequire(resolve(HOME, 'package.json'))
}

/** One frame of AWS' event stream, with the checksums that its SDK looks at. */
function frame(headers: Record<string, string>, payload: unknown): Buffer {
  const head = Buffer.concat(
    Object.entries({ ...headers, ':content-type': 'application/json' }).map(([name, value]) => {
      const size = Buffer.alloc(3)
      size.writeUInt8(7)
      size.writeUInt16BE(Buffer.byteLength(value), 1)
      return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), size, Buffer.from(value)])
    }),
  )
  const body = Buffer.from(JSON.stringify(payload))
  const prelude = Buffer.alloc(12)
  prelude.writeUInt32BE(16 + head.length + body.length)
  prelude.writeUInt32BE(head.length, 4)
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8)
  const checked = Buffer.concat([prelude, head, body])
  const end = Buffer.alloc(4)
  end.writeUInt32BE(crc32(checked))
  return Buffer.concat([checked, end])
}
const event = (type: string, payload: unknown): Buffer =>
  frame({ ':message-type': 'event', ':event-type': type }, payload)

const usage = { inputTokens: 8, outputTokens: 12, totalTokens: 20 }
const CONVERSE = {
  output: { message: { role: 'assistant', content: [{ text: 'it is sunny' }] } },
  stopReason: 'end_turn',
  usage,
  metrics: { latencyMs: 5 },
}
const CALL = { toolUseId: 'use_1', name: 'weather' }
const ASKS = {
  ...CONVERSE,
  output: { message: { role: 'assistant', content: [{ toolUse: { ...CALL, input: { city: 'Oslo' } } }] } },
  stopReason: 'tool_use',
}
const CLAUDE = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude',
  content: [{ type: 'text', text: 'it is sunny' }],
  stop_reason: 'end_turn',
  usage: { input_tokens: 8, output_tokens: 12 },
}
const bytes = (value: unknown): unknown => ({ bytes: Buffer.from(JSON.stringify(value)).toString('base64') })
const STREAM: readonly Buffer[] = [
  event('messageStart', { role: 'assistant' }),
  event('contentBlockDelta', { contentBlockIndex: 0, delta: { text: 'it is ' } }),
  event('contentBlockDelta', { contentBlockIndex: 0, delta: { text: 'sunny' } }),
  event('contentBlockStop', { contentBlockIndex: 0 }),
  event('messageStop', { stopReason: 'end_turn' }),
  event('metadata', { usage, metrics: { latencyMs: 5 } }),
]
const ASKING: readonly Buffer[] = [
  event('messageStart', { role: 'assistant' }),
  event('contentBlockStart', { contentBlockIndex: 0, start: { toolUse: CALL } }),
  event('contentBlockDelta', { contentBlockIndex: 0, delta: { toolUse: { input: '{"city":"Oslo"}' } } }),
  event('contentBlockStop', { contentBlockIndex: 0 }),
  event('messageStop', { stopReason: 'tool_use' }),
  event('metadata', { usage, metrics: { latencyMs: 5 } }),
]
const CHUNKS: readonly Buffer[] = [
  event('chunk', bytes({ type: 'message_start', message: { ...CLAUDE, content: [], stop_reason: null } })),
  event('chunk', bytes({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'it is sunny' } })),
  event('chunk', bytes({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 12 } })),
]
const BROKEN = frame(
  { ':message-type': 'exception', ':exception-type': 'throttlingException' },
  { message: 'too many of "my prompt"' },
)

export interface RunningBedrock {
  /** Over `node:http`, and HTTP/2 without TLS. */
  http: string
  http2: string
  /** Bodies, as they came. */
  asked: string[]
  close(): void
}

/** By the model's name: `refuses`, `breaks` in the stream, `flaky` refuses once, `asks` for a tool. */
export async function startBedrock(): Promise<RunningBedrock> {
  const asked: string[] = []
  let refusals = 0
  const listener = async (request: Parameters<RequestListener>[0], response: Parameters<RequestListener>[1]) => {
    asked.push(await text(request))
    const [, model = '', operation] = /\/model\/([^/]+)\/([\w-]+)/.exec(request.url ?? '') ?? []
    if (model === 'refuses' || (model === 'flaky' && refusals++ % 2 === 0)) {
      const type = model === 'flaky' ? 'ThrottlingException' : 'ValidationException'
      response.writeHead(model === 'flaky' ? 429 : 400, {
        'content-type': 'application/json',
        'x-amzn-errortype': type,
      })
      return void response.end('{"message":"no \\"my prompt\\""}')
    }
    const isStream = /stream$/.test(`${operation}`)
    response.writeHead(200, {
      'content-type': isStream ? 'application/vnd.amazon.eventstream' : 'application/json',
      'x-amzn-bedrock-content-type': 'application/json',
    })
    if (model === 'asks' && !isStream) return void response.end(JSON.stringify(ASKS))
    if (!isStream) return void response.end(JSON.stringify(operation === 'invoke' ? CLAUDE : CONVERSE))
    const all = model === 'asks' ? ASKING : operation === 'converse-stream' ? STREAM : CHUNKS
    for (const part of model === 'breaks' ? [...all.slice(0, 2), BROKEN] : all) response.write(part)
    response.end()
  }
  const servers: (Server | Http2Server)[] = [createServer(listener), createHttp2(listener as never)]
  const [http = '', http2 = ''] = await Promise.all(
    servers.map(async (server) => {
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    }),
  )
  const close = (): void => {
    for (const server of servers) {
      if ('closeAllConnections' in server) server.closeAllConnections()
      server.close()
    }
  }
  return { http, http2, asked, close }
}
