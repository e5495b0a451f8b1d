/** `check`: why no session shows up. One line for each thing that has to be right, and what to do where it is not. */
import { readFile } from 'node:fs/promises'
import { parseEnv } from 'node:util'
import { readConfig } from '../options/read.ts'
import { type Finding, probe } from './probe.ts'
import { clean, style, UsageError, within } from './terminal.ts'

export interface CheckOptions {
  envFile?: string | string[]
  /** Seconds. */
  wait: number
  json?: boolean
}

const NOWHERE = 'npx agentops-edge dev prints a line for this machine; AgentOps wants AGENTOPS_API_KEY alone'
const FILES = ['.dev.vars', '.env.local', '.env']

export async function check({ envFile, wait, json }: CheckOptions): Promise<void> {
  const waitMs = within('--wait', wait, 0, 3600) * 1000
  const named = [envFile ?? []].flat()
  const { env, files } = await readEnvironment(named)
  const findings: Finding[] = []
  const complaints: string[] = []
  const config = readConfig({}, env, (complaint) => void complaints.push(complaint))
  const add = (finding: Finding): undefined => {
    findings.push(finding)
    if (!json) print(finding)
    return undefined
  }
  const from = files.length ? `the environment and ${files.join(', ')}` : 'the environment'
  for (const complaint of complaints) {
    const next = /nothing is sent/.test(complaint)
      ? NOWHERE
      : 'correct it; the reference of options in the documentation lists every variable'
    add({ check: 'settings', ok: false, says: complaint, next })
  }
  const { destination } = config
  if (config.disabled) {
    add({ check: 'settings', ok: false, says: 'OTEL_SDK_DISABLED is true: nothing is recorded', next: 'unset it' })
  } else if (!destination && !complaints.length) {
    const says = `${from} name no place to send to`
    add({ check: 'settings', ok: false, says, next: NOWHERE })
  } else if (destination) {
    const key = destination.apiKey ? `, with a key, whose token comes from ${destination.tokenUrl}` : ', without a key'
    add({ check: 'settings', ok: true, says: `sessions go to ${shown(destination.url)}${key} (by ${from})` })
    await probe(
      destination,
      (finding) => add({ ...finding, says: clean(destination.hidden.from(finding.says)) }),
      waitMs,
    )
  }
  const isWell = findings.every(({ ok }) => ok !== false)
  if (json) console.log(JSON.stringify(findings, null, 2))
  else console.log(isWell ? style('\nAll is well.', 'green') : style('\nSomething is wrong: see above.', 'red'))
  process.exitCode = isWell ? 0 : 1
}

function print({ check: name, ok, says, next }: Finding): void {
  const sign = ok ? style('✓', 'green') : ok === false ? style('✗', 'red') : style('–', 'yellow')
  console.log(`${sign} ${name.padEnd(9)} ${clean(says)}${next ? `\n${' '.repeat(12)}→ ${clean(next)}` : ''}`)
}

/** Without a query, which may hold a secret. */
function shown(url: string): string {
  return url.replace(/[?#].*$/, '')
}

async function readEnvironment(named: string[]): Promise<{ env: Record<string, string>; files: string[] }> {
  const env: Record<string, string> = {}
  const files: string[] = []
  for (const file of named.length ? named : FILES) {
    const text = await readFile(file, 'utf8').catch(() => undefined)
    if (text === undefined && named.length) throw new UsageError(`--env-file ${file}: cannot be read`)
    if (text === undefined) continue
    files.push(file)
    for (const [name, value] of Object.entries(parseEnv(text))) if (value !== undefined) env[name] ??= value
  }
  return { env, files }
}
