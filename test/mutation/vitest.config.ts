/**
 * For `npm run mutation`: the tests of delivery and of the session that answer within seconds, in Node alone. Each is run
 * for every mutant that it reaches, so that those which wait for their deadlines, or try 10,000 sessions, are left to
 * `npm test`.
 */
import { defineConfig, type ViteUserConfig } from 'vitest/config'

const source = (path: string): string => `${process.cwd()}/src/${path}`

const config: ViteUserConfig = defineConfig({
  resolve: { alias: { '#exit': source('lifetime/exit.ts'), '#process': source('outbox/process.ts') } },
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    include: ['test/{session,events,export,config}/**/*.test.ts', 'test/outbox/property.test.ts'],
    exclude: ['test/export/deadline.test.ts', 'test/session/sampling.test.ts'],
    testTimeout: 60_000,
  },
})

export default config
