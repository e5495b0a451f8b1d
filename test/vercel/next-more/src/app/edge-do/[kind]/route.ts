import { tool } from 'agentops-edge'
import { notFound, redirect } from 'next/navigation'
import { after } from 'next/server'

export const runtime = 'edge'

export async function GET(_request: Request, { params }: { params: Promise<{ kind: string }> }) {
  const { kind } = await params
  await tool('edge', async () => kind)
  if (kind === 'throw') throw new RangeError('the edge broke')
  if (kind === 'redirect') redirect('/photo/1')
  if (kind === 'gone') notFound()
  if (kind === 'after')
    after(async () => void (await tool('late', () => new Promise((resolve) => setTimeout(resolve, 200)))))
  let n = 0
  return new Response(
    new ReadableStream({
      async pull(controller) {
        if (n === 3) return controller.close()
        await tool(`edge part ${n}`, () => new Promise((resolve) => setTimeout(resolve, 50)))
        controller.enqueue(new TextEncoder().encode(`${n++}`))
      },
    }),
  )
}
