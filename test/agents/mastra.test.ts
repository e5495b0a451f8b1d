/** Mastra, by `mastraBridge()`. */
import { runScenarios } from './run.ts'

runScenarios([
  {
    name: 'mastra',
    framework: 'mastra',
    flags: ['nodejs_compat'],
    compatibilityDate: '2026-09-01',
    said: 'Sun in Oslo and Rome.',
    conversation: 'thread-9',
    agents: ['Weather Agent'],
  },
])
