/** Who answers, by the host of a request; and whose API has to be passed to be read. */
import { debug } from '../../runtime/diag.ts'

/**
 * OpenTelemetry's names of providers, by the end of the host, or by the name that Cloudflare's AI Gateway has in its path.
 * Where there is none, that end is the name; `_ai` comes after it.
 */
const PROVIDERS: readonly (readonly [ends: string, provider: string])[] = [
  [
    '(openai|cognitiveservices).azure.(com|us|cn)|cognitive.microsoft.com|azure-api.net|azure-openai',
    'azure.ai.openai',
  ],
  ['ai.azure.com', 'azure.ai.inference'],
  ['aiplatform[\\w.-]*.googleapis.com|google-vertex-ai', 'gcp.vertex_ai'],
  ['generativelanguage.googleapis.com|google-ai-studio', 'gcp.gemini'],
  ['bedrock[\\w.-]*.(amazonaws.com(.cn)?|api.aws)|aws-bedrock', 'aws.bedrock'],
  ['x.ai|grok', 'x_ai'],
  ['api.cloudflare.com|workers-ai', 'cloudflare.workers_ai'],
  ['(together|mistral|moonshot)(.ai|.xyz|.cn)?', '_ai'],
  ['(openai|openrouter|groq|deepseek|perplexity|cohere|anthropic)(.com|.ai|-ai)?', ''],
]

export function providerOf(hostname: string, pathname: string): string | undefined {
  const place = hostname === 'gateway.ai.cloudflare.com' ? `${pathname.split('/')[4]}` : hostname
  for (const [ends, provider] of PROVIDERS) {
    const found = new RegExp(`(?:^|[.-])(?:${ends})$`).exec(place)
    if (found) return /^[a-z]/.test(provider) ? provider : found[1] + provider
  }
  return undefined
}

/** What is read only where it is passed, by the end of its host and path. */
const PASSED: Readonly<Record<string, RegExp>> = {
  cohere: /cohere.*\/v2\//,
  ollama: /:11434\/api\//,
  bedrockInvoke: /\/model\/.*\/invoke/,
  interactions: /google.*interactions/,
  openaiMore: /\/v1\/(images|audio|moderations)\b/,
}

/** Says what to pass where a request is a call of a model that nobody reads. */
export function hint({ host, pathname }: URL): undefined {
  for (const name in PASSED) {
    if (PASSED[name]?.test(host + pathname)) {
      debug(`calls of ${host} need llmCalls({ wires: [${name}] })`)
    }
  }
}
