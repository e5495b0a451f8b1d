import { createAgentOps } from 'agentops-edge'
import { work } from './work.js'

await createAgentOps({ instrumentations: { global: true } }).withSession({ name: 'session' }, work)
