/** A Worker around a framework's agent: `/?base=<url of its models>`, with `&stream`, `&contents`, `&blind` where no request is looked at, `&wire` where nothing else is, and `&bare` where nothing is; the answer is the session's id, and what the agent said. */
import { currentSession } from 'agentops-edge'
import { fetchCalls, llmCalls } from 'agentops-edge/instrumentation'
import { genAi } from 'agentops-edge/semconv'
import { instrument } from 'agentops-edge/workers'

/** To two destinations at once, each in its names. `more`: the framework's instrumentation. */
export function scenario(more, agent) {
  return instrument(
    {
      async fetch(request) {
        const { searchParams } = new URL(request.url)
        const captured = !searchParams.has('bare') && !searchParams.has('wire')
        const said = await agent({ base: `${searchParams.get('base')}`, stream: searchParams.has('stream'), captured })
        return Response.json([currentSession()?.id, said])
      },
    },
    (env, trigger) => {
      const { searchParams } = new URL(trigger.request.url)
      const [bare, wire, blind] = ['bare', 'wire', 'blind'].map((name) => searchParams.has(name))
      return {
        instrumentations: bare ? {} : { fetch: fetchCalls(), llm: !blind && llmCalls(), ...(!wire && more) },
        captureContent: searchParams.has('contents'),
        exporters: [{ endpoint: env.GEN_AI_URL, semconv: genAi }],
      }
    },
  )
}
