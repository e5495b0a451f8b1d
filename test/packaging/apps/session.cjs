const { createAgentOps, tool } = require('agentops-edge')

createAgentOps().withSession({ name: 'session' }, () => tool('search', { q: 'cats' }, async () => 'found'))
