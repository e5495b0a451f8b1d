import { tool } from 'agentops-edge'

/** Eight parts, each with a tool of its own, 30 ms apart. */
export function stream() {
  let n = 0
  return new Response(
    new ReadableStream({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 30))
        await tool(`part ${n}`, async () => n)
        controller.enqueue(new TextEncoder().encode(`data: ${n}\n\n`))
        if (++n === 8) controller.close()
      },
    }),
    { headers: { 'content-type': 'text/event-stream' } },
  )
}
