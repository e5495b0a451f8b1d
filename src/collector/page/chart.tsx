/**
 * A chart over time, drawn here as SVG by d3's scales and shapes: no script has to run for it, and the policy stays as it
 * is. What there is at a point is a link to the sessions behind it; the arrows go from one to the next.
 */
import { scaleLinear, scaleTime } from 'd3-scale'
import { line } from 'd3-shape'
import type { FC } from 'hono/jsx'
import { plain, tick } from './format.ts'

export interface Series {
  name: string
  /** A class of the style sheet, for its colour. */
  look: string
  /** Of each point; undefined: there is none. */
  values: (number | undefined)[]
  /** Where a point leads to, where it is not where all of its time do. */
  hrefOf?: (n: number) => string
}

export interface ChartProps {
  title: string
  /** In a few words, what it comes to. */
  sum?: string
  /** Beginnings of the points, and the end of the last, microseconds since the Unix epoch. */
  times: number[]
  series: Series[]
  /** Bars stand on each other, from the first on; lines do not. */
  shape: 'bars' | 'lines'
  format: (value: number) => string
  /** The sessions behind a point. */
  hrefs: string[]
  /** What is said of a point's time. */
  labels: string[]
}

const [WIDTH, HEIGHT] = [560, 170]
const [LEFT, RIGHT, TOP, BOTTOM] = [64, 18, 10, 22]

export const Chart: FC<ChartProps> = ({ title, sum, times, series, shape, format, hrefs, labels }) => {
  const count = times.length - 1
  const x = scaleTime([(times[0] ?? 0) / 1000, (times[count] ?? 0) / 1000], [LEFT, WIDTH - RIGHT])
  const at = (n: number): number => x((times[n] ?? 0) / 1000)
  const middle = (n: number): number => (at(n) + at(n + 1)) / 2
  const valuesAt = (n: number): number[] => series.map(({ values }) => values[n] ?? 0)
  const tops = Array.from({ length: count }, (_, n) =>
    shape === 'bars' ? valuesAt(n).reduce((a, b) => a + b, 0) : Math.max(0, ...valuesAt(n)),
  )
  const most = Math.max(0, ...tops)
  const y = scaleLinear([0, most || 1], [HEIGHT - BOTTOM, TOP]).nice(4)
  const said = (n: number): string =>
    `${labels[n]}: ${series
      .filter(({ values }) => values[n] !== undefined)
      .map(({ name, values }) => `${plain(name)} ${format(values[n] as number) || '0'}`)
      .join(', ')}`
  const links = tops.flatMap((top, n) => (top > 0 ? [n] : []))
  const first = links.at(-1)
  return (
    <figure class="chart">
      <figcaption>
        <h2>{title}</h2>
        {sum && <span class="sum">{sum}</span>}
        <span class="legend">
          {series.map(({ name, look }) => (
            <span class={look}>
              <i aria-hidden="true" />
              <bdi>{plain(name).slice(0, 60)}</bdi>
            </span>
          ))}
        </span>
      </figcaption>
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is none of SVG's elements. */}
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="group"
        aria-label={`${title} over time; arrow keys go from point to point`}
      >
        <g class="axis">
          {(most ? y.ticks(4) : [0]).map((value) => (
            <>
              <line x1={LEFT} x2={WIDTH - RIGHT} y1={y(value)} y2={y(value)} />
              <text x={LEFT - 8} y={y(value) + 4} text-anchor="end">
                {tick(format(value)) || '0'}
              </text>
            </>
          ))}
          {x.ticks(6).map((time) => (
            <text x={x(time)} y={HEIGHT - 5} text-anchor="middle">
              {tickOf(time)}
            </text>
          ))}
        </g>
        {!most && (
          <text class="none" x={(WIDTH + LEFT) / 2} y={HEIGHT / 2} text-anchor="middle">
            nothing in this time
          </text>
        )}
        {links.map((n) => (
          <a class="point" href={hrefs[n]} aria-label={said(n)} tabindex={n === first ? 0 : -1}>
            <rect
              class="column"
              x={at(n)}
              y={TOP}
              width={Math.max(at(n + 1) - at(n), 0)}
              height={HEIGHT - TOP - BOTTOM}
            />
            {shape === 'bars' && <Bars series={series} n={n} x={at(n)} width={at(n + 1) - at(n)} y={y} />}
          </a>
        ))}
        {shape === 'lines' &&
          series.map(({ values, look, name, hrefOf: own }) => (
            <g class={look}>
              <path
                class="line"
                d={
                  line<number | undefined>()
                    .defined((value) => value !== undefined)
                    .x((_, n) => middle(n))
                    .y((value) => y(value ?? 0))(values) ?? undefined
                }
              />
              {values.map((value, n) =>
                value === undefined || (own && !value) ? null : own ? (
                  <a
                    class="point"
                    href={own(n)}
                    aria-label={`${labels[n]}: ${plain(name)} ${format(value)}`}
                    tabindex={-1}
                  >
                    <circle class="dot" cx={middle(n)} cy={y(value)} r={3.5} />
                  </a>
                ) : values[n - 1] === undefined && values[n + 1] === undefined ? (
                  <circle class="dot" cx={middle(n)} cy={y(value)} r={3} />
                ) : null,
              )}
            </g>
          ))}
      </svg>
      <output class="said" aria-hidden="true" />
    </figure>
  )
}

/** A day where one begins, else the time. */
function tickOf(time: Date): string {
  const pad = (value: number): string => String(value).padStart(2, '0')
  const isDay = time.getHours() + time.getMinutes() === 0
  return isDay ? time.toDateString().slice(4, 10) : `${pad(time.getHours())}:${pad(time.getMinutes())}`
}

const Bars: FC<{ series: Series[]; n: number; x: number; width: number; y: (value: number) => number }> = (props) => {
  const { series, n, x, width, y } = props
  const gap = Math.min(width / 6, 3)
  let below = 0
  return (
    <>
      {series.map(({ values, look }) => {
        const value = values[n] ?? 0
        const [bottom, top] = [y(below), y(below + value)]
        below += value
        return (
          value > 0 && (
            <rect class={look} x={x + gap} y={top} width={width - 2 * gap} height={Math.max(bottom - top, 1)} />
          )
        )
      })}
    </>
  )
}
