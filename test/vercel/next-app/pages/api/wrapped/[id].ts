import { withAgentOps } from 'agentops-edge/vercel'
import handler from '../plain/[id]'

export default withAgentOps(handler)
