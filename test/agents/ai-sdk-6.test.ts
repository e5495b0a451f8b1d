/** The AI SDK's version 6, by `aiSdk()`. */
import { runScenarios } from './run.ts'

runScenarios([
  {
    name: 'ai-sdk-6',
    framework: 'ai-sdk-6',
    flags: ['nodejs_compat', 'nodejs_als'],
    said: 'Sun in Oslo and Rome.',
    agents: ['weather_agent'],
  },
])
