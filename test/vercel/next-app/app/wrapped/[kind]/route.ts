import { withAgentOps } from 'agentops-edge/vercel'
import { probes } from '../../../probes'

type Context = { params: Promise<{ kind: string }> }

export const GET = withAgentOps(
  async (request: Request, { params }: Context): Promise<Response> =>
    (await probes[(await params).kind]?.(request)) ?? new Response('no such probe', { status: 404 }),
  (request) =>
    new URL(request.url).searchParams.has('options')
      ? {
          name: 'asked',
          tags: ['inner', request.headers.get('x-tenant') ?? 'nobody'],
          sessionId: 'inner-talk',
          attributes: { 'team.name': 'inner' },
        }
      : {},
)
