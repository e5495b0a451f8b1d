/** The page's addresses. Everything is read; nothing that a browser can send changes anything. */
import { type Context, Hono } from 'hono'
import type { Child } from 'hono/jsx'
import { asksFor, callsOf, resultsOf } from '../calls.ts'
import { questionOf } from '../conventions.ts'
import { inputMessages, outputMessages } from '../messages.ts'
import { type CollectedSpan, type RawSpan, toSpan } from '../otlp.ts'
import { DEFAULT_RANGE, overviewOf, sumsFilterOf } from '../overview.ts'
import { traceIdOf } from '../reading.ts'
import { LABELS, type SessionFilter, type SessionRow, type SpanRow, type TraceStore } from '../trace-store.ts'
import { Thread } from './chat.tsx'
import { ConversationPage, MAX_TURNS } from './conversation.tsx'
import { count, plain, plural } from './format.ts'
import { ICON, Layout, Missing } from './layout.tsx'
import { ListPage, STATES } from './list.tsx'
import { treeOf } from './order.ts'
import { OverviewPage } from './overview.tsx'
import { MAX_RAW, RawView } from './raw.tsx'
import { SCRIPT } from './script.ts'
import { SessionPage, VIEWS, type View } from './session.tsx'
import { SpanPanel } from './span.tsx'
import { STYLES } from './styles.ts'
import { MAX_ROWS, Minimap, Rows } from './waterfall.tsx'

const PAGE = 50
/** Spans of a session that are put into order; of more, the first. */
const MAX_SPANS = 100_000
/** Model calls and tools of a chat. */
const MAX_CHAT = 400
/** Characters of what was asked and answered at the head. */
const STORY = 1200

export function pages(store: TraceStore): Hono {
  const app = new Hono()
  app.get('/assets/page.css', (c) => asset(c, STYLES, 'text/css'))
  app.get('/assets/page.js', (c) => asset(c, SCRIPT, 'text/javascript'))
  app.get('/assets/icon.svg', (c) => asset(c, ICON, 'image/svg+xml'))

  app.get('/', async (c) => {
    const filter = filterOf(c)
    const [rows, facets] = await Promise.all([store.sessions({ ...filter, limit: PAGE + 1 }), store.facets()])
    const last = rows[PAGE - 1]
    const query = new URLSearchParams(c.req.query())
    if (last) query.set('before', `${last.start}`)
    const next = rows.length > PAGE ? `/?${query}` : undefined
    const endpoint = new URL(c.req.url).origin
    return show(
      c,
      <ListPage rows={rows.slice(0, PAGE)} facets={facets} filter={filter} next={next} endpoint={endpoint} />,
    )
  })

  app.get('/overview', async (c) => {
    const filter = sumsFilterOf(c)
    const [overview, facets] = await Promise.all([overviewOf(store, filter), store.facets()])
    const range = c.req.query('from') ? undefined : (c.req.query('range') ?? DEFAULT_RANGE)
    return show(c, <OverviewPage overview={overview} facets={facets} range={range} />)
  })
  app.get('/api/overview', async (c) => c.json(await overviewOf(store, sumsFilterOf(c))))

  // As AgentOps' own links are: what the library and its logs print leads here.
  for (const path of ['/sessions', '/traces', '/drilldown'] as const) {
    app.get(path, (c) => {
      const id = traceIdOf(c.req.query('trace_id') ?? c.req.query('session_id') ?? '')
      return c.redirect(id ? `/traces/${encodeURIComponent(id)}` : '/')
    })
  }

  app.get('/traces/:id', async (c) => {
    const id = traceIdOf(c.req.param('id'))
    const [session, spans] = await Promise.all([store.session(id), store.spans(id, MAX_SPANS)])
    if (!session) {
      const why = `No spans of the trace ${plain(id.slice(0, 64))} have arrived. As soon as they do, they are shown here.`
      return show(c, <Missing what="session" why={why} live={id.slice(0, 64)} />, 404)
    }
    const view = VIEWS.find((name) => name === c.req.query('view')) ?? 'waterfall'
    const selected = spans.find(({ spanId }) => spanId === c.req.query('span')) ?? worthALook(spans)
    const [story, body, conversation] = await Promise.all([
      storyOf(store, session, spans),
      bodyOf(c, store, { session, spans, view, selected }),
      store.sessions({ sessionId: session.sessionId, limit: MAX_TURNS }),
    ])
    const hasPanel = view === 'waterfall' || view === 'tree' || (view === 'chat' && c.req.query('span'))
    const panel = hasPanel && selected ? await panelOf(store, id, selected, spans, view) : undefined
    return show(
      c,
      <SessionPage session={session} view={view} {...story} conversation={conversation.length} panel={panel}>
        {body}
      </SessionPage>,
    )
  })

  app.get('/traces/:id/spans/:span', async (c) => {
    const id = traceIdOf(c.req.param('id'))
    const spans = await store.spans(id, MAX_SPANS)
    const span = spans.find(({ spanId }) => spanId === c.req.param('span'))
    const panel = span && (await panelOf(store, id, span, spans, c.req.query('view') ?? 'waterfall'))
    if (!panel) return show(c, <Missing what="event" why="It has not arrived, or is no longer kept." />, 404)
    return show(
      c,
      <Layout title="Event">
        <div id="panel">{panel}</div>
      </Layout>,
    )
  })

  app.get('/traces/:id/otlp.json', async (c) => c.json(otlpOf(await store.raw(traceIdOf(c.req.param('id'))))))
  app.get('/traces/:id/spans/:span/otlp.json', async (c) =>
    c.json(otlpOf(await store.raw(traceIdOf(c.req.param('id')), { spanId: c.req.param('span') }))),
  )

  app.get('/conversations/:id', async (c) => {
    const id = c.req.param('id')
    const sessions = await store.sessions({ sessionId: id, limit: MAX_TURNS, ascending: true })
    if (!sessions.length)
      return show(c, <Missing what="conversation" why="No session of it has arrived." live="sessions" />, 404)
    const turns = await Promise.all(
      sessions.map(async (session) => {
        const raw = await store.raw(session.traceId, { types: ['model', 'tool'], limit: MAX_CHAT })
        return { session, spans: raw.map((span) => toSpan(span)) }
      }),
    )
    return show(c, <ConversationPage id={id} turns={turns} />)
  })

  app.get('*', (c) =>
    show(c, <Missing what="page" why="Agents send what they do to /v1/traces, by POST; it is shown under /." />, 404),
  )
  return app
}

