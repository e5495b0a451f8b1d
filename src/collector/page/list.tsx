/** The list of sessions, and its filters. */
import type { FC } from 'hono/jsx'
import {
  type Facet,
  type Facets,
  LABELS,
  type Label,
  type SessionFilter,
  type SessionRow,
  type SessionState,
} from '../trace-store.ts'
import { clock, count, duration, iso, money, plain, plural } from './format.ts'
import { Layout } from './layout.tsx'

export const STATES: readonly SessionState[] = ['Success', 'Fail', 'Indeterminate', 'Running', 'Unfinished']

/** Milliseconds that a session took at least. */
const DURATIONS: readonly string[] = ['1000', '5000', '15000', '60000', '300000']
/** Of one session, shown. */
const MAX_TAGS = 12
/** Filters that are always there, and those that are where there is something to choose. */
const USUAL: readonly Label[] = ['tag', 'route', 'model']
const MAYBE: readonly Label[] = ['service', 'environment']

export interface ListProps {
  rows: SessionRow[]
  facets: Facets
  filter: SessionFilter
  /** The address of the next page, where there is one. */
  next?: string
  /** Where a library sends its sessions. */
  endpoint: string
}

export const ListPage: FC<ListProps> = ({ rows, facets, filter, next, endpoint }) => {
  const { state, text, before, after, took } = filter
  const chosen = (took ?? 0) / 1000
  const isFiltered = !!(
    state ||
    text ||
    after !== undefined ||
    took !== undefined ||
    LABELS.some((label) => filter[label])
  )
  return (
    <Layout title="Sessions" here="/" live={before === undefined && after === undefined ? 'sessions' : undefined}>
      <div class="head">
        <h1>Sessions</h1>
        <span class="muted" id="total">
          {plural(facets.sessions, 'session')} kept
        </span>
      </div>
      <search>
        <form class="filters" method="get" action="/" aria-label="Filter sessions">
          <label class="field wide">
            <span class="hidden">Search in names, contents, errors</span>
            <input
              type="search"
              name="q"
              value={text ?? ''}
              placeholder="Search names, contents, errors"
              autocomplete="off"
            />
          </label>
          <Choice name="state" title="Any state" options={STATES} chosen={state} />
          <Choice
            name="took"
            title="Any duration"
            options={DURATIONS.includes(`${chosen}`) || took === undefined ? DURATIONS : [`${chosen}`, ...DURATIONS]}
            chosen={took === undefined ? undefined : `${chosen}`}
            labelOf={(ms) => `${duration(Number(ms) * 1000)} or longer`}
          />
          {LABELS.filter(
            (label) => USUAL.includes(label) || filter[label] || (MAYBE.includes(label) && facets[label].length > 1),
          ).map((label) => (
            <FacetChoice name={label} title={`Any ${label}`} facets={facets[label]} chosen={filter[label]} />
          ))}
          {after !== undefined && (
            <>
              <input type="hidden" name="after" value={`${after}`} />
              {before !== undefined && <input type="hidden" name="before" value={`${before}`} />}
              <span class="muted">
                begun from <time datetime={iso(after)}>{clock(after)}</time>
                {before !== undefined && (
                  <>
                    {' '}
                    to <time datetime={iso(before)}>{clock(before)}</time>
                  </>
                )}
              </span>
            </>
          )}
          <button type="submit">Filter</button>
          {isFiltered && <a href="/">Clear</a>}
        </form>
      </search>
      <div id="live">
        {rows.length === 0 ? <Empty isFiltered={isFiltered} endpoint={endpoint} /> : <Sessions rows={rows} />}
        {next && (
          <p class="more">
            <a href={next}>Older sessions</a>
          </p>
        )}
      </div>
    </Layout>
  )
}

interface ChoiceProps {
  name: string
  title: string
  options: readonly string[]
  chosen?: string
  /** What an option is called. Default: itself. */
  labelOf?: (option: string) => string
}

export const Choice: FC<ChoiceProps> = (props) => (
  <label class="field">
    <span class="hidden">{props.title}</span>
    <select name={props.name}>
      <option value="">{props.title}</option>
      {props.options.map((option) => (
        <option value={option} selected={option === props.chosen}>
          {plain(props.labelOf?.(option) ?? option)}
        </option>
      ))}
    </select>
  </label>
)

