/** OpenAI's Agents SDK, by `openaiAgents()`. It does not start without Node's events, streams and timers. */
import { runScenarios } from './run.ts'

runScenarios([
  {
    name: 'openai-agents',
    framework: 'openai-agents',
    flags: ['nodejs_compat'],
    said: 'Sun in Oslo and Rome.',
    conversation: 'group-7',
    agents: ['weather_agent'],
  },
  {
    name: 'openai-agents-handoff',
    framework: 'openai-agents',
    flags: ['nodejs_compat'],
    said: 'Sun in Oslo and Rome.',
    conversation: 'group-8',
    agents: ['triage', 'hands'],
  },
])
