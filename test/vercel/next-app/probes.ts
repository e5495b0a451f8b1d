import { llm, setConversation, setUser, tool } from 'agentops-edge'
import { forbidden, notFound, redirect, unauthorized } from 'next/navigation'
import { after } from 'next/server'

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** What a handler does, by its name in the path. */
export const probes: Record<string, (request: Request) => Promise<Response>> = {
  tool: async () => Response.json(await tool('search', async () => 'cats')),
  throw: async () => {
    await tool('search', async () => 'cats')
    throw new RangeError('no such cat')
  },
  redirect: async () => redirect('/?token=secret-out'),
  notfound: async () => notFound(),
  forbidden: async () => forbidden(),
  unauthorized: async () => unauthorized(),
  after: async () => {
    after(async () => {
      await tool('late', async () => sleep(400))
    })
    after(sleep(100))
    return new Response('answered')
  },
  stream: async () => {
    let n = 0
    return new Response(
      new ReadableStream({
        async pull(controller) {
          await sleep(100)
          await tool(`part ${n}`, async () => n)
          controller.enqueue(new TextEncoder().encode(`data: ${n}\n\n`))
          if (++n === 8) controller.close()
        },
      }),
      { headers: { 'content-type': 'text/event-stream' } },
    )
  },
  break: async () => {
    let n = 0
    return new Response(
      new ReadableStream({
        async pull(controller) {
          await sleep(50)
          if (n++ === 2) throw new RangeError('the source broke')
          controller.enqueue(new TextEncoder().encode(`${n}\n`))
        },
      }),
    )
  },
  slow: async () => {
    await tool('search', async () => sleep(300))
    return new Response('slow')
  },
  out: async () => {
    const response = await fetch(`${process.env.MODEL_URL}/plain?token=secret-out`, { cache: 'no-store' })
    return Response.json({ status: response.status })
  },
  conversation: async (request) => {
    setConversation('talk-7')
    setUser('user-9')
    return probes.tool?.(request) as Promise<Response>
  },
  model: async () => {
    const response = await fetch(`${process.env.MODEL_URL}/chat/completions`, {
      method: 'POST',
      cache: 'no-store',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'desk-model', messages: [{ role: 'user', content: 'cats?' }] }),
    })
    return Response.json(await response.json())
  },
  llm: async (request) => llm('desk-model', () => (probes.model as (request: Request) => Promise<Response>)(request)),
}
