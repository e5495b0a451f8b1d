/**
 * The parts of `docs` that are written from the source: options, variables, attributes, metrics, and `llms.txt`. A test
 * compares them; `npm run docs` and `UPDATE=1` write them.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PAGES } from '../docs/.vitepress/pages.ts'
import * as kinds from '../src/options/kinds.ts'
import { SETTINGS } from '../src/options/settings.ts'

const root = join(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.tsx?$/.test(file))
  .sort()
  .map((file) => [file, read(`src/${file}`)] as const)

/** Interfaces whose fields are options, with the heading that they stand under. */
const INTERFACES = [
  ['options/options.ts', 'DeliveryOptions', 'Delivery: of the options, and of each entry of `exporters`'],
  ['options/options.ts', 'AgentOpsOptions', 'Sessions'],
  ['lambda/options.ts', 'LambdaOptions', 'AWS Lambda, beside the above'],
  ['vercel/next-options.ts', 'NextOptions', 'Of `registerAgentOps()`, beside the above'],
  ['instrumentation/llm.ts', 'LlmCallsOptions', 'Of `llmCalls()`'],
  ['instrumentation/capture-all.ts', 'CaptureAllOptions', 'Of `captureAll()`'],
  ['metrics/index.ts', 'SessionMetricsOptions', 'Of `sessionMetrics()`'],
  ['spool/tail.ts', 'TailSpoolOptions', 'Of `tailSpool()`'],
  ['spool/drain.ts', 'DrainOptions', 'Of `drainSpool()` and `drainTail()`, beside the above'],
  ['collector/backend.ts', 'BackendOptions', 'Of `startBackend()`'],
  ['collector/sqlite.ts', 'SqliteOptions', 'Of `startBackend()`: what is kept'],
  ['collector/backend-app.ts', 'BackendAppOptions', 'Of `createBackend()`'],
  ['collector/team.ts', 'TeamOptions', 'Of `createBackend()`: who may send and read'],
  ['collector/clickhouse.ts', 'ClickHouseOptions', 'Of `clickhouseStore()`'],
  ['collector/app.ts', 'CollectorOptions', 'Of `startCollector()`'],
] as const

const MEANINGS: Readonly<Record<string, string>> = {
  'gen_ai.client.token.usage':
    'without `genAi`: tokens of model calls, by model, provider and `gen_ai.token.type` (`input`, `output`)',
  'gen_ai.client.operation.duration':
    'time of model calls, by model, provider and `error.type`; with `genAi` of embeddings and the like only',
  'gen_ai.client.inference.duration': 'with `genAi`: time of model calls, by model, provider, server and `error.type`',
  'gen_ai.client.inference.time_to_first_chunk': 'with `genAi`: time to the first part of a streamed answer',
  'gen_ai.client.inference.time_per_output_chunk': 'with `genAi`: time from each part of a streamed answer to the next',
  'gen_ai.client.inference.usage.…':
    'with `genAi`, each by itself: `input_tokens`, `output_tokens`, `cache_read.input_tokens`, `cache_write.input_tokens`, `reasoning.output_tokens`',
  'gen_ai.client.inference.operation.…_tokens': 'with `genAi`: `input` and `output` tokens of one call',
  'gen_ai.invoke_agent.duration': 'with `genAi`: time of agents, by name and `error.type`',
  'gen_ai.invoke_agent.inference_calls': 'with `genAi`: model calls of one run of an agent',
  'gen_ai.invoke_agent.tool_calls': 'with `genAi`: tools of one run of an agent',
  'gen_ai.execute_tool.duration': 'with `genAi`: time of tools, by name and `error.type`',
  'mcp.client.operation.duration': 'with `genAi`: time of tools that are called over MCP',
  'http.server.request.duration': 'time to the response, by method, route, status and `error.type`',
  'agentops.sessions': 'sessions, by `agentops.session.end_state`',
  'agentops.events': 'events, by `event.type` and `error.type`',
  'otel.sdk.exporter.span.exported':
    'spans that were sent; with `error.type` `dropped` or `spooled` those that were not',
  'otel.sdk.processor.span.processed': 'spans of sessions that `keep` refused (`error.type`: `sampled_out`)',
}

const lineOf = (comment: string): string =>
  comment
    .replace(/^\s*\* ?/gm, '')
    .replace(/\s+/g, ' ')
    .trim()

interface Field {
  name: string
  type: string
  text: string
}

