/** What is asked of ClickHouse's tables for a list, and what its rows say. */
import { INCOMPLETE } from '../runtime/semconv.ts'
import { serviceOf, summarize } from './conventions.ts'
import type { CollectedSpan } from './otlp.ts'
import {
  LABELS,
  RUNNING_MS,
  type SessionFilter,
  type SessionRow,
  type SessionState,
  type SpanRow,
  type Sum,
} from './trace-store.ts'

const WORDS = /[\p{L}\p{N}\p{Co}]+/gu
/** Labels and the columns that have them. */
type Values = Record<string, unknown>
const COLUMN = {
  tag: 'Tags',
  route: 'Routes',
  model: 'Models',
  tool: 'Tools',
  service: 'Services',
  environment: 'Environments',
}

/** A span that two wrote at the same time is there twice. */
export const ONCE: string = 'ORDER BY Timestamp, SpanId LIMIT 1 BY SpanId LIMIT {limit:UInt32}'
export const ROOT: string = 'argMaxMerge(Root)'
/** What the root says, else any span. */
export const OWN = (column: string, n: number): string =>
  `coalesce(nullIf(root.${n}, ''), groupUniqArrayArray(${column})[1])`

export const SESSION: string = `SELECT TraceId AS traceId, ${ROOT} AS root, root.1 AS sessionId, root.2 AS name, ${OWN('Services', 3)} AS service,
  ${OWN('Environments', 4)} AS environment, ${OWN('Routes', 5)} AS route, argMaxMerge(State) AS state, root.6 AS reason,
  toString(toUnixTimestamp64Micro(min(Start))) AS start, toString(toUnixTimestamp64Micro(max(End))) AS over,
  toString(toUnixTimestamp64Milli(max(Updated))) AS updated, toString(sum(Spans)) AS spans, toString(sum(Errors)) AS errors,
  toString(sum(ModelCalls)) AS modelCalls, toString(sum(ToolCalls)) AS toolCalls, toString(sum(InputTokens)) AS inputTokens,
  toString(sum(OutputTokens)) AS outputTokens, sum(Cost) AS cost, arraySort(groupUniqArrayArray(Tags)) AS tags,
  arraySort(groupUniqArrayArray(Models)) AS models FROM agentops_sessions`

export type SessionColumns = Record<
  Exclude<keyof SessionRow, 'tags' | 'models' | 'cost' | 'duration'> | 'over' | 'updated',
  string
> &
  Pick<SessionRow, 'tags' | 'models' | 'cost'>
export type SumColumns = Record<'point' | 'type' | 'name' | 'calls' | 'errors' | 'input' | 'output', string> & {
  cost: number
}

/** As `HAVING` of sessions. */
export function conditions(filter: SessionFilter): { having: string; values: Values } {
  const { state, text = '', sessionId, before, after, took } = filter
  const terms: string[] = []
  const values: Values = {}
  const add = (term: string, name = '', value?: unknown): void => {
    terms.push(term)
    if (name) values[name] = value
  }
  const fresh = Date.now() - RUNNING_MS
  const isFresh = 'max(Updated) >= fromUnixTimestamp64Milli({fresh:Int64})'
  if (state === 'Running') add(`argMaxMerge(State) = '' AND ${isFresh}`, 'fresh', fresh)
  else if (state === 'Unfinished') add(`argMaxMerge(State) = '' AND NOT ${isFresh}`, 'fresh', fresh)
  else if (state) add('argMaxMerge(State) = {state:String}', 'state', state)
  for (const label of LABELS) {
    if (filter[label] === undefined) continue
    add(`has(groupUniqArrayArray(${COLUMN[label]}), {${label}:String})`, label, filter[label])
  }
  const words = text.match(WORDS)?.slice(0, 20) ?? []
  if (words.length) {
    // The last one may be the beginning of a word.
    const patterns = words.map(
      (word, n) => `(?i)(^|[^\\pL\\pN])${word}${n < words.length - 1 ? '($|[^\\pL\\pN])' : ''}`,
    )
    // A pattern takes several times as long as a search for the plain word, which goes before it.
    const has = words.map((word, n) => {
      values[`word${n}`] = word
      return `positionCaseInsensitiveUTF8(said, {word${n}:String}) > 0`
    })
    add(
      `TraceId IN (SELECT TraceId FROM (SELECT TraceId, concat(SpanName, ' ', StatusMessage, ' ',
        arrayStringConcat(mapValues(SpanAttributes), ' '), ' ',
        arrayStringConcat(arrayMap(of -> arrayStringConcat(mapValues(of), ' '), Events.Attributes), ' ')) AS said FROM otel_traces)
        WHERE if(${has.join(' AND ')}, arrayAll(pattern -> match(said, pattern), {patterns:Array(String)}), false))`,
      'patterns',
      patterns,
    )
  } else if (text.trim()) add('false') // As the other stores, whose index has words only.
  if (sessionId !== undefined) {
    add(`if(${ROOT}.1 = '', TraceId, ${ROOT}.1) = {session:String}`, 'session', sessionId)
  }
  if (before !== undefined) add('min(Start) < fromUnixTimestamp64Micro({before:Int64})', 'before', before)
  if (after !== undefined) add('min(Start) >= fromUnixTimestamp64Micro({after:Int64})', 'after', after)
  if (took !== undefined) {
    add('toUnixTimestamp64Micro(max(End)) - toUnixTimestamp64Micro(min(Start)) >= {took:Int64}', 'took', took)
  }
  return { having: terms.length ? `HAVING ${terms.join(' AND ')}` : '', values }
}

export function toSession(row: SessionColumns): SessionRow {
  const isFresh = Number(row.updated) >= Date.now() - RUNNING_MS
  return {
    traceId: row.traceId,
    sessionId: row.sessionId || row.traceId,
    name: row.name,
    service: row.service || undefined,
    environment: row.environment || undefined,
    route: row.route || undefined,
    state: (row.state || (isFresh ? 'Running' : 'Unfinished')) as SessionState,
    reason: row.reason || undefined,
    start: Number(row.start),
    duration: Number(row.over) - Number(row.start),
    spans: Number(row.spans),
    errors: Number(row.errors),
    modelCalls: Number(row.modelCalls),
    toolCalls: Number(row.toolCalls),
    inputTokens: Number(row.inputTokens),
    outputTokens: Number(row.outputTokens),
    cost: row.cost,
    tags: row.tags,
    models: row.models,
  }
}

export function toSpanRow(span: CollectedSpan): SpanRow {
  const start = Number(span.start / 1000n)
  return {
    ...summarize(span),
    ...{ spanId: span.spanId, parentId: span.parentSpanId, name: span.name, status: span.status.code, start },
    duration: Math.max(Number(span.end / 1000n) - start, 0),
    service: serviceOf(span),
    incomplete: !!span.attributes[INCOMPLETE],
  }
}

export function toSum(row: SumColumns): Sum {
  return {
    at: Number(row.point),
    type: row.type as Sum['type'],
    name: row.name,
    calls: Number(row.calls),
    errors: Number(row.errors),
    inputTokens: Number(row.input),
    outputTokens: Number(row.output),
    cost: row.cost,
  }
}
