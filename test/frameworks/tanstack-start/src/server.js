import handler, { createServerEntry } from '@tanstack/react-start/server-entry'
import { withAgentOps } from 'agentops-edge/vercel'

export default createServerEntry(withAgentOps({ fetch: (request) => handler.fetch(request) }))
