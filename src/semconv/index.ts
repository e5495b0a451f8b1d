/** The names that other backends know, in place of AgentOps' own: a delivery option of one destination. @module */
export type { Semconv } from '../outbox/config.ts'
export { genAi } from './gen-ai.ts'
