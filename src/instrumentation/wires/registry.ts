/** Which request is a call of a model, of which API and by whom. */
import type { Wire } from './wire.ts'
import { anthropic, bedrock, chat, embeddings, gemini, geminiEmbeddings, responses, workersAi } from './wires.ts'

/** Where each is found: the end of a request's path, and the provider, where the path says it. */
const PATHS: readonly (readonly [path: RegExp, wire: Wire, provider?: string])[] = [
  [/\/model\/[^/]+\/converse(-stream)?$/, bedrock, 'aws.bedrock'],
  [/\/models\/[^/]+:(stream)?generateContent$/i, gemini, 'gcp.gemini'],
  [/\/models\/[^/]+:(batchEmbedContents|embedContent)$/, geminiEmbeddings, 'gcp.gemini'],
  [/\/(chat\/)?completions$/, chat],
  [/\/responses$/, responses],
  [/\/embeddings$/, embeddings],
  [/\/messages$/, anthropic, 'anthropic'],
  [/\/ai\/run\/@|\/workers-ai\/@/, workersAi, 'cloudflare.workers_ai'],
]

/**
 * OpenTelemetry's names of providers, by a part of the host, or by the name that Cloudflare's AI Gateway has in its path.
 * Where there is none, that part is the name.
 */
const PROVIDERS: readonly (readonly [parts: string, provider?: string])[] = [
  ['openai.azure|azure-openai', 'azure.ai.openai'],
  ['ai.azure', 'azure.ai.inference'],
  ['aiplatform|vertex', 'gcp.vertex_ai'],
  ['generativelanguage|google', 'gcp.gemini'],
  ['bedrock', 'aws.bedrock'],
  ['together', 'together_ai'],
  ['mistral', 'mistral_ai'],
  ['x.ai|grok', 'x_ai'],
  ['api.cloudflare|workers', 'cloudflare.workers_ai'],
  ['openrouter|groq|deepseek|perplexity|cohere|anthropic'],
]

function providerOf(place: string): string | undefined {
  for (const [parts, provider] of PROVIDERS) {
    const found = new RegExp(`(?:^|[.-])(${parts})(?:[.-]|$)`).exec(place)
    if (found) return provider ?? found[1]
  }
  return undefined
}

const NAMED = /\/(models?|deployments|run|workers-ai)\//

export interface Recognised {
  wire: Wire
  provider: string
  /** The path names a model; elsewhere it takes the body to: a chat's API may end in `/messages`, too. */
  named: boolean
  /** The URL alone leaves no doubt. */
  certain: boolean
}

/** The API that a request's URL names; who speaks OpenAI's and is nobody known counts as OpenAI. */
export function wireOf({ hostname, pathname }: URL): Recognised | undefined {
  const found = PATHS.find(([path]) => path.test(pathname.replace('%40', '@')))
  if (!found) return undefined
  const place = hostname === 'gateway.ai.cloudflare.com' ? `${pathname.split('/')[4]}` : hostname
  const provider = providerOf(place)
  const named = NAMED.test(pathname)
  const certain = named || !!provider || /\/(chat\/completions|embeddings)$/.test(pathname)
  return { wire: found[1], provider: provider ?? found[2] ?? 'openai', named, certain }
}

/** Whether a span that says this of itself (in any of the conventions) is a call of a model. */
export function isModel(says: unknown): boolean {
  const pattern = /^(chat|text_completion|generate_content|embeddings|llm|embedding)$|\.do(generate|stream|embed)$/i
  return pattern.test(`${says}`)
}