export const FacetChoice: FC<{ name: string; title: string; facets: Facet[]; chosen?: string }> = (props) => {
  const { facets, chosen } = props
  if (facets.length === 0 && !chosen) return null
  const values = facets.map(({ value }) => value)
  if (chosen && !values.includes(chosen)) values.push(chosen)
  return <Choice name={props.name} title={props.title} options={values} chosen={chosen} />
}

export const Sessions: FC<{ rows: SessionRow[] }> = ({ rows }) => (
  <table class="sessions">
    <thead>
      <tr>
        <th scope="col">State</th>
        <th scope="col">Session</th>
        <th scope="col">Started</th>
        <th scope="col" class="number">
          Duration
        </th>
        <th scope="col" class="number">
          Events
        </th>
        <th scope="col" class="number">
          Tokens
        </th>
        <th scope="col" class="number">
          Cost
        </th>
      </tr>
    </thead>
    <tbody>
      {rows.map((row) => (
        <tr data-id={row.traceId} data-rev={`${row.spans}${row.state}`}>
          <td>
            <State row={row} />
          </td>
          <td class="what">
            <a class="row-link" href={`/traces/${row.traceId}`}>
              <bdi>{plain(row.name)}</bdi>
            </a>
            <Tags tags={row.tags} />
            <span class="sub">
              {row.reason && row.state !== 'Success' ? (
                <span class={`reason s-${row.state}`}>{plain(row.reason).slice(0, 160)}</span>
              ) : (
                [row.service, ...row.models].filter(Boolean).map((part) => <bdi>{plain(`${part}`)}</bdi>)
              )}
            </span>
          </td>
          <td class="when">
            <time datetime={iso(row.start)}>{clock(row.start)}</time>
          </td>
          <td class="number">{duration(row.duration)}</td>
          <td class="number">
            {count(eventsOf(row))}
            <span class="sub">
              {[row.modelCalls && plural(row.modelCalls, 'model call'), row.toolCalls && plural(row.toolCalls, 'tool')]
                .filter(Boolean)
                .join(', ')}
            </span>
          </td>
          <td class="number">
            {row.inputTokens + row.outputTokens > 0 ? count(row.inputTokens + row.outputTokens) : ''}
            <span class="sub">
              {row.inputTokens + row.outputTokens > 0 && `${count(row.inputTokens)} in, ${count(row.outputTokens)} out`}
            </span>
          </td>
          <td class="number">{money(row.cost)}</td>
        </tr>
      ))}
    </tbody>
  </table>
)

/** Without the root, where it has come. */
export function eventsOf({ spans, state }: SessionRow): number {
  return state === 'Running' || state === 'Unfinished' ? spans : spans - 1
}

export const State: FC<{ row: Pick<SessionRow, 'state' | 'errors'> }> = ({ row }) => (
  <span class={`state s-${row.state}`}>
    <span class="dot" aria-hidden="true" />
    {row.state}
    {row.errors > 0 && row.state !== 'Fail' && (
      <span class="errors" title={plural(row.errors, 'failed event')}>
        <span class="hidden">, </span>
        {count(row.errors)}
        <span aria-hidden="true"> ✗</span>
        <span class="hidden"> failed</span>
      </span>
    )}
  </span>
)

export const Tags: FC<{ tags: string[] }> = ({ tags }) => (
  <>
    {tags.slice(0, MAX_TAGS).map((tag) => (
      <a class="tag" href={`/?tag=${encodeURIComponent(tag)}`}>
        <bdi>{plain(tag)}</bdi>
      </a>
    ))}
    {tags.length > MAX_TAGS && (
      <span class="muted" title={plain(tags.slice(MAX_TAGS).join(', '))}>
        +{tags.length - MAX_TAGS}
      </span>
    )}
  </>
)

const Empty: FC<{ isFiltered: boolean; endpoint: string }> = ({ isFiltered, endpoint }) =>
  isFiltered ? (
    <p class="empty">
      No session fits these filters. <a href="/">Show all</a>
    </p>
  ) : (
    <div class="empty">
      <p>No session yet. Point your agent here, and each request appears as it runs:</p>
      <pre>{`OTEL_EXPORTER_OTLP_ENDPOINT=${endpoint}`}</pre>
      <p class="muted">
        A Worker reads it from <code>.dev.vars</code>, Node.js, Next.js and Lambda from the environment. Nothing here?{' '}
        <code>npx agentops-edge check</code> says why.
      </p>
    </div>
  )
