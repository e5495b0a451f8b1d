import { withAgentOps } from 'agentops-edge/vercel'

export default defineNitroPlugin((nitro) => {
  const { localFetch } = nitro
  const traced = withAgentOps((_request, _context, path, init) => localFetch(path, init))
  nitro.localFetch = (path, init) => traced(init.context._platform.cloudflare.request, init.context, path, init)
})
