/** A run's results as Markdown: where ours is behind a peer comes first. */
import type { BySubject, Cpu, JavaScriptCost, Results, Spread } from './statistics.ts'

/** Closer than this is the same. */
const SAME = 1.03
/** What `bench:memory` takes for nothing, too. */
const SAME_BYTES = 64
/** Requests after which a heap can be compared. */
const SETTLED = 5000

interface Comparison {
  ours: string
  peer: string
  measure: string
  oursIs: string
  peerIs: string
  factor: number
}

export function report(results: Results): string {
  const { cpu, growth, javascript } = results
  const sections = [
    ['# What a request costs', about(results)],
    ...comparisons(results),
    ...section('## CPU of a request', Object.keys(cpu).length > 0, () =>
      cpuTable(results, cpu, (path) => `\`${path}\``),
    ),
    ...section('## Delivered, a request', Object.keys(cpu).length > 0, () => delivered(results)),
    ['## Size, cold start, live heap', sizes(results)],
    ...section('## JavaScript alone', Object.keys(javascript.session).length > 0, () => javascriptTable(results)),
    ...section('## How cost grows: spans of a session', Object.keys(growth.spans).length > 0, () =>
      cpuTable(results, growth.spans, (count) => `${count} span${count === '1' ? '' : 's'}`),
    ),
    ...section('## How cost grows: requests at once', Object.keys(growth.atOnce).length > 0, () =>
      cpuTable(results, growth.atOnce, (count) => `${count} at once`),
    ),
    ['## How it is measured', METHOD],
  ]
  return `${sections.map(([title, text]) => `${title}\n\n${text}`).join('\n\n')}\n`
}

const METHOD = `One Hono app: \`/plain\` (no child span), \`/agent\` (10 nested spans of 6 attributes, one of them a text of 500 characters), \`/stream\` (SSE, 20 chunks).
Each subject is a bundle of its own, made as wrangler makes it, in a workerd process of its own; all run at once, and take turns round by round.

- **The floor** is what OpenTelemetry's SDK 3 costs bare: a \`TracerProvider\` a request, spans into an array, its JSON serializer, one POST in \`waitUntil\`. It does not wait
  for a stream's end, has no retry, no limit, no compression, no active context.
- **CPU** is that of all threads of the process until the last POST of the round has come, less that of "nothing" in the same round; "× floor" is over the floor's median of the same run. Medians,
  with quartiles in brackets. One machine's microseconds are not another's: compare the ratios.
- **What frameworks' captures add** to a model call, µs and bytes: [\`CAPTURES.md\`](CAPTURES.md), \`npm run size\`.
- **Size** is over "nothing", as \`npm run size\` bundles: with wrangler's conditions, and with those of Cloudflare's Vite plugin; "by wrangler" is what \`wrangler deploy --minify\` itself would upload.
- **Cold start** is the CPU of a process to the end of its first \`/plain\` and the delivery of it, over "nothing".
- **Live heap** is read through the inspector after a forced garbage collection, before and after the requests (six of eight \`/plain\`, one \`/agent\`, one \`/stream\`); of fewer
  than 20,000 where the time was up.
- **JavaScript alone**: Node, \`fetch\` answered at once, 50 requests at a time. A session is \`/plain\` over "nothing"; a span, or an event, a tenth of what \`/agent\` costs more.
- **Growth**: spans of 6 attributes one after the other; \`/agent\` whose innermost span waits 20 ms, so that requests are under way together. Fewer rounds than above.
- \`@hono/otel\` is measured with the floor's SDK and exporter, one provider for the isolate, and AsyncLocalStorage; the others as their READMEs set them up, with all traces kept.

\`npm run bench\` writes this file.`

function section(title: string, has: boolean, text: () => string): string[][] {
  return has ? [[title, text()]] : []
}

function about({ date, mode, machine, versions, seconds }: Results): string {
  const list = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `${date}, ${mode} run of ${seconds.total} s, ${machine}.\n${list.join(', ')}.`
}

function comparisons(results: Results): string[][] {
  const all = compare(results)
  const behind = all.filter(({ factor }) => factor > SAME).toSorted((a, b) => b.factor - a.factor)
  const ahead = all.filter(({ factor }) => factor < 1 / SAME).toSorted((a, b) => a.factor - b.factor)
  if (all.length === 0) return []
  return [
    ['## Where it is behind', behind.length > 0 ? comparisonTable(behind) : 'Nowhere.'],
    ['## Where it is ahead', ahead.length > 0 ? comparisonTable(ahead) : 'Nowhere.'],
  ]
}

function comparisonTable(list: Comparison[]): string {
  return table(
    ['measure', 'ours', '', 'peer', '', 'ours / peer'],
    list.map(({ ours, peer, measure, oursIs, peerIs, factor }) => {
      return [measure, ours, oursIs, peer, peerIs, Number.isFinite(factor) ? factor.toFixed(2) : '']
    }),
  )
}

