/** Takes pages over HTTP and reads them in a queue's consumer: a session a message, in the trace of the request. */
import { agent, llm, tool } from 'agentops-edge'
import { instrument, sendTraced } from 'agentops-edge/workers'

interface Page {
  url: string
}

interface Env {
  PAGES: Queue<Page>
}

const worker: ExportedHandler<Env, Page> = instrument<ExportedHandler<Env, Page>>(
  {
    /** `POST /` with one URL a line. */
    async fetch(request, env) {
      const urls = (await request.text()).split('\n').filter(Boolean)
      for (const url of urls) await tool('enqueue', { url }, () => sendTraced(env.PAGES, { url }))
      return new Response(`${urls.length} pages are on their way\n`)
    },
    async queue(batch) {
      for (const { body } of batch.messages) await summarise(body)
    },
  },
  { queueSessions: 'message' },
)

async function summarise({ url }: Page): Promise<void> {
  await agent('reader', async () => {
    const text = await tool('read', { url }, async () => `what ${url} says`)
    await llm('summary-model', { prompt: text }, async (event) => {
      // Call your model here.
      event.promptTokens = 12
      event.completionTokens = 3
      return `a summary of ${url}`
    })
  })
}

export default worker
