/** LangChain and LangGraph, by `langChain()`. */
import { runScenarios } from './run.ts'

runScenarios([
  {
    name: 'langchain',
    framework: 'langchain',
    flags: ['nodejs_compat', 'nodejs_als'],
    said: 'Sun in Oslo and Rome.',
    conversation: 'thread-7',
    agents: ['weather_agent'],
  },
  {
    name: 'langgraph',
    framework: 'langchain',
    flags: ['nodejs_compat', 'nodejs_als'],
    said: 'Sun in Oslo and Rome.',
    conversation: 'thread-8',
    agents: ['planner', 'hands'],
  },
])
