/** A session as a tree: what is the same in every run of a scenario, as JSON and as text. */
import type { CollectedSession, CollectedSpan, PlainAttributes } from '../../src/collector/index.ts'
import type { Tokens } from './say.ts'

export interface Node {
  name: string
  kind: number
  status: CollectedSpan['status']
  attributes: PlainAttributes
  events?: { name: string; attributes: PlainAttributes }[]
  /** To other spans of the session, by their names. */
  links?: { to: string | undefined; attributes: PlainAttributes }[]
  children: Node[]
}

/** What differs from run to run: ids, times, ports and versions. */
const VARIES: readonly [RegExp, string][] = [
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}\b/g, '<id>'],
  [/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>'],
  [/127\.0\.0\.1:\d+(\/\d+)?/g, '<host>'],
  [/("url\.path":"\/)\d+\//g, '$1'],
  [/("(?:server\.port|gen_ai\.response\.time_to_first_chunk|http\.\w+\.body\.size)":)[\d.]+/g, '$1"<number>"'],
  [/("exception.stacktrace":")[^"]*/g, '$1<stack>'],
]

export function treeOf({ spans }: Pick<CollectedSession, 'spans'>): Node {
  const of = (parent?: string): Node[] =>
    spans
      .filter(({ parentSpanId }) => parentSpanId === parent)
      .map(({ spanId, name, kind, status, attributes, events, links }) => ({
        name,
        kind,
        status,
        attributes,
        ...(events.length > 0 && {
          events: events.map((event) => ({ name: event.name, attributes: event.attributes })),
        }),
        ...(links.length > 0 && {
          links: links.map((link) => ({
            to: spans.find((span) => span.spanId === link.spanId)?.name,
            attributes: link.attributes,
          })),
        }),
        children: of(spanId),
      }))
  const roots = of()
  if (roots.length !== 1) throw new Error(`${roots.length} roots among ${spans.map(({ name }) => name)}`)
  const text = VARIES.reduce((json, [what, instead]) => json.replaceAll(what, instead), JSON.stringify(roots[0]))
  return JSON.parse(text)
}

function* all(node: Node): Generator<Node> {
  yield node
  for (const child of node.children) yield* all(child)
}

/** Spans of calls of models, and the tokens of all spans. */
export function countOf(root: Node): { calls: number; tokens: Tokens } {
  const nodes = [...all(root)]
  const sum = (name: string): number =>
    nodes.reduce((total, { attributes }) => total + Number(attributes[`gen_ai.usage.${name}`] ?? 0), 0)
  const calls = nodes.filter(({ attributes }) => attributes['agentops.span.kind'] === 'llm').length
  return { calls, tokens: [sum('input_tokens'), sum('output_tokens')] }
}

/** A line a span, and what was said below it. */
export function textOf(root: Node): string {
  const { calls, tokens } = countOf(root)
  return `${lines(root).join('\n')}\n= ${calls} calls of models, ${tokens[0]} tokens in, ${tokens[1]} out\n`
}

const STATUSES = ['not judged', 'ok', 'failed']

function lines(node: Node): string[] {
  const { name, status, attributes, links = [], children } = node
  const head = [
    `${name}: ${STATUSES[status.code]}${status.message ? ` (${status.message})` : ''}`,
    ...facts(attributes),
    ...links.map(({ to, attributes }) => `answers ${attributes['gen_ai.tool.call.id']} of ${to}`),
  ].join(', ')
  const below = children.map(lines)
  const last = below.length - 1
  return [
    head,
    ...said(attributes).map((line) => `${below.length ? '│' : ' '}   ${line}`),
    ...below.flatMap(([first, ...rest], n) => [
      `${n === last ? '└' : '├'}─ ${first}`,
      ...rest.map((line) => `${n === last ? ' ' : '│'}  ${line}`),
    ]),
  ]
}

function facts(attributes: PlainAttributes): string[] {
  const of = (name: string): string => `${attributes[name] ?? ''}`
  const usage = (name: string): string => of(`gen_ai.usage.${name}`)
  const count = (name: string, what: string): string => usage(name) && `${usage(name)} ${what}`
  const models = [...new Set([of('gen_ai.request.model'), of('gen_ai.response.model')])].filter(Boolean).join(' → ')
  const cached = [count('cache_read_input_tokens', 'from the cache'), count('cache_creation_input_tokens', 'into it')]
  const input = count('input_tokens', 'in')
  return [
    of('agentops.session.end_state'),
    models && `${of('gen_ai.provider.name')} ${models}`,
    attributes['gen_ai.request.stream'] ? 'streamed' : '',
    input && [input, ...cached.filter(Boolean)].join(' with '),
    count('output_tokens', 'out'),
    count('total_tokens', 'in all'),
    of('gen_ai.response.finish_reasons') && `ended by ${of('gen_ai.response.finish_reasons')}`,
    of('error.type') && `error ${of('error.type')}`,
    of('http.request.resend_count') && `repeated ${of('http.request.resend_count')}`,
    attributes['agentops.incomplete'] ? 'incomplete' : '',
  ].filter(Boolean)
}

/** Contents, and the tools that were asked for. */
function said(attributes: PlainAttributes): string[] {
  return Object.entries(attributes)
    .filter(([name]) =>
      /^gen_ai\.(prompt|completion)\.\d+\.(content|tool_calls\.\d+\.(id|name|arguments))$|^tool\.(parameters|result)$/.test(
        name,
      ),
    )
    .map(([name, value]) => `${name.replace('gen_ai.', '')} = ${value}`)
}
