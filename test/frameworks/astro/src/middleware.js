import { withAgentOps } from 'agentops-edge/vercel'

const traced = withAgentOps((_request, _context, next) => next())
export const onRequest = (context, next) => traced(context.request, context, next)
