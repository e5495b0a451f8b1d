/** A Worker around a framework's agent: `/?base=<url of its models>`, with `&stream` and `&contents`; the answer is the session's id, and what the agent said. */
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
        const said = await agent({ base: `${searchParams.get('base')}`, stream: searchParams.has('stream') })
        return Response.json([currentSession()?.id, said])
      },
    },
    (env, trigger) => ({
      instrumentations: { fetch: fetchCalls(), llm: llmCalls(), ...more },
      captureContent: trigger.kind === 'fetch' && new URL(trigger.request.url).searchParams.has('contents'),
      exporters: [{ endpoint: env.GEN_AI_URL, semconv: genAi }],
    }),
  )
}
