import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig, type ViteUserConfig } from 'vitest/config'

// Tests of the core run twice, in Node and inside workerd; the adapters' run in Node as the client of a real workerd.
const CORE = ['test/{session,events,export,config}/**/*.test.ts']
// Mostly waiting, for time, processes and installs: in the group whose files run side by side.
const LONG = [
  'test/long/**/*.test.ts',
  'test/neighbours/**/*.test.ts',
  'test/examples/{agents-sdk,own-provider}.test.ts',
  'test/lifetime/*.test.ts',
  'test/lambda/answers.test.ts',
]
// Measured in time by what they start, so that nothing runs beside them.
const ALONE = ['test/{lambda,outbox}/*.test.ts', 'test/spool/drain.test.ts', 'test/instrumentation/sweep.test.ts']
// Minutes together, and of no use beside anything else: `npm run soak`.
const SOAK = [
  'test/outbox/{many,cuts,content,minutes}.test.ts',
  'test/lambda/outages.test.ts',
  'test/long/lambda.test.ts',
]
// In it, too: here with two of its combinations, there with all.
const SWEEP = 'test/instrumentation/sweep.test.ts'
const isSoak = !!process.env.SOAK
// In a real Chromium, and with other exporters, installed when they are first needed: `npm run test:desk`.
const DESK = ['test/collector/{page,exporters}.test.ts', 'test/cli/packed.test.ts']
const isDesk = !!process.env.DESK
// Each with an install of its own: `npm run test:agents`.
const AGENTS = ['test/agents/*.test.ts']
const isAgents = !!process.env.AGENTS
// Minutes: Next.js with each bundler, in development, beside other SDKs: `npm run test:next`.
const NEXT = ['test/vercel/next-all.test.ts']
// Other frameworks, each built: `npm run test:frameworks`.
const FRAMEWORKS = ['test/frameworks/*.test.ts']
/** Those of the command that was called, where it is not the tests'. */
const chosen = isSoak
  ? [...SOAK, SWEEP]
  : isDesk
    ? DESK
    : isAgents
      ? AGENTS
      : process.env.NEXT
        ? NEXT
        : process.env.FRAMEWORKS
          ? FRAMEWORKS
          : undefined
// Generous: the machine that runs them may be busy.
const timeouts = { testTimeout: 60_000, hookTimeout: 60_000 }

const source = (path: string): string => `${import.meta.dirname}/src/${path}`

const config: ViteUserConfig = defineConfig({
  resolve: { alias: { '#exit': source('lifetime/exit.ts'), '#process': source('outbox/process.ts') } },
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    projects: [
      // More than cores, as some only wait.
      { extends: true, test: { ...timeouts, name: 'node', include: [...CORE, ...LONG], exclude: SOAK, maxWorkers: 3 } },
      {
        extends: true,
        plugins: [
          cloudflareTest({
            miniflare: { compatibilityDate: '2025-09-01', compatibilityFlags: ['nodejs_compat'] },
          }),
        ],
        test: { ...timeouts, name: 'workerd', include: CORE },
      },
      {
        extends: true,
        test: {
          ...timeouts,
          name: 'end-to-end',
          include: chosen ?? ['test/**/*.test.ts'],
          exclude: chosen ? [] : [...CORE, ...LONG, ...SOAK, ...ALONE, ...DESK, ...AGENTS, ...NEXT, ...FRAMEWORKS],
          maxWorkers: isSoak ? 1 : 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          ...timeouts,
          name: 'alone',
          include: isSoak ? [] : ALONE,
          exclude: [...LONG, ...SOAK],
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})

export default config
