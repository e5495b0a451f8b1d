/** Which command was meant. Exit codes: 0, 1 where it failed or found something wrong, 2 where it was called wrongly. */
import { cac } from 'cac'
import { VERSION } from '../runtime/version.ts'
import { check } from './check.ts'
import { dev } from './dev.ts'
import { show } from './show.ts'
import { tail } from './tail.ts'
import { clean, complain, UsageError, UserError } from './terminal.ts'

export const DEFAULT_PORT = 4318

export async function main(argv: string[]): Promise<void> {
  // Whoever reads may have seen enough: `| head -1`.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => process.exit())
  const cli = cac('agentops-edge')
  const url = `http://127.0.0.1:${DEFAULT_PORT}`
  cli
    .command('dev', 'Take sessions on this machine, and show them in the browser')
    .option('--port <port>', 'Port, or the next free one', { default: DEFAULT_PORT })
    .option('--db <file>', 'Database file', { default: '.agentops/sessions.db' })
    .option('--max-age <days>', 'Take sessions away after so many days', { default: 7 })
    .option('--max-size <mb>', 'Take the oldest sessions away above so many megabytes', { default: 1024 })
    .option('--host <name>', 'A name with its port, beside localhost, under which it may be asked')
    .option('--json', 'Print one line of JSON')
    .action(dev)
  cli
    .command('check', 'Say why no session shows up: looks at the settings, sends one session and reads it back')
    .option('--env-file <file>', 'Settings; default: .dev.vars, .env.local and .env, and the environment')
    .option('--wait <seconds>', 'How long to wait for the session', { default: 15 })
    .option('--json', 'Print JSON')
    .action(check)
  cli
    .command('tail', 'Print each session as it ends')
    .option('--url <url>', 'The local backend', { default: url })
    .option('--state <state>', 'Only Success, Fail or Indeterminate')
    .option('--tag <tag>', 'Only with this tag')
    .option('--contents', 'With what went in and out')
    .option('--json', 'Print one line of JSON for each session')
    .action(tail)
  cli
    .command('show <trace>', 'Print one session; its trace id, or its id')
    .option('--url <url>', 'The local backend', { default: url })
    .option('--contents', 'With what went in and out')
    .option('--json', 'Print JSON')
    .action(show)
  cli.help()
  cli.version(VERSION)
  try {
    const { options } = cli.parse(argv, { run: false })
    if (options.help || options.version) return
    if (!cli.matchedCommand) {
      const [unknown] = cli.args
      if (unknown !== undefined) complain(`agentops-edge: there is no command "${clean(unknown)}"\n`)
      cli.outputHelp()
      process.exitCode = unknown === undefined ? 0 : 2
      return
    }
    Object.assign(options, asWritten(argv))
    await cli.runMatchedCommand()
  } catch (error) {
    const { name, message } = error as Error
    const isWrongCall = name === 'CACError' || error instanceof UsageError
    complain(`agentops-edge: ${clean(message)}`)
    if (!isWrongCall && !(error instanceof UserError)) complain(`${(error as Error).stack}`)
    process.exitCode = isWrongCall ? 2 : 1
  }
}

/** Options that are texts: the parser makes numbers of those that look like one, `1.0` and an empty one, too. */
const TEXTS = ['db', 'host', 'env-file', 'url', 'state', 'tag']

function asWritten(argv: string[]): Record<string, string | string[]> {
  const values: Record<string, string | string[]> = {}
  argv.forEach((argument, n) => {
    const [, name = '', value = argv[n + 1]] = /^--([a-z-]+)(?:=(.*))?$/s.exec(argument) ?? []
    if (!TEXTS.includes(name) || value === undefined || (value === argv[n + 1] && value.startsWith('-'))) return
    const as = name === 'env-file' ? 'envFile' : name
    // Those of which there may be several are the only ones that are read as a list.
    values[as] = name === 'host' || name === 'env-file' ? [...(values[as] ?? []), value] : value
  })
  return values
}
