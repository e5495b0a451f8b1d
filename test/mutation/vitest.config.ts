/**
 * For `npm run mutation`: the tests that a mutant of one room is shown, in Node alone. Each is run for every mutant that
 * it reaches, so that those which wait for their deadlines, or try 10,000 sessions, are left to `npm test`. `TESTS` names
 * others: a mutant that dies in the test of its own file dies in seconds.
 */
import { defineConfig, type ViteUserConfig } from 'vitest/config'

const TESTS: Record<string, string[]> = {
  session: ['test/{session,events}/*.test.ts'],
  delivery: ['test/outbox/property.test.ts', 'test/export/*.test.ts'],
}

const source = (path: string): string => `${process.cwd()}/src/${path}`

const config: ViteUserConfig = defineConfig({
  resolve: { alias: { '#exit': source('lifetime/exit.ts'), '#process': source('outbox/process.ts') } },
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    include: process.env.TESTS?.split(',') ?? TESTS[process.env.MUTATION ?? 'session'] ?? [],
    exclude: [
      'test/export/{deadline,faults,acceptance-otlp,agentops-v2,parts,exporter}.test.ts',
      'test/session/sampling.test.ts',
    ],
    testTimeout: 60_000,
  },
})

export default config
