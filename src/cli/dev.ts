/** `dev`: the local backend, until it is stopped. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { clickhouseStore } from '../collector/clickhouse/index.ts'
import { type Backend, startBackend, type TraceStore } from '../collector/index.ts'
import { style, UsageError, UserError, within } from './terminal.ts'

export interface DevOptions {
  port: number
  db: string
  maxAge: number
  maxSize: number
  host?: string | string[]
  json?: boolean
}

/** Ports after the wanted one. */
const TRIES = 20

export async function dev({ port, db, maxAge, maxSize, host, json }: DevOptions): Promise<void> {
  const { CLICKHOUSE_URL: url } = process.env
  const wanted = within('--port', port, 0, 65_535, true)
  if (!db) throw new UsageError('--db: expected the name of a file, got none')
  const options = {
    db,
    maxAgeMs: within('--max-age', maxAge, 0.01, 36_500) * 24 * 3600_000,
    maxBytes: within('--max-size', maxSize, 1, 1e6) * 1e6,
    hosts: [host ?? []].flat().map(String),
    ...(url && { store: openClickHouse(url, maxAge) }),
  }
  const kept = url ? `ClickHouse at ${new URL(url).host}` : options.db
  if (!url) await makeFolder(options.db)
  const backend = await startNear(wanted, options)
  const stop = once(async () => {
    await backend.close()
    process.exit(0)
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
  if (json) console.log(JSON.stringify({ url: backend.url, db: kept }))
  else say(backend.url, wanted, kept)
}

/** `CLICKHOUSE_URL` holds a password: it is not repeated. */
function openClickHouse(url: string, maxAge: number): TraceStore {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new UsageError('CLICKHOUSE_URL: expected https://user:password@host:8443/database')
  return clickhouseStore({ url, days: Math.ceil(maxAge), isGrouping: true })
}

/** The folder of the default file keeps itself out of the user's repository. */
async function makeFolder(file: string): Promise<void> {
  const folder = dirname(file)
  try {
    await mkdir(folder, { recursive: true })
    if (folder === '.agentops') await writeFile(`${folder}/.gitignore`, '*\n', { flag: 'wx' }).catch(() => {})
  } catch (error) {
    throw new UserError(`--db ${file}: its folder cannot be made (${(error as NodeJS.ErrnoException).code})`)
  }
}

async function startNear(port: number, options: { db: string }): Promise<Backend> {
  for (let tried = 0; ; tried++) {
    try {
      return await startBackend({ ...options, port: port && port + tried })
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code !== 'EADDRINUSE') throw new UserError(code === 'EACCES' ? `--port ${port}: not allowed` : message)
      if (tried === TRIES || port + tried === 65_535) {
        throw new UserError(`--port ${port}: it is taken, and so are the next ${tried}. Name another one`)
      }
    }
  }
}

function say(url: string, wanted: number, db: string): void {
  const line = `OTEL_EXPORTER_OTLP_ENDPOINT=${url}`
  const { port } = new URL(url)
  const moved =
    wanted && Number(port) !== wanted ? `\n  ${style(`port ${wanted} is taken: this is ${port}`, 'yellow')}` : ''
  console.log(`
  ${style('agentops-edge', 'bold')}  ${style(url, 'blue')}  ${style(`kept in ${db}`, 'dim')}${moved}

  Workers   .dev.vars             ${line}
  Next.js   .env.local            ${line}
  Node.js   the environment       ${line}
  Lambda    on this machine, the function's environment; in a container
            OTEL_EXPORTER_OTLP_ENDPOINT=http://host.docker.internal:${port}
            and here: --host host.docker.internal:${port}

  Beside it AGENTOPS_APP_URL=${url} makes session.url, and what AGENTOPS_DEBUG=true says, lead here.
  A key goes before it: take AGENTOPS_API_KEY out there while you try.
  ${style('Nothing shows up?  npx agentops-edge check    In the terminal:  npx agentops-edge tail', 'dim')}
`)
}

function once(work: () => Promise<void>): () => void {
  let isBegun = false
  return () => {
    if (isBegun) process.exit(1)
    isBegun = true
    work().catch(() => process.exit(1))
  }
}
