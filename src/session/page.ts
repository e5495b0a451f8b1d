/**
 * What AgentOps' backend and page need beside the names of attributes: they make a tree of names at their dots, take any
 * `gen_ai.*` for a model's call, and add cached tokens to the prompt's.
 */
import { warn } from '../runtime/diag.ts'
import type { SdkSpan } from '../runtime/sdk.ts'
import * as key from '../runtime/semconv.ts'
import { hasName, judge } from './conceal.ts'

/** `groupId`: the conversation that the session belongs to. */
export function fitPage({ attributes, name }: SdkSpan, groupId: string | undefined): void {
  if (hasName(attributes, 'isModels')) {
    if (groupId) attributes[key.CONVERSATION_ID] = groupId
    const [input, read = 0, created = 0] = TOKENS.map((each) => attributes[each]) as number[]
    const uncached = (input as number) - read - created
    if (uncached >= 0) attributes[key.GEN_AI_PROMPT_TOKENS] = uncached
  }
  if (!hasName(attributes, 'isBare')) return
  const names = Object.keys(attributes)
  for (const bare of names) {
    // Its own value would wipe those out.
    if (judge(bare).isBare && names.some((each) => each.startsWith(`${bare}.`))) {
      delete attributes[bare]
      warn(`attribute ${bare} of ${name}: left out, as AgentOps would lose ${bare}.* beside it`, bare)
    }
  }
}

const TOKENS = [key.GEN_AI_INPUT_TOKENS, key.GEN_AI_CACHE_READ_TOKENS, key.GEN_AI_CACHE_CREATION_TOKENS]
