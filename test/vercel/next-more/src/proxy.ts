import { action } from 'agentops-edge'
import { type NextRequest, NextResponse } from 'next/server'

export async function proxy(request: NextRequest) {
  const pathname = request.nextUrl.pathname.replace(/\/$/, '')
  const to = (path: string) => Object.assign(request.nextUrl.clone(), { pathname: path, search: '?token=secret-out' })
  await action('check', async () => pathname)
  if (pathname === '/via/json') return NextResponse.json({ no: true }, { status: 418 })
  if (pathname === '/via/rewrite') return NextResponse.rewrite(to('/photo/9'))
  if (pathname === '/via/outside') return NextResponse.rewrite(`${process.env.MODEL_URL}/outside?token=secret-out`)
  if (pathname === '/via/throw') throw new RangeError('the proxy broke')
  if (pathname === '/via/nowhere') return NextResponse.rewrite(to('/not/there'))
  const response = NextResponse.next({
    request: { headers: new Headers({ ...Object.fromEntries(request.headers), 'x-seen': 'yes' }) },
  })
  response.cookies.set('seen', '1')
  return response
}

export const config = { matcher: ['/via/:path*', '/photo/:path*'] }