function show(c: Context, page: Child, status: 200 | 404 = 200): Response | Promise<Response> {
  return c.html(`<!DOCTYPE html>${page}`, status)
}

function asset(c: Context, text: string, type: string): Response {
  return c.body(text, 200, { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-cache' })
}

/** What a request asks a list for; what cannot be meant is left out. */
export function filterOf(c: Context): SessionFilter {
  const text = (name: string): string | undefined => c.req.query(name) || undefined
  const time = (name: string): number | undefined => {
    const value = Number(text(name) ?? Number.NaN)
    return Number.isSafeInteger(value) ? value : undefined
  }
  const took = time('took')
  return {
    ...Object.fromEntries(LABELS.map((label) => [label, text(label)])),
    state: STATES.find((state) => state === text('state')),
    text: text('q')?.slice(0, 500),
    before: time('before'),
    after: time('after'),
    took: took === undefined ? undefined : took * 1000,
  }
}

/** What a reader most likely wants to see of a session: where it failed first, furthest down; else its root. */
function worthALook(spans: readonly SpanRow[]): SpanRow | undefined {
  const failed = spans.filter(({ status }) => status === 2)
  const parents = new Set(failed.map(({ parentId }) => parentId))
  return failed.find(({ spanId, type }) => type !== 'session' && !parents.has(spanId)) ?? failed[0] ?? spans[0]
}

async function storyOf(
  store: TraceStore,
  { traceId }: SessionRow,
  spans: readonly SpanRow[],
): Promise<{ question?: string; answer?: string }> {
  const calls = spans.filter(({ type }) => type === 'model')
  const read = async (span: SpanRow | undefined): Promise<CollectedSpan | undefined> => {
    const [raw] = span ? await store.raw(traceId, { spanId: span.spanId }) : []
    return raw && toSpan(raw)
  }
  const [first, last] = await Promise.all([read(calls[0]), read(calls.at(-1))])
  const said = last && outputMessages(last.attributes).flatMap(({ parts }) => parts)
  const answer = said?.flatMap((part) => (part.kind === 'text' ? [part.text] : [])).join('\n')
  return {
    question: first && cut(questionOf(first.attributes)),
    answer: answer && cut(answer),
  }
}

function cut(text: string): string {
  return text.length > STORY ? `${text.slice(0, STORY)}…` : text
}

interface BodyProps {
  session: SessionRow
  spans: SpanRow[]
  view: View
  selected?: SpanRow
}

async function bodyOf(c: Context, store: TraceStore, { session, spans, view, selected }: BodyProps): Promise<Child> {
  const base = `/traces/${session.traceId}`
  if (view === 'raw') {
    const raw = await store.raw(session.traceId, { limit: MAX_RAW })
    return <RawView raw={raw} spans={session.spans} base={base} />
  }
  if (view === 'chat') {
    const raw = await store.raw(session.traceId, { types: ['model', 'tool'], limit: MAX_CHAT })
    const all = raw.map((span) => toSpan(span))
    const hasContents = all.some(
      ({ attributes }) => inputMessages(attributes).length + outputMessages(attributes).length,
    )
    return (
      <>
        {all.length === MAX_CHAT && <p class="muted">The first {MAX_CHAT} model calls and tools:</p>}
        {!hasContents && (
          <p class="empty muted">
            No model call of this session has contents. They are off unless the option <code>captureContent</code> is
            on.
          </p>
        )}
        <Thread spans={all} base={base} />
      </>
    )
  }
  const tree = treeOf(spans)
  const from = Math.max(Math.trunc(Number(c.req.query('from') ?? 0)) || 0, 0)
  const at = tree.findIndex(({ span }) => span === selected)
  // The page that has the selected one, unless another was asked for.
  const begin = c.req.query('from') || at < MAX_ROWS ? from : Math.floor(at / MAX_ROWS) * MAX_ROWS
  const rows = tree.slice(begin, begin + MAX_ROWS)
  const length = Math.max(session.duration, 1)
  const others = (to: number, label: string): Child => <a href={`${base}?view=${view}&from=${to}`}>{label}</a>
  return (
    <>
      {view === 'waterfall' && (
        <>
          <div class="tools">
            <button type="button" data-zoom="0.5" aria-label="Zoom in">
              +
            </button>
            <button type="button" data-zoom="2" aria-label="Zoom out">
              −
            </button>
            <button type="button" data-zoom="0">
              All
            </button>
            <span class="muted">drag over the bars to zoom</span>
          </div>
          <Minimap rows={tree} start={session.start} length={length} />
        </>
      )}
      <Rows
        rows={rows}
        start={session.start}
        length={length}
        selected={selected?.spanId}
        service={session.service}
        base={base}
        view={view as 'waterfall' | 'tree'}
      />
      {tree.length > rows.length && (
        <p class="more">
          {plural(tree.length, 'event')}, {count(begin + 1)} to {count(begin + rows.length)} shown.{' '}
          {begin > 0 && others(Math.max(begin - MAX_ROWS, 0), 'Earlier')}{' '}
          {begin + rows.length < tree.length && others(begin + MAX_ROWS, 'Later')}
          {session.spans > tree.length && ` ${plural(session.spans - tree.length, 'more span')} only in the raw OTLP.`}
        </p>
      )}
    </>
  )
}

async function panelOf(
  store: TraceStore,
  traceId: string,
  row: SpanRow,
  spans: readonly SpanRow[],
  view: string,
): Promise<Child> {
  const [raw] = await store.raw(traceId, { spanId: row.spanId })
  if (!raw) return undefined
  const span = toSpan(raw)
  const base = `/traces/${traceId}`
  const tools = row.type === 'model' ? await toolsAskedBy(store, traceId, span, spans) : []
  const caller = row.type === 'tool' ? await callerOf(store, traceId, span, row, spans) : undefined
  return <SpanPanel span={span} results={resultsOf([span, ...tools])} caller={caller} base={base} view={view} />
}

/** The tool spans that answer a model call's requests. */
async function toolsAskedBy(
  store: TraceStore,
  traceId: string,
  span: CollectedSpan,
  spans: readonly SpanRow[],
): Promise<CollectedSpan[]> {
  const calls = [...callsOf(inputMessages(span.attributes)), ...callsOf(outputMessages(span.attributes))]
  const ids = new Set(calls.map(({ id }) => id))
  const names = new Set(calls.map(({ name }) => name))
  const asked = spans
    .filter(({ type, callId, label }) => type === 'tool' && (callId === undefined ? names.has(label) : ids.has(callId)))
    .slice(0, 50)
  const raw = await Promise.all(asked.map(({ spanId }) => store.raw(traceId, { spanId })))
  return raw.flat().map((found) => toSpan(found))
}

/** The model call whose answer asked for this tool: the last one before it that did. */
async function callerOf(
  store: TraceStore,
  traceId: string,
  tool: CollectedSpan,
  { start: begun }: SpanRow,
  spans: readonly SpanRow[],
): Promise<{ spanId: string; label: string } | undefined> {
  const before = spans
    .filter(({ type, start }) => type === 'model' && start <= begun)
    .slice(-20)
    .reverse()
  for (const { spanId, label } of before) {
    const [raw] = await store.raw(traceId, { spanId })
    if (raw && asksFor(callsOf(outputMessages(toSpan(raw).attributes)), tool)) return { spanId, label }
  }
  return undefined
}

function otlpOf(raw: RawSpan[]): object {
  return {
    resourceSpans: raw.map(({ resource, scope, span }) => ({ resource, scopeSpans: [{ scope, spans: [span] }] })),
  }
}
