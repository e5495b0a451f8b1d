import { createAgentOps, tool } from 'agentops-edge'

await createAgentOps().withSession({ name: 'session' }, () => tool('search', { q: 'cats' }, async () => 'found'))
