/** Which request is a call of a model, of which API and by whom. */
import { anthropic } from './anthropic.ts'
import { bedrock } from './bedrock.ts'
import { gemini, geminiEmbeddings } from './gemini.ts'
import { chat, completions, embeddings } from './openai.ts'
import { providerOf } from './providers.ts'
import { responses } from './responses.ts'
import { attempt, type Wire } from './wire.ts'
import { workersAi } from './workers-ai.ts'

/** Those of which a path is the first's that it ends as. */
const WIRES: readonly Wire[] = [
  bedrock,
  anthropic,
  gemini,
  geminiEmbeddings,
  chat,
  completions,
  responses,
  embeddings,
  workersAi,
]

export interface Recognised {
  wire: Wire
  provider: string
  /** The model, where the path names it. */
  model?: string
  /** The URL alone leaves no doubt; else it takes the body to: a chat's API may end in `/messages`, too. */
  certain: boolean
}

const NAMED = /\/(?:model|deployments)\/([^/]+)\/|\/(?:tunedM|m)odels\/([^/:]+):|\/((?:@|%40)[^:]+)$/

/** The API that a request's URL names; who speaks OpenAI's and is nobody known counts as OpenAI. `more`: APIs that go first. */
export function wireOf({ hostname, pathname }: URL, more: readonly Wire[] = []): Recognised | undefined {
  const path = pathname.replace('%40', '@')
  const wire = [...more, ...WIRES].find((one) => one.path.test(path))
  if (!wire) return undefined
  const provider = providerOf(hostname, pathname)
  const [, one, two, model = one ?? two] = NAMED.exec(pathname) ?? []
  const certain = !!model || !!provider || wire === chat || wire === embeddings
  return {
    wire,
    provider: provider ?? wire.provider ?? 'openai',
    model: model && (attempt(() => decodeURIComponent(model)) ?? model),
    certain,
  }
}
