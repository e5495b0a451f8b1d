import { action } from 'agentops-edge'
import { NextResponse } from 'next/server'

export async function proxy(request: Request) {
  const { pathname } = new URL(request.url)
  await action('check visitor', async () => pathname)
  if (pathname === '/probe/banned') return new Response('banned', { status: 403 })
  if (pathname === '/probe/moved') return NextResponse.redirect(new URL('/?token=secret-out', request.url))
  return NextResponse.next()
}

export const config = { matcher: ['/probe/:path*', '/wrapped/:path*'] }
