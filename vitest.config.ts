import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig, type ViteUserConfig } from 'vitest/config'

// Tests of the core run twice, in Node and inside workerd; the adapters' run in Node as the client of a real workerd.
const CORE = ['test/{session,events,export,config}/**/*.test.ts']
// Mostly waiting, for time, processes and installs, or quick: in the group whose files run side by side.
const LONG = [
  'test/long/**/*.test.ts',
  'test/neighbours/**/*.test.ts',
  'test/packaging/*.test.ts',
  'test/docs/*.test.ts',
  'test/examples/own-provider.test.ts',
  'test/lifetime/*.test.ts',
  'test/lambda/answers.test.ts',
]
// Measured in time by what they start, so that nothing runs beside them.
const ALONE = ['test/{lambda,outbox}/*.test.ts', 'test/spool/drain.test.ts', 'test/instrumentation/sweep.test.ts']
/** Files of a command of its own, by the variable that asks for it: what takes minutes, or installs much. */
const COMMANDS: Readonly<Record<string, string[]>> = {
  // Of no use beside anything else: `npm run soak`.
  SOAK: ['test/outbox/{many,cuts,content,minutes}.test.ts', 'test/lambda/outages.test.ts', 'test/long/lambda.test.ts'],
  // In a real Chromium, with other exporters, on ClickHouse's engine: `npm run test:desk`.
  DESK: ['test/collector/{page,exporters,flood,faults,clickhouse}.test.ts', 'test/cli/packed.test.ts'],
  // Frameworks of agents: `npm run test:agents`.
  AGENTS: ['test/agents/*.test.ts', 'test/examples/agents-sdk.test.ts'],
  // Next.js with each bundler, in development, beside other SDKs: `npm run test:next`.
  NEXT: ['test/vercel/next-{all,more}.test.ts'],
  // Other frameworks of sites, each built: `npm run test:frameworks`.
  FRAMEWORKS: ['test/frameworks/*.test.ts'],
}
/** In a command, too, with all of their cases; else with some. */
const BOTH: Readonly<Record<string, string[]>> = {
  SOAK: ['test/instrumentation/sweep.test.ts'],
  DESK: ['test/collector/stores.test.ts'],
}
const command = Object.keys(COMMANDS).find((name) => process.env[name])
const chosen = command === undefined ? undefined : [...(COMMANDS[command] ?? []), ...(BOTH[command] ?? [])]
const ELSEWHERE = Object.values(COMMANDS).flat()
// Generous: the machine that runs them may be busy. A bound on time or memory can be missed for the same reason; the
// report says "retry x1" of such a test. What is broken fails twice.
const patience = { testTimeout: 60_000, hookTimeout: 60_000, retry: 1 }

const source = (path: string): string => `${import.meta.dirname}/src/${path}`

const config: ViteUserConfig = defineConfig({
  resolve: { alias: { '#exit': source('lifetime/exit.ts'), '#process': source('outbox/process.ts') } },
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    projects: [
      // More than cores, as some only wait.
      {
        extends: true,
        test: { ...patience, name: 'node', include: [...CORE, ...LONG], exclude: ELSEWHERE, maxWorkers: 3 },
      },
      {
        extends: true,
        plugins: [
          cloudflareTest({
            miniflare: { compatibilityDate: '2025-09-01', compatibilityFlags: ['nodejs_compat'] },
          }),
        ],
        // In a group of its own: with the default of one worker each file would wait for all others.
        test: { ...patience, name: 'workerd', include: CORE, maxWorkers: 2, sequence: { groupOrder: 3 } },
      },
      {
        extends: true,
        test: {
          ...patience,
          name: 'end-to-end',
          include: chosen ?? ['test/**/*.test.ts'],
          exclude: chosen ? [] : [...CORE, ...LONG, ...ALONE, ...ELSEWHERE],
          maxWorkers: command === 'SOAK' ? 1 : 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          ...patience,
          name: 'alone',
          include: chosen ? [] : ALONE,
          exclude: [...LONG, ...ELSEWHERE],
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})

export default config
