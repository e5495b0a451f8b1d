import { tool } from 'agentops-edge'
import { cookies, headers } from 'next/headers'
import { permanentRedirect } from 'next/navigation'
import { after, NextResponse } from 'next/server'

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
type Context = { params: Promise<{ kind: string }> }

const kinds: Record<string, (request: Request) => Promise<Response>> = {
  'after-throws': async () => {
    after(async () => {
      await tool('late', async () => sleep(100))
      throw new RangeError('late cat')
    })
    return new Response('ok')
  },
  'after-nested': async () => {
    after(async () => {
      await tool('outer', async () => sleep(100))
      after(async () => {
        await tool('inner', async () => sleep(200))
      })
    })
    return new Response('ok')
  },
  sse: async (request) => {
    let n = 0
    return new Response(
      new ReadableStream({
        async pull(controller) {
          if (n === 5) return controller.close()
          await tool(`event ${n}`, async () => sleep(50))
          controller.enqueue(new TextEncoder().encode(`event: tick\ndata: ${n++}\n\n`))
        },
      }),
      {
        headers: {
          'content-type': 'text/event-stream',
          'cache-control': 'no-cache',
          'x-url': new URL(request.url).pathname,
        },
      },
    )
  },
  upload: async (request) => {
    const form = await request.formData()
    const file = form.get('file') as File
    return Response.json(await tool('store', async () => file.size))
  },
  jar: async () => {
    const jar = await cookies()
    jar.set('a', '1')
    return Response.json({ agent: (await headers()).get('user-agent')?.length })
  },
  moved: async () => permanentRedirect('/photo/1?token=secret-out'),
  teapot: async () => NextResponse.json({ error: 'teapot' }, { status: 418 }),
  broken: async () => Response.json({ error: 'x' }, { status: 503 }),
  empty: async () => new Response(null, { status: 204 }),
  same: async (request) =>
    request.headers.get('if-none-match') === '"1"'
      ? new Response(null, { status: 304, headers: { etag: '"1"' } })
      : new Response('whole', { headers: { etag: '"1"' } }),
  text: async () => {
    throw 'a text'
  },
  nothing: async () => undefined as never,
  dedup: async () => {
    const ask = () =>
      fetch(`${process.env.MODEL_URL}/dedup?token=secret-out`, { next: { revalidate: 60, tags: ['cats'] } })
    const all = await Promise.all([ask(), ask(), ask()])
    return Response.json(all.map(({ status }) => status))
  },
}

const answer = async (request: Request, { params }: Context): Promise<Response> =>
  (kinds[(await params).kind] as (typeof kinds)[string])(request)

export { answer as GET, answer as POST }
