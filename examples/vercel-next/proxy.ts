import { action } from 'agentops-edge'
import { NextResponse } from 'next/server'

/** Routing middleware: what it does is in the session of the request. */
export async function proxy(request: Request): Promise<Response> {
  const allowed = await action('check visitor', async () => !request.headers.has('x-banned'))
  return allowed ? NextResponse.next() : new Response('banned', { status: 403 })
}

export const config = { matcher: '/api/:path*' }
