/**
 * ClickHouse's engine behind as much of its HTTP interface as the official client uses: a POST with the query in the body,
 * or in `query` with the rows in the body, values and settings as further parameters, and an error's code in a header. One
 * query at a time. Prints its port.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const { Session } = createRequire(import.meta.url)('chdb')
const folder = mkdtempSync(join(tmpdir(), 'chdb-'))
const session = new Session(folder)
session.query("SET session_timezone = 'UTC'")
const NO_SETTINGS = ['query', 'query_id', 'database', 'session_id', 'role']
const quoted = (text) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

const server = createServer(async (request, response) => {
  const parts = []
  for await (const part of request) parts.push(part)
  const body = Buffer.concat(parts).toString()
  const { searchParams } = new URL(request.url, 'http://localhost')
  try {
    for (const [name, value] of searchParams) {
      if (!NO_SETTINGS.includes(name)) session.query(`SET ${name} = ${quoted(value)}`)
    }
    const query = searchParams.get('query')
    const answer = session.query(query ? `${query}\n${body}` : body, 'TabSeparated')
    response.setHeader('content-type', 'text/plain; charset=utf-8')
    response.end(answer ?? '')
  } catch (error) {
    const message = String(error.message).replace(/^Query failed: /, '')
    const code = /Code: (\d+)/.exec(message)?.[1]
    if (code) response.setHeader('x-clickhouse-exception-code', code)
    response.statusCode = 500
    response.end(message)
  }
})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
const stop = () => {
  server.close()
  server.closeAllConnections()
  session.cleanup?.()
  rmSync(folder, { recursive: true, force: true })
  process.exit(0)
}
process.on('SIGTERM', stop)
// Whoever has started it is gone.
process.stdin.on('end', stop).resume()
