import { withSentry } from '@sentry/cloudflare'
import { instrument } from 'agentops-edge/workers'
import { work } from './work.js'

// A project of nobody's: nothing is sent.
const options = () => ({ dsn: 'https://public@127.0.0.1/1', tracesSampleRate: 1, transport: silent })
const silent = () => ({ send: async () => ({}), flush: async () => true })

export default withSentry(
  options,
  instrument({
    async fetch() {
      await work()
      return new Response('answered')
    },
  }),
)
