/** What several test files install on demand is installed once: they run side by side, each in a process of its own. */
import { mkdir, rm, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** Longer than any install: who held the lock is gone. */
const STALE_MS = 10 * 60_000

/** `isThere`: whether it has been installed before. */
export async function installOnce(
  name: string,
  isThere: () => boolean,
  install: () => Promise<unknown>,
): Promise<void> {
  const lock = `.cache/${name}.lock`
  await mkdir('.cache', { recursive: true })
  for (;;) {
    try {
      await mkdir(lock)
    } catch {
      const held = await stat(lock).catch(() => undefined)
      if (held && Date.now() - held.mtimeMs > STALE_MS) await rm(lock, { recursive: true, force: true })
      await sleep(200)
      continue
    }
    try {
      if (!isThere()) await install()
    } finally {
      await rm(lock, { recursive: true, force: true })
    }
    return
  }
}
