/** A Worker with tasks around a framework: `/<task>?base=<url of its models>`, with `&wire` (requests are looked at) and `&contents`; the answer is the session's id. */
import { currentSession } from 'agentops-edge'
import { llmCalls } from 'agentops-edge/instrumentation'
import { instrument } from 'agentops-edge/workers'

/** `more`: the framework's instrumentation. */
export function tasks(more, all) {
  return instrument(
    {
      async fetch(request, _, ctx) {
        const { pathname, searchParams } = new URL(request.url)
        const { id } = currentSession()
        await all[pathname.slice(1)](searchParams.get('base'), searchParams, ctx)
        return new Response(id)
      },
    },
    (_, trigger) => {
      const query = new URL(trigger.kind === 'fetch' ? trigger.request.url : 'http://none').searchParams
      return {
        debug: true,
        captureContent: query.has('contents'),
        instrumentations: { ...more, ...(query.has('wire') && { llm: llmCalls() }) },
      }
    },
  )
}
