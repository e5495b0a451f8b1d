import { withAgentOps } from 'agentops-edge/vercel'

export default defineNitroPlugin(({ h3App }) => {
  const { handler } = h3App
  const traced = withAgentOps((_request, _response, event) => handler(event))
  h3App.handler = (event) => traced(event.node.req, event.node.res, event)
})