/** The fields of an interface with their comments, as they stand in its file. */
function fieldsOf(file: string, name: string): Field[] {
  const code = read(`src/${file}`)
  const [, body = ''] = new RegExp(`interface ${name}\\b[^{]*\\{\\n([\\s\\S]*?)\\n\\}`).exec(code) ?? []
  const fields = body.matchAll(
    /^(?: {2}\/\*\*([\s\S]*?)\*\/\n)?(?: {2}\/\/.*\n)* {2}(\w+)(\?)?(\(.*|: (?:\{\n[\s\S]*?\n {2}\}|.*))$/gm,
  )
  return [...fields].map(([, comment = '', name = '', , type = '']) => ({
    name,
    type: type.replace(/^: /, '').replace(/\s+/g, ' '),
    text: lineOf(comment)
      .replace(/</g, '&lt;')
      .replace(/`[^`]*`/g, (code) => code.replaceAll('&lt;', '<')),
  }))
}

/** What a variable may say: only text is found in an environment. */
function formOf(kind: kinds.Kind, variable: string): string {
  const [expected] = kind
  if (kind === kinds.flag)
    return variable.startsWith('OTEL') ? '`true`; `false`' : '`true`, `1`, `yes`, `on`; `false`, `0`, `no`, `off`'
  if (kind === kinds.content) return '`true`, `SPAN_ONLY`, `SPAN_AND_EVENT`; `false`, `EVENT_ONLY`, `NO_CONTENT`'
  if (kind === kinds.formatKind) return '`http/json`'
  if (kind === kinds.propagators) return '`tracecontext`, `baggage` or `none`, with commas'
  if (expected.startsWith(kinds.tags[0])) return 'a list with commas'
  return expected.replace(/ or a function of the request$/, '')
}

function options(): string {
  return INTERFACES.map(([file, name, title]) => {
    const fields = fieldsOf(file, name).map(({ name, type, text }) => {
      const [kind, , ...variables] = (file.startsWith('options/') && SETTINGS[name]) || []
      const accepted = kind ? `, accepted: ${kind[0]}` : ''
      const said = variables.map((variable) => `\`${variable}\``).join(', then ')
      const environment = said && !text.includes('Env:') ? ` Env: ${said}.` : ''
      return [`#### ${name}`, `${text}${environment}`, `Type: \`${type}\`${accepted}.`].filter(Boolean).join('\n\n')
    })
    return [`### ${title}`, ...fields].join('\n\n')
  }).join('\n\n')
}

/** Variables that no docstring names. */
const OTHERS: Readonly<Record<string, string>> = {
  AGENTOPS_APP_URL:
    "where `session.url` leads: AgentOps' page, or the local backend's; with a slash at its end where it has a path",
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'where [metrics](../guide/metrics.md) go',
}

function variables(): string {
  const fields = INTERFACES.slice(0, 2).flatMap(([file, name]) => fieldsOf(file, name))
  const rows = new Map<string, string>()
  const add = (variable: string, form: string): void => {
    const option =
      Object.keys(SETTINGS).find((name) => SETTINGS[name]?.slice(2).includes(variable)) ??
      fields.find(({ text }) => text.includes(`\`${variable}`))?.name
    const meaning = option ? `[${option}](#${option.toLowerCase()})` : OTHERS[variable]
    if (!meaning) throw new Error(`scripts/reference.ts: what is ${variable} for?`)
    rows.set(variable, `| \`${variable}\` | ${meaning} | ${form} |`)
  }
  for (const [name, [kind, , ...variables]] of Object.entries(SETTINGS))
    for (const variable of /^[A-Z]/.test(name) ? [name] : variables) add(variable, formOf(kind, variable))
  // Read as pairs, which are no setting of their own.
  for (const [file, code] of sources)
    if (file.startsWith('options/'))
      for (const [, variable = ''] of code.matchAll(/'((?:AGENTOPS|OTEL)_[A-Z_]+)'/g))
        if (!rows.has(variable)) add(variable, '`key=value,…`, percent-encoded')
  const head = ['| variable | option | what it may say |', '| --- | --- | --- |']
  return [...head, ...[...rows].sort().map(([, row]) => row)].join('\n')
}

/** With the rooms of the source that write or read each; the local backend reads them all. */
function attributes(): string {
  const parts: string[] = []
  let comment = ''
  for (const line of read('src/runtime/semconv.ts').split('\n')) {
    const [, heading] = /^\/\/ (.*)$/.exec(line) ?? []
    const [, said] = /^\/\*\* (.*) \*\/$/.exec(line) ?? []
    const [, name = '', value] = /^export const (\w+) = '(.*)'$/.exec(line) ?? []
    if (heading)
      parts.push(`\n### ${heading.replace(/[.:]$/, '')}\n\n| attribute | used by | note |\n| --- | --- | --- |`)
    if (said) comment = said
    if (value === undefined) continue
    const rooms = sources.flatMap(([file, code]) =>
      !/^(collector|cli)\/|semconv\.ts$/.test(file) && new RegExp(`\\b${name}\\b`).test(code)
        ? [file.split('/')[0] ?? '']
        : [],
    )
    parts.push(`| \`${value}\` | ${[...new Set(rooms)].join(', ')} | ${comment.replaceAll('|', '\\|')} |`)
    comment = ''
  }
  return parts.join('\n').trim()
}

