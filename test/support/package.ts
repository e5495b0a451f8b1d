/** What only some tests need, and is heavy, is a package of its own under `test`, installed once into `.cache` when it is first needed. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { installOnce } from './once.ts'

/** Of `test/<name>`, with its other files; gives the folder. Installed anew when its lock file has changed. */
export async function installPackage(name: string): Promise<string> {
  const home = resolve('.cache', name)
  const mark = `${home}/installed-lock.json`
  const lock = await readFile(`test/${name}/package-lock.json`, 'utf8')
  const isThere = (): boolean => existsSync(mark)
  const isFresh = isThere() && (await readFile(mark, 'utf8')) === lock
  await installOnce(
    name,
    () => isFresh && isThere(),
    async () => {
      await cp(`test/${name}`, home, { recursive: true })
      await cp('.npmrc', `${home}/.npmrc`)
      await promisify(execFile)('npm', ['ci'], { cwd: home, timeout: 240_000 })
      await writeFile(mark, lock)
    },
  )
  await cp(`test/${name}`, home, { recursive: true })
  return home
}
