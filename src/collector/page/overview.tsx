/** The overview: what there was over time, by service and environment. */
import type { FC } from 'hono/jsx'
import { DEFAULT_RANGE, type Named, type Overview, RANGES } from '../overview.ts'
import type { Facets } from '../trace-store.ts'
import { Chart, type Series } from './chart.tsx'
import { clock, count, duration, iso, money, plain, plural } from './format.ts'
import { Layout } from './layout.tsx'
import { FacetChoice } from './list.tsx'

export interface OverviewProps {
  overview: Overview
  facets: Facets
  /** A key of `RANGES`; undefined where a time of its own is shown. */
  range?: string
}

/** Models and tools that are drawn; the others stand in the table. */
const DRAWN = 5
const LISTED = 50

export const OverviewPage: FC<OverviewProps> = ({ overview, facets, range }) => {
  const { points, models, tools, from, to, step, service, environment } = overview
  const times = [...points.map(({ at }) => at), to]
  const linkTo = (more: Record<string, string | number | undefined>): string => {
    const query = new URLSearchParams()
    for (const [name, value] of Object.entries({ service, environment, ...more })) {
      if (value !== undefined && value !== '') query.set(name, `${value}`)
    }
    return `/?${query}`
  }
  const during = (n: number): { after?: number; before?: number } => ({ after: times[n], before: times[n + 1] })
  const time = times.map((at) => clock(at).replace(/:00$/, ''))
  const shared = {
    times,
    hrefs: points.map((_, n) => linkTo(during(n))),
    labels: points.map((_, n) => `${time[n]} to ${time[n + 1]}`),
  }
  const total = (of: (point: Overview['points'][number]) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0)
  const sessions = total((point) => point.sessions)
  const failed = total((point) => point.failed)
  const tokens = total((point) => point.inputTokens + point.outputTokens)
  const cost = total((point) => point.cost)
  const slowest = points.reduce((most, { p95 = 0 }) => Math.max(most, p95), 0)
  const usd = (value: number): string => money(value) || '$0'
  const seriesOf = (named: Named[], kind: 'model' | 'tool'): Series[] =>
    named.slice(0, DRAWN).map(({ name, points: values }, n) => ({
      ...{ name, values, look: `c${n}` },
      hrefOf: (at) => linkTo({ ...during(at), [kind]: name }),
    }))
  return (
    <Layout title="Overview" here="/overview">
      <div class="head">
        <h1>Overview</h1>
        <span class="muted">
          <time datetime={iso(from)}>{clock(from)}</time> to <time datetime={iso(to)}>{clock(to)}</time>, {zone()}
        </span>
      </div>
      <form class="filters" method="get" action="/overview" aria-label="Choose time, service and environment">
        <label class="field">
          <span class="hidden">Time</span>
          <select name="range">
            {!range && <option value="">These {duration(to - from)}</option>}
            {Object.entries(RANGES).map(([name, { title }]) => (
              <option value={name} selected={name === range}>
                Last {title}
              </option>
            ))}
          </select>
        </label>
        <FacetChoice name="service" title="Any service" facets={facets.service} chosen={service} />
        <FacetChoice name="environment" title="Any environment" facets={facets.environment} chosen={environment} />
        <button type="submit">Show</button>
        {(service || environment || range !== DEFAULT_RANGE) && <a href="/overview">Clear</a>}
      </form>
      <dl class="tiles">
        <div>
          <dt>Sessions</dt>
          <dd>
            <a href={linkTo({ after: from, before: to })}>{count(sessions)}</a>
          </dd>
        </div>
        <div>
          <dt>Failed</dt>
          <dd class={failed ? 's-Fail' : ''}>
            <a href={linkTo({ after: from, before: to, state: 'Fail' })}>{count(failed)}</a>
            {sessions > 0 && <span class="sub">{percent(failed / sessions)}</span>}
          </dd>
        </div>
        <div>
          <dt>Tokens</dt>
          <dd>{count(tokens)}</dd>
        </div>
        <div>
          <dt>Cost</dt>
          <dd>
            {usd(cost)}
            {sessions > 0 && cost > 0 && <span class="sub">{usd(cost / sessions)} a session</span>}
          </dd>
        </div>
      </dl>
      <div class="charts">
        <Chart
          {...shared}
          title="Sessions"
          sum={`${plural(sessions, 'session')}, ${count(failed)} failed`}
          shape="bars"
          format={count}
          series={[
            { name: 'not failed', look: 'ok', values: points.map((point) => point.sessions - point.failed) },
            { name: 'failed', look: 'bad', values: points.map((point) => point.failed) },
          ]}
        />
        <Chart
          {...shared}
          title="Latency"
          sum={slowest ? `95 % within ${duration(slowest)} at the worst` : undefined}
          shape="lines"
          format={duration}
          series={(['p50', 'p95', 'p99'] as const).map((name, n) => ({
            ...{ name: ['median', '95 %', '99 %'][n] as string, look: ['c0', 'c1', 'c3'][n] as string },
            values: points.map((point) => point[name]),
          }))}
        />
        <Chart
          {...shared}
          title="Tokens"
          sum={count(tokens)}
          shape="bars"
          format={count}
          series={[
            { name: 'in', look: 'c0', values: points.map(({ inputTokens }) => inputTokens) },
            { name: 'out', look: 'c2', values: points.map(({ outputTokens }) => outputTokens) },
          ]}
        />
        <Chart
          {...shared}
          title="Cost"
          sum={usd(cost)}
          shape="bars"
          format={usd}
          series={[{ name: 'US dollars', look: 'c1', values: points.map((point) => Math.max(point.cost, 0)) }]}
        />
        <Chart {...shared} title="Calls of models" shape="lines" format={count} series={seriesOf(models, 'model')} />
        <Chart {...shared} title="Calls of tools" shape="lines" format={count} series={seriesOf(tools, 'tool')} />
      </div>
      <div class="charts">
        <Table
          title="Models"
          named={models}
          hrefOf={(name) => linkTo({ after: from, before: to, model: name })}
          hasTokens
        />
        <Table title="Tools" named={tools} hrefOf={(name) => linkTo({ after: from, before: to, tool: name })} />
      </div>
      <details class="data">
        <summary>All points as a table, {duration(step)} each</summary>
        <table>
          <thead>
            <tr>
              {['Begun', 'Sessions', 'Failed', 'Tokens in', 'Tokens out', 'Cost', 'Median', '95 %', '99 %'].map(
                (title, n) => (
                  <th scope="col" class={n ? 'number' : ''}>
                    {title}
                  </th>
                ),
              )}
            </tr>
          </thead>
          <tbody>
            {points.map((point, n) => (
              <tr>
                <td>
                  <a href={shared.hrefs[n]}>{shared.labels[n]}</a>
                </td>
                <td class="number">{count(point.sessions)}</td>
                <td class="number">{count(point.failed)}</td>
                <td class="number">{count(point.inputTokens)}</td>
                <td class="number">{count(point.outputTokens)}</td>
                <td class="number">{usd(point.cost)}</td>
                {[point.p50, point.p95, point.p99].map((value) => (
                  <td class="number">{value === undefined ? '' : duration(value)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </Layout>
  )
}

const Table: FC<{ title: string; named: Named[]; hrefOf: (name: string) => string; hasTokens?: boolean }> = (props) => {
  const { title, named, hrefOf, hasTokens } = props
  if (!named.length) return null
  return (
    <table class="named">
      <caption>{title}</caption>
      <thead>
        <tr>
          {['Name', 'Calls', 'Failed', ...(hasTokens ? ['Tokens in', 'Tokens out', 'Cost'] : [])].map((column, n) => (
            <th scope="col" class={n ? 'number' : ''}>
              {column}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {named.slice(0, LISTED).map((of) => (
          <tr>
            <td class="what">
              <a href={hrefOf(of.name)}>
                <bdi>{plain(of.name)}</bdi>
              </a>
            </td>
            <td class="number">{count(of.calls)}</td>
            <td class="number">{of.errors ? `${count(of.errors)} (${percent(of.errors / of.calls)})` : ''}</td>
            {hasTokens && (
              <>
                <td class="number">{count(of.inputTokens)}</td>
                <td class="number">{count(of.outputTokens)}</td>
                <td class="number">{money(of.cost)}</td>
              </>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`
}

/** Whose clock is shown: this backend's. */
function zone(): string {
  return `times of ${new Intl.DateTimeFormat().resolvedOptions().timeZone}`
}
