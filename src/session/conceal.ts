/**
 * What a span may keep while contents are off. Of a span that an AI library or an instrumentation wrote, only what stands
 * on a list: whatever such a library comes to write next is left out until somebody has looked at it. Of any other, all
 * but credentials, and contents by their names.
 */
import type { Attributes } from '@opentelemetry/api'
import { debug, isDebugging } from '../runtime/diag.ts'
import * as key from '../runtime/semconv.ts'
import type { RecordingSpan } from '../tracing/span.ts'

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

/** Kinds, ids and times of ours. */
const FIXED = /^(agentops\.(span\.kind|session\.end_state)|(trigger_)?event\.[^dn].*|session\.id)$/
/** Names that others of ours begin with. */
const BARE =
  /^(action|agent(ops)?|error|event|gen_ai(\.(completion|prompt|request|response|usage))?|operation|session|tool)$/

/** What is known of an attribute by its name. */
interface Verdict {
  isLibrarys: boolean
  /** Undefined until somebody asks. */
  isListed?: boolean
  isCredential: boolean
  isContent: boolean
  isUrl: boolean
  /** One of these, listed or not. */
  isOdd: boolean
  /** Nothing is hidden in it. */
  isFixed: boolean
  isBare: boolean
  isModels: boolean
  /** Of a model's call or a tool. */
  isWork: boolean
}

/** By name: an isolate sees the same ones again and again. */
const verdicts: Map<string, Verdict> = new Map()
const MAX_VERDICTS = 2000

export function judge(name: string): Verdict {
  let verdict = verdicts.get(name)
  if (!verdict) {
    if (verdicts.size >= MAX_VERDICTS) verdicts.clear()
    // The session itself gives it to each span.
    const isLibrarys = LIBRARY.test(name) && name !== key.CONVERSATION_ID
    const isListed = isLibrarys ? isOnList(name) : undefined
    const isContent = isLibrarys ? !isListed : CONTENT.test(name)
    const isCredential = CREDENTIAL.test(name)
    const isUrl = URL_NAME.test(name)
    verdict = {
      isLibrarys,
      isListed,
      isContent,
      isCredential,
      isUrl,
      isOdd: isLibrarys || isContent || isCredential || isUrl,
      isFixed: FIXED.test(name),
      isBare: BARE.test(name),
      isModels: name.startsWith('gen_ai.'),
      isWork: name.startsWith('tool.') || (name.startsWith('gen_ai.') && !name.startsWith('gen_ai.c')),
    }
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

/** Whether an attribute has such a name. */
export function hasName(attributes: Attributes, is: keyof Verdict): boolean {
  for (const name in attributes) if (judge(name)[is]) return true
  return false
}

/**
 * `isEvent`: the session's root, or an event: its attributes are ours and the user's but for those of such libraries.
 * `captureContent`: credentials alone go.
 */
export function conceal(span: RecordingSpan, isEvent: boolean, captureContent: boolean): void {
  const { attributes, events, links, instrumentationScope: scope, status } = span
  const isLibrarys =
    !captureContent && !isEvent && (LIBRARY_SCOPE.test(scope.name) || hasName(attributes, 'isLibrarys'))
  const concealed: string[] = []
  /** Gives what is left. What something is deleted of takes longer to read ever after. */
  const look = (all: Attributes = {}, ofLibrary = isLibrarys): Attributes => {
    if (!ofLibrary && !hasName(all, 'isOdd')) return all
    const kept: Attributes = {}
    for (const name in all) {
      const { isContent, isCredential, isUrl } = judge(name)
      const value = all[name]
      const isText = typeof value === 'string' || typeof value === 'object'
      if (ofLibrary ? !isListed(name) : isText && (isCredential || (isContent && !captureContent))) concealed.push(name)
      else kept[name] = isUrl ? `${value}`.replace(NOT_SHOWN, '') : value
    }
    return kept
  }
  span.keep(look(attributes))
  for (const event of events) {
    event.attributes = look(event.attributes, isLibrarys || (!captureContent && judge(event.name).isLibrarys))
  }
  for (const link of links) link.attributes = look(link.attributes)
  if (isLibrarys && status.message) status.message = `${span.attributes[key.ERROR_TYPE] ?? 'error'}`
  // A name of somebody else's may be a URL.
  if (!isEvent && span.name.includes('://')) span.updateName(span.name.replace(IN_NAME, ''))
  if (concealed.length && isDebugging())
    debug(`${scope.name}: left out of its spans, by captureContent or as credentials: ${[...new Set(concealed)]}`)
}
