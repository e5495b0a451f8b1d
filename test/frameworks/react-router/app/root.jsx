import { withAgentOps } from 'agentops-edge/vercel'
import { Outlet, Scripts } from 'react-router'

const traced = withAgentOps((_request, _args, next) => next())
export const middleware = [({ request, ...args }, next) => traced(request, args, next)]

export default function Root() {
  return (
    <html lang="en">
      <body>
        <Outlet />
        <Scripts />
      </body>
    </html>
  )
}
