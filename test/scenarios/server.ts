/** The models of a scenario, over HTTP: each of its runs, `/<run>/<the provider's own path>`, is given the scenario's answers in their order. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { mcp } from '../support/models.ts'
import type { Answer, Tokens } from './say.ts'

export interface Run {
  /** What a client is given as the provider's URL. */
  base: string
  /** Requests to models, and what their answers said that they cost. */
  asked: number
  tokens: Tokens
  /** Settled by `listened`, where an MCP client has been told whether it may listen. */
  listens: Promise<void>
  listened: () => void
  /** Answers that nobody has asked for. */
  left: Answer[]
}

export interface RunningScenarios {
  run(answers: readonly Answer[]): Run
  close(): Promise<void>
}

/** Anthropic's events have their names beside them. */
const events = (stream: readonly object[]): string =>
  stream.map((event) => `${'type' in event ? `event: ${event.type}\n` : ''}data: ${JSON.stringify(event)}\n\n`).join('')

export async function startScenarios(): Promise<RunningScenarios> {
  const runs: Run[] = []
  const server = createServer(async (request, response) => {
    const body = await text(request)
    const [, at = '', path = ''] = /^\/(\d+)(\/[^?]*)/.exec(`${request.url}`) ?? []
    const run = runs[Number(at)] as Run
    if (path === '/mcp') {
      // Its client does not wait for the answer to its first GET, and what it has not had is not in the tree.
      if (request.method === 'GET') response.once('finish', run.listened)
      else if (body.includes('tools/call')) await run.listens
      const { status = 200, headers, body: said } = mcp('json', body, { secret: 'cats.html', said: '', city: '' })
      return void response.writeHead(status, headers).end(said)
    }
    const index = run.left.findIndex((answer) => path.includes(answer.path))
    const [answer] = index < 0 ? [] : run.left.splice(index, 1)
    run.asked++
    if (!answer) return void response.writeHead(418).end(`the scenario has no answer for ${path}`)
    const { whole, stream, tokens, status = 200, headers = {}, hang = false } = answer
    const isStream = status === 200 && (path.includes(':stream') || body.includes('"stream":true'))
    response.writeHead(status, { 'content-type': isStream ? 'text/event-stream' : 'application/json', ...headers })
    if (hang) return void response.write(isStream ? events(stream.slice(0, 2)) : ' ')
    run.tokens = [run.tokens[0] + tokens[0], run.tokens[1] + tokens[1]]
    response.end(isStream ? events(stream) : JSON.stringify(whole))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    run(answers) {
      let listened = (): void => {}
      const listens = new Promise<void>((resolve) => {
        listened = resolve
      })
      const run: Run = {
        base: `http://127.0.0.1:${port}/${runs.length}`,
        asked: 0,
        tokens: [0, 0],
        listens,
        listened,
        left: [...answers],
      }
      runs.push(run)
      return run
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
