/** A session's spans as rows: over time, or with what came out of each. */
import type { FC } from 'hono/jsx'
import type { SpanRow } from '../trace-store.ts'
import { count, duration, plain, tick } from './format.ts'
import type { TreeRow } from './order.ts'

/** Rows of one page: what a browser scrolls through without effort. */
export const MAX_ROWS = 1000
/** Bars of the minimap. */
const MAX_MAPPED = 400
/** Steps of indentation. */
const MAX_DEPTH = 16
/** The width of all bars, in units of their own. */
export const WIDTH = 10_000

export interface RowsProps {
  rows: TreeRow[]
  /** Microseconds since the Unix epoch. */
  start: number
  /** Microseconds. */
  length: number
  selected?: string
  /** The session's own: a span is marked where another service takes over. */
  service?: string
  /** `/traces/<id>`. */
  base: string
  view: 'waterfall' | 'tree'
}

export const Rows: FC<RowsProps> = (props) => {
  const { rows, start, length, view } = props
  const services = new Map(rows.map(({ span }) => [span.spanId, span.service]))
  return (
    <table class={`spans ${view}`}>
      <thead>
        <tr>
          <th scope="col">Event</th>
          {view === 'waterfall' ? (
            <th scope="col" class="axis">
              <Axis start={start} length={length} />
            </th>
          ) : (
            <th scope="col">What came of it</th>
          )}
          <th scope="col" class="number">
            Time
          </th>
          <th scope="col" class="number">
            Tokens
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Row row={row} caller={services.get(`${row.span.parentId}`) ?? props.service} {...props} />
        ))}
      </tbody>
    </table>
  )
}

const Row: FC<{ row: TreeRow; caller?: string } & RowsProps> = (props) => {
  const { row, caller, start, length, selected, base, view } = props
  const { span, depth, children, isOrphan } = row
  const { spanId, type, label, note, status, service, incomplete } = span
  const isSelected = spanId === selected
  const tokens = (span.inputTokens ?? 0) + (span.outputTokens ?? 0)
  return (
    <tr
      id={`s${spanId}`}
      data-depth={depth}
      data-span={spanId}
      class={`t-${type}${status === 2 ? ' failed' : ''}${isSelected ? ' selected' : ''}`}
    >
      <td class="name">
        <span class={`indent d${Math.min(depth, MAX_DEPTH)}`}>
          {children > 0 ? (
            <button type="button" class="fold" aria-expanded="true" aria-label={`Fold ${plain(label)}`} tabindex={-1} />
          ) : (
            <span class="leaf" />
          )}
          <span class="type" title={type} aria-hidden="true" />
          {service && service !== caller && (
            <span class="service">
              <bdi>{plain(service)}</bdi>
            </span>
          )}
          <a
            class="row-link"
            href={`${base}?view=${view}&span=${spanId}`}
            aria-current={isSelected ? 'true' : undefined}
            title={plain(span.name)}
          >
            <bdi>{plain(label)}</bdi>
          </a>
          <span class="hidden">
            {type}
            {status === 2 ? ', failed' : ''}
          </span>
          {incomplete && <span class="flag">not ended</span>}
          {isOrphan && depth === 0 && type !== 'session' && <span class="flag">parent elsewhere</span>}
        </span>
      </td>
      {view === 'waterfall' ? (
        <td class="bar-cell">
          <Bar span={span} start={start} length={length} />
        </td>
      ) : (
        <td class="note">
          <bdi>{note ? plain(note) : ''}</bdi>
        </td>
      )}
      <td class="number">{duration(span.duration)}</td>
      <td class="number">{tokens ? count(tokens) : ''}</td>
    </tr>
  )
}

const Bar: FC<{ span: SpanRow; start: number; length: number }> = ({ span, start, length }) => {
  const x = scale(span.start - start, length)
  const width = Math.max(scale(span.duration, length), 30)
  return (
    <svg class="track" viewBox={`0 0 ${WIDTH} 10`} preserveAspectRatio="none" aria-hidden="true">
      <rect x={Math.min(x, WIDTH - 30)} y="1" width={width} height="8" rx="0" />
    </svg>
  )
}

/** The whole session in small, with the part that is shown. */
export const Minimap: FC<{ rows: TreeRow[]; start: number; length: number }> = ({ rows, start, length }) => {
  // Of many some, from all of its time, and what failed.
  const nth = Math.ceil(rows.length / MAX_MAPPED)
  const shown = rows.filter(({ span }, n) => n % nth === 0 || span.status === 2).slice(0, 2 * MAX_MAPPED)
  const deepest = rows.reduce((most, { depth }) => Math.max(most, Math.min(depth, MAX_DEPTH)), 1) + 1
  return (
    <div class="minimap" aria-hidden="true">
      <svg viewBox={`0 0 ${WIDTH} ${deepest * 10}`} preserveAspectRatio="none" aria-hidden="true">
        {shown.map(({ span, depth }) => (
          <rect
            class={`t-${span.type}${span.status === 2 ? ' failed' : ''}`}
            x={scale(span.start - start, length)}
            y={Math.min(depth, MAX_DEPTH) * 10 + 1}
            width={Math.max(scale(span.duration, length), 20)}
            height="8"
          />
        ))}
      </svg>
      <svg class="window" viewBox={`0 0 ${WIDTH} 10`} preserveAspectRatio="none" aria-hidden="true">
        <rect x="0" y="0" width={WIDTH} height="10" />
      </svg>
    </div>
  )
}

const Axis: FC<{ start: number; length: number }> = ({ length }) => (
  <span class="ticks" data-length={length}>
    {[0, 1, 2, 3, 4].map((n) => (
      <span>{tick(duration((length / 4) * n))}</span>
    ))}
  </span>
)

function scale(value: number, length: number): number {
  return Math.round(Math.min(Math.max((value / (length || 1)) * WIDTH, 0), WIDTH))
}
