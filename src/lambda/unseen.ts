/**
 * Clients of models that do not use `fetch`: the AWS SDK (HTTP/2, `node:http`), axios (`node:http`), undici's own. Nobody
 * sees what they call, which is said once, by Node's diagnostics channels; they are only asked for where, not for what.
 */
import { trace } from '@opentelemetry/api'
import { guard, warn } from '../runtime/diag.ts'
import { activeContext } from '../runtime/scope.ts'
import type { SdkSpan } from '../runtime/sdk.ts'
import * as key from '../runtime/semconv.ts'
import { sessionIn } from '../session/current.ts'

const HOSTS =
  /^bedrock-runtime[.-]|(^|\.)(openai\.com|openai\.azure\.com|anthropic\.com|(generativelanguage|aiplatform)\.googleapis\.com|mistral\.ai|groq\.com|openrouter\.ai|deepseek\.com|x\.ai|cohere\.(ai|com)|together\.(ai|xyz)|perplexity\.ai|moonshot\.(ai|cn))$/
const CALLS =
  /(completions|responses|embeddings|messages|\/chat|\/converse(-stream)?|\/invoke(-with-response-stream)?|:(stream)?generateContent|:(batchE|e)mbedContents?)(\?|$)/i
/** Of a span that somebody has made for this very call. */
const SEEN = /^(gen_ai|ai|llm|openinference|traceloop)\./

/** What a request says of itself, by channel. */
const CHANNELS: Readonly<Record<string, (message: never) => readonly unknown[]>> = {
  'undici:request:create': ({ request }: { request: { origin: unknown; path: unknown } }) => [
    /^https?:\/\/([^/:]+)/.exec(`${request.origin}`)?.[1],
    request.path,
  ],
  'http.client.request.start': ({ request }: { request: { host: unknown; path: unknown } }) => [
    request.host,
    request.path,
  ],
  'http2.client.stream.created': ({ headers }: { headers: Record<string, unknown> }) => [
    `${headers[':authority']}`.replace(/:\d+$/, ''),
    headers[':path'],
  ],
}

let isWatching = false

/** From here on, in this process. */
export function watchUnseen(): void {
  if (isWatching) return
  isWatching = true
  guard('watching for models’ clients', () => {
    const { subscribe } = process.getBuiltinModule('node:diagnostics_channel')
    for (const [channel, read] of Object.entries(CHANNELS)) {
      subscribe(channel, (message) => void guard(channel, () => look(read(message as never))))
    }
  })
}

function look([host, path]: readonly unknown[]): void {
  if (!HOSTS.test(`${host}`) || !CALLS.test(`${path}`)) return
  const active = activeContext()
  const session = sessionIn(active)
  if (!session?.config.instrumentations.llm || session.config.disabled) return
  const span = trace.getSpan(active) as SdkSpan | undefined
  const names = Object.keys((span !== session.root && span?.attributes) || {})
  if (names.some((name) => SEEN.test(name) && name !== key.CONVERSATION_ID)) return
  warn(
    `a model at ${host} is called by a client that does not use fetch, so its calls are not seen. Give the client fetch (axios: adapter: 'fetch'), wrap the AWS SDK's with bedrockCalls(client), or the call in llm()`,
    'unseen',
  )
}