function compare(results: Results): Comparison[] {
  const { titles, kinds, cpu, growth, size, cold, heap } = results
  const found: Comparison[] = []
  const measure = <T>(
    name: string,
    by: BySubject<T>,
    numberOf: (each: T) => number,
    text: (value: number) => string,
  ) => {
    for (const [ours, mine] of Object.entries(by)) {
      for (const [peer, theirs] of Object.entries(by)) {
        if (kinds[ours] !== 'ours' || kinds[peer] !== 'peer') continue
        const [a, b] = [numberOf(mine), numberOf(theirs)]
        const names = { ours: titles[ours] ?? ours, peer: titles[peer] ?? peer, measure: name }
        found.push({ ...names, oursIs: text(a), peerIs: text(b), factor: a / b })
      }
    }
  }
  for (const [path, by] of Object.entries(cpu)) {
    measure(
      `CPU, \`${path}\``,
      by,
      ({ ratio }) => ratio.median,
      (value) => `${value.toFixed(2)} × floor`,
    )
    measure(
      `POSTs, \`${path}\``,
      by,
      ({ posts }) => posts,
      (value) => value.toFixed(2),
    )
  }
  for (const [count, by] of Object.entries(growth.spans)) {
    if (count === '1000')
      measure(
        'CPU, 1,000 spans',
        by,
        ({ us }) => us.median,
        (value) => `${(value / 1000).toFixed(1)} ms`,
      )
  }
  for (const [count, by] of Object.entries(growth.atOnce)) {
    if (count === '200')
      measure(
        'CPU, 200 at once',
        by,
        ({ us }) => us.median,
        (value) => `${value.toFixed(0)} µs`,
      )
  }
  measure('gzipped', size, ({ gzipped }) => gzipped, bytes)
  measure(
    'cold start',
    cold,
    ({ median }) => median,
    (value) => `${value.toFixed(1)} ms`,
  )
  // What is left of a garbage collection varies by some bytes a request: no leak has no factor. After few requests the
  // compiler's own is most of it.
  const settled = Object.values(heap).every(({ requests }) => requests >= SETTLED)
  if (settled)
    measure(
      'heap kept a request',
      heap,
      (each) => Math.max(SAME_BYTES, perRequest(each)),
      (value) => (value === SAME_BYTES ? `< ${SAME_BYTES} B` : `${value.toFixed(0)} B`),
    )
  return found
}

function cpuTable({ titles }: Results, cpu: Record<string, BySubject<Cpu>>, name: (label: string) => string): string {
  const labels = Object.keys(cpu)
  const rows = Object.keys(titles)
    .filter((id) => id !== 'nothing' && labels.some((label) => cpu[label]?.[id]))
    .map((id) => [
      titles[id] ?? id,
      ...labels.flatMap((label) => {
        const { us, ratio } = cpu[label]?.[id] ?? {}
        return [us ? spread(us, 0) : '', ratio ? spread(ratio, 2) : '']
      }),
    ])
  return table(['subject', ...labels.flatMap((label) => [`${name(label)}, µs`, '× floor'])], rows)
}

function delivered({ titles, cpu }: Results): string {
  const labels = Object.keys(cpu)
  const rows = Object.keys(titles)
    .filter((id) => id !== 'nothing')
    .map((id) => [
      titles[id] ?? id,
      ...labels.flatMap((label) => {
        const { posts = 0, spans = 0 } = cpu[label]?.[id] ?? {}
        return [short(posts), short(spans)]
      }),
    ])
  return table(['subject', ...labels.flatMap((label) => [`\`${label}\`, POSTs`, 'spans'])], rows)
}

function sizes({ titles, size, cold, heap }: Results): string {
  const rows = Object.keys(titles).map((id) => {
    const { minified = 0, gzipped = 0, vite = 0, wrangler = 0 } = size[id] ?? {}
    const [start, live] = [cold[id], heap[id]]
    const over = (text: string): string => (id === 'nothing' ? '' : text)
    return [
      titles[id] ?? id,
      over(bytes(minified)),
      over(bytes(gzipped)),
      over(bytes(vite)),
      over(wrangler ? bytes(wrangler) : ''),
      over(start ? spread(start, 1) : ''),
      live ? bytes(live.before) : '',
      live ? bytes(live.after) : '',
      live ? bytes(live.requests) : '',
      live ? `${perRequest(live).toFixed(1)} B` : '',
    ]
  })
  const columns = ['minified, B', 'gzipped, B', 'with Vite', 'by wrangler', 'cold start, ms', 'heap before, B', 'after']
  return table(['subject', ...columns, 'requests', 'kept a request'], rows)
}

function javascriptTable({ titles, javascript: { session, step } }: Results): string {
  const floor = { session: session.floor, step: step.floor }
  const ratio = (cost: JavaScriptCost | undefined, of: JavaScriptCost | undefined): string =>
    cost && of ? (cost.thread.median / of.thread.median).toFixed(2) : ''
  const rows = Object.keys(session)
    .filter((id) => id !== 'nothing')
    .map((id) => {
      const cells = ([session[id], step[id]] as const).map((cost) => (cost ? spread(cost.thread, 1) : ''))
      const all = ([session[id], step[id]] as const).map((cost) => (cost ? spread(cost.process, 1) : ''))
      const [ofSession, ofStep] = [ratio(session[id], floor.session), ratio(step[id], floor.step)]
      return [titles[id] ?? id, cells[0] ?? '', ofSession, all[0] ?? '', cells[1] ?? '', ofStep, all[1] ?? '']
    })
  const columns = (what: string): string[] => [`${what}, µs of the thread`, '× floor', 'µs of all threads']
  return table(['subject', ...columns('a session'), ...columns('a span or event')], rows)
}

function table(titles: string[], rows: string[][]): string {
  const widths = titles.map((title, n) => Math.max(title.length, 3, ...rows.map((row) => row[n]?.length ?? 0)))
  const line = (cells: string[]): string =>
    `| ${cells.map((cell, n) => (n === 0 ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0))).join(' | ')} |`
  const rule = widths.map((width, n) => (n === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(titles), line(rule), ...rows.map(line)].join('\n')
}

const spread = ({ q1, median, q3 }: Spread, digits: number): string =>
  `${median.toFixed(digits)} (${q1.toFixed(digits)}–${q3.toFixed(digits)})`
const short = (value: number): string => String(Number(value.toFixed(2)))
const bytes = (value: number): string => Math.round(value).toLocaleString('en')
const perRequest = ({ before, after, requests }: { before: number; after: number; requests: number }): number =>
  (after - before) / Math.max(1, requests)
