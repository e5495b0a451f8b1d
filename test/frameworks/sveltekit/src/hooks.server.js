import { withAgentOps } from 'agentops-edge/vercel'

const traced = withAgentOps((_request, event, resolve) => resolve(event))
export const handle = ({ event, resolve }) => traced(event.request, event, resolve)
