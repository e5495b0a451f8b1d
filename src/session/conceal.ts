/**
 * What a span may keep while contents are off. Of a span that an AI library or an instrumentation wrote, only what stands
 * on a list: whatever such a library comes to write next is left out until somebody has looked at it. Of any other, all
 * but credentials, and contents by their names.
 */
import type { Attributes } from '@opentelemetry/api'
import { debug } from '../runtime/diag.ts'
import type { SdkSpan } from '../runtime/sdk.ts'
import * as key from '../runtime/semconv.ts'

/** Namespaces of AI libraries. */
const LIBRARY = /^(gen_ai|ai|llm|mcp|open(ai|inference)|anthropic|traceloop|lang(fuse|smith|chain|graph)|mastra)[._]/
/** Their tracers, some of whose spans have nothing of a namespace. */
const LIBRARY_SCOPE = /^ai$|^@(ai-sdk|lang[a-z]+|mastra|openai)\//
/**
 * The list: names of OpenTelemetry's conventions, AgentOps, the AI SDK, OpenInference, OpenLLMetry, Langfuse and Mastra
 * that hold no content, by the words between their dots, of which the last says what the value is. As one pattern for the
 * whole name it would take 3 ms to compile.
 */
const SPACE =
  /^(gen_ai|ai|llm|mcp|open(ai|inference)|traceloop|langfuse|mastra|agentops|action|agent|ai_gateway|call|client|cloudflare|completion|conversation|data_source|embeddings?|entity|error|(trigger_)?event|exception|function|guardrail|http|(in|out)put_messages|jsonrpc|log|message|method|model|network|observation|operation|output|previous_response|prompt|protocol|provider|reasoning|request|response|rpc|server|service|session|settings|span|telemetry|token|tool|toolCall|tool_calls?|trace|url|user|workflow(_step)?|\d+)$/
const LAST_WORD =
  /^((agent_)?id|(function|operation)Id|((agent|model)_)?name|address|count|environment|finish_?[rR]easons?|incomplete|(is_)?stream(ing)?|kind|level|method|model|path|port|provider|release|role|route|scheme|seed|status(_code)?|system|temperature|(end_)?timestamp|top_?[kpKP]|transport|type|version|max[_A-Z]\w+|\w+_?[pP]enalty|(avg|msTo|time_to_)\w+)$/
const COUNT = /\.(usage|token_count|cost|usage_details|cost_details)(\.[\w.]+)?$/
/** Credentials, whoever wrote them, contents on or off. */
const CREDENTIAL =
  /(authorization|cookies?|passw(or)?d|secret|credentials?|(api|access|private|secret|auth|session|security|subscription|functions|encryption)[._-]?key|(?<!(cache|next|page|partition)[._-]?)(token|_key)|(^|[._-])(jwt(-assertion)?|bearer))$|^url\.query$/i
const CONTENT = /^(prompt|completion|messages)$|\.(request|response)\.body$/i
/** URLs, which keep neither credentials nor a query, as those of this library's own spans. */
const URL_NAME = /^(url\.(full|original)|http\.(url|target|re\w+\.header\.(location|referer)))$/
const IN_NAME = /(?<=:\/\/)[^/@?#\s]*@|(?<=:\/\/\S*)[?#]\S*/g
const NOT_SHOWN = /(?<=\/\/)[^/@?#]*@|[?#].*/gs

interface Verdict {
  isLibrarys: boolean
  /** Undefined until somebody asks. */
  isListed?: boolean
  isCredential: boolean
  isContent: boolean
  isUrl: boolean
}

/** By name: an isolate sees the same ones again and again. */
const verdicts: Map<string, Verdict> = new Map()
const MAX_VERDICTS = 2000

function judge(name: string): Verdict {
  let verdict = verdicts.get(name)
  if (!verdict) {
    if (verdicts.size >= MAX_VERDICTS) verdicts.clear()
    // The session itself gives it to each span.
    const isLibrarys = LIBRARY.test(name) && name !== key.CONVERSATION_ID
    const isListed = isLibrarys ? isOnList(name) : undefined
    const isContent = isLibrarys ? !isListed : CONTENT.test(name)
    verdict = { isLibrarys, isListed, isContent, isCredential: CREDENTIAL.test(name), isUrl: URL_NAME.test(name) }
    verdicts.set(name, verdict)
  }
  return verdict
}

function isOnList(name: string): boolean {
  const spaces = name.split('.')
  const last = spaces.pop() as string
  return (
    name === key.TAGS ||
    COUNT.test(name) ||
    (spaces.length > 0 && LAST_WORD.test(last) && spaces.every((word) => SPACE.test(word)))
  )
}

/** Whether a name is one of an id, a kind, a name, a time or a count, whatever wrote it. */
export function isListed(name: string): boolean {
  const verdict = judge(name)
  verdict.isListed ??= isOnList(name)
  return verdict.isListed
}

/**
 * `isEvent`: the session's root, or an event: its attributes are ours and the user's but for those of such libraries.
 * `captureContent`: credentials alone go.
 */
export function conceal(span: SdkSpan, isEvent: boolean, captureContent: boolean): void {
  const { attributes, events, links, instrumentationScope: scope, status } = span
  const isLibrarys =
    !captureContent &&
    !isEvent &&
    (LIBRARY_SCOPE.test(scope.name) || Object.keys(attributes).some((name) => judge(name).isLibrarys))
  const concealed = new Set<string>()
  const look = (all: Attributes = {}, ofLibrary = isLibrarys): void => {
    for (const name in all) {
      const { isContent, isCredential, isUrl } = judge(name)
      const isText = typeof all[name] === 'string' || typeof all[name] === 'object'
      if (ofLibrary ? !isListed(name) : isText && (isCredential || (isContent && !captureContent))) {
        delete all[name]
        concealed.add(name)
      } else if (isUrl) all[name] = `${all[name]}`.replace(NOT_SHOWN, '')
    }
  }
  look(attributes)
  for (const { name, attributes } of events) look(attributes, isLibrarys || (!captureContent && judge(name).isLibrarys))
  for (const { attributes } of links) look(attributes)
  if (isLibrarys && status.message) status.message = `${attributes[key.ERROR_TYPE] ?? 'error'}`
  // A name of somebody else's may be a URL.
  if (!isEvent && span.name.includes('://')) span.updateName(span.name.replace(IN_NAME, ''))
  if (concealed.size)
    debug(`${scope.name}: left out of its spans, by captureContent or as credentials: ${[...concealed]}`)
}
