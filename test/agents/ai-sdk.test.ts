/** The AI SDK's versions, by `aiSdk()`. */
import { runScenarios } from './run.ts'

runScenarios(
  ['ai-sdk-6', 'ai-sdk-7'].map((name) => ({
    name,
    framework: name,
    flags: ['nodejs_compat', 'nodejs_als'],
    said: 'Sun in Oslo and Rome.',
    agents: ['weather_agent'],
  })),
)
