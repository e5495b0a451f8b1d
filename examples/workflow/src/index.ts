/** Research in steps, each kept by the platform: the whole instance is one session, a retry another span. */
import { WorkflowEntrypoint, type WorkflowEvent, type WorkflowStep } from 'cloudflare:workers'
import { llm, tool } from 'agentops-edge'
import { instrumentWorkflow } from 'agentops-edge/workers'

interface Question {
  question: string
}

interface Env {
  RESEARCH: Workflow<Question>
}

let outages = 1

class ResearchWorkflow extends WorkflowEntrypoint<Env, Question> {
  override async run({ payload }: Readonly<WorkflowEvent<Question>>, step: WorkflowStep): Promise<string> {
    const pages = await step.do('search', async () => tool('search', payload, async () => ['a.html', 'b.html']))
    const retries = { retries: { limit: 3, delay: 100, backoff: 'constant' as const } }
    const texts = await Promise.all(
      pages.map((page) =>
        step.do(`read ${page}`, retries, async () =>
          tool('fetch_page', { page }, async () => {
            // The first page is away for a moment: the platform calls the step again.
            if (outages-- > 0) throw new Error(`${page} answered 503`)
            return `what ${page} says`
          }),
        ),
      ),
    )
    await step.sleep('let it settle', 500)
    return step.do('answer', async () =>
      llm('research-model', { prompt: [payload.question, ...texts].join('\n') }, async (event) => {
        // Call your model here.
        event.promptTokens = 40
        event.completionTokens = 5
        return `an answer to ${payload.question}`
      }),
    )
  }
}

export const Research: typeof ResearchWorkflow = instrumentWorkflow(ResearchWorkflow, { name: 'research' })

const worker: ExportedHandler<Env> = {
  /** `POST /` with a question starts an instance, `GET /<id>` tells how it stands. */
  async fetch(request, env) {
    if (request.method === 'POST') {
      const { id } = await env.RESEARCH.create({ params: { question: await request.text() } })
      return new Response(id)
    }
    const instance = await env.RESEARCH.get(new URL(request.url).pathname.slice(1))
    return Response.json(await instance.status())
  },
}

export default worker