function metrics(): string {
  const rows = new Map<string, string>()
  for (const [file, code] of sources) {
    if (!file.startsWith('metrics/')) continue
    for (const [, kind, , written = '', unit] of code.matchAll(
      /\b(histogram|counter)\((['`])(\w[^'`]+)\2, '([^']+)'/g,
    )) {
      const name = written.replace(/\$\{\w+\}/, '…')
      const meaning = MEANINGS[name]
      if (!meaning) throw new Error(`scripts/reference.ts: what does the metric ${name} say?`)
      rows.set(name, `| \`${name}\` | ${kind} | \`${unit}\` | ${meaning} |`)
    }
  }
  for (const name of Object.keys(MEANINGS))
    if (!rows.has(name)) throw new Error(`scripts/reference.ts: there is no metric ${name}`)
  return ['| metric | kind | unit | what it says |', '| --- | --- | --- | --- |', ...rows.values()].join('\n')
}

function llms(): string {
  const groups = Object.entries(PAGES).map(([title, pages]) => {
    const lines = pages.map((page) => {
      const text = read(`docs/${page}.md`)
      const [, name] = /^# (.*)$/m.exec(text) ?? []
      const [, description] = /^description: (.*)$/m.exec(text) ?? []
      if (!name || !description) throw new Error(`docs/${page}.md: expected a description and a heading`)
      return `- [${name}](${page}.md): ${description}`
    })
    if (title === 'Reference')
      lines.push('- [API](reference/api/index.md): What each entry of the package exports, from the types.')
    return `## ${title}\n\n${lines.join('\n')}`
  })
  const [, sentence] = /^# agentops-edge\n\n([\s\S]*?)\n\n/m.exec(read('README.md')) ?? []
  return `# agentops-edge\n\n> ${`${sentence}`
    .replace(/\s+/g, ' ')
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll('**', '')}\n\n${groups.join('\n\n')}\n`
}

/** Rows of the last run of the bench. */
function bench(): string {
  const results = read('bench/RESULTS.md')
  const tables = results.split(/^## /m)
  const rowsOf = (title: string): Map<string, string[]> => {
    const table = tables.find((one) => one.startsWith(title)) ?? ''
    const rows = [...table.matchAll(/^\| (.*) \|$/gm)].map(([, row = '']) => row.split('|').map((cell) => cell.trim()))
    return new Map(rows.map(([subject = '', ...cells]) => [subject, cells]))
  }
  const [cpu, posts, size] = ['CPU of a request', 'Delivered, a request', 'Size, cold start'].map(rowsOf)
  const cell = (table: Map<string, string[]> | undefined, subject: string, at: number): string => {
    const text = table?.get(subject)?.[at]
    if (!text) throw new Error(`scripts/reference.ts: bench/RESULTS.md has no column ${at} for ${subject}`)
    return text.replace(/ \(.*\)$/, '')
  }
  const subjects = [...(cpu?.keys() ?? [])].filter((name) => name && !/^(subject|-+:?)$/.test(name))
  // What a garbage collection leaves to chance.
  const heap = (text: string): string => (Number.parseFloat(text) < 64 ? '< 64 B' : text)
  const rows = subjects.map((name) => [
    name === 'the floor' ? 'OpenTelemetry’s SDK alone' : name,
    cell(size, name, 1),
    cell(cpu, name, 1),
    cell(cpu, name, 3),
    cell(posts, name, 0),
    heap(cell(size, name, 8)),
  ])
  const heads = ['', 'gzipped, B', 'CPU, a plain request', 'CPU, 11 spans', 'POSTs a request', 'heap kept a request']
  return [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

const PARTS: Readonly<Record<string, () => string>> = { options, variables, attributes, metrics, bench }

/** Each file as it should be. */
export function reference(): Map<string, string> {
  const files = new Map([['docs/public/llms.txt', llms()]])
  for (const file of ['README.md', ...(PAGES.Reference ?? []).map((page) => `docs/${page}.md`)]) {
    const text = read(file).replace(
      /(<!-- generated: (\w+) -->\n)[\s\S]*?(?=<!-- end -->)/g,
      (_, begin, part) => `${begin}\n${PARTS[part]?.()}\n\n`,
    )
    files.set(file, text)
  }
  return files
}

export function write(): void {
  for (const [file, text] of reference()) writeFileSync(join(root, file), text)
}
