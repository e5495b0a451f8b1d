/**
 * `npm run mutation`: changes the code of delivery and of the session, one place at a time, and says which changes no
 * test has seen. `npm run mutation -- session/conceal outbox/group` for some files; the whole takes hours.
 * `TESTS=test/export/backoff.test.ts` before it: only these tests.
 */
import { spawnSync } from 'node:child_process'
import { installPackage } from '../support/package.ts'

const ROOMS: Record<string, string[]> = { session: ['session'], delivery: ['formats', 'outbox', 'transport'] }

// Vitest is this project's own, found above Stryker's folder.
process.env.npm_config_legacy_peer_deps = 'true'
const home = await installPackage('mutation')
const wanted = process.argv.slice(2)
for (const [group, rooms] of Object.entries(ROOMS)) {
  const files = wanted.length
    ? wanted.filter((file) => rooms.includes(file.split('/')[0] ?? '')).map((file) => `src/${file}.ts`)
    : rooms.map((room) => `src/${room}/*.ts`)
  if (files.length === 0) continue
  const stryker = `${home}/node_modules/@stryker-mutator/core/bin/stryker.js`
  const { status } = spawnSync(
    process.execPath,
    [stryker, 'run', 'test/mutation/stryker.config.json', '--mutate', files.join()],
    { stdio: 'inherit', env: { ...process.env, MUTATION: group } },
  )
  process.exitCode ||= status ?? 1
}
