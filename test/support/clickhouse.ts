/** ClickHouse's engine, of `test/chdb`, as a process that speaks its HTTP form. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { installPackage } from './package.ts'

/** Installed when it is first needed: 500 MB. */
export async function startClickHouse(): Promise<{ url: string; stop(): Promise<void> }> {
  const home = await installPackage('chdb')
  const server = spawn(process.execPath, [join(home, 'server.mjs')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const stop = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return
    const ended = once(server, 'exit')
    server.kill('SIGTERM')
    await ended
  }
  const ended = once(server, 'exit').then(() => {
    throw new Error('the engine ended before it listened')
  })
  const [port] = (await Promise.race([once(createInterface(server.stdout), 'line'), ended])) as [string]
  ended.catch(() => {})
  return { url: `http://default:@127.0.0.1:${port}/default`, stop }
}
