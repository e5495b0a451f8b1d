import { probes } from '../../../probes'

type Context = { params: Promise<{ kind: string }> }

const answer = async (request: Request, { params }: Context): Promise<Response> =>
  (await probes[(await params).kind]?.(request)) ?? new Response('no such probe', { status: 404 })

export { answer as GET, answer as POST }
