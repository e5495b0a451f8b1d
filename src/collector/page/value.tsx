/** Any value, JSON folded, within bounds: a value of a span may be as large and as deep as its sender likes. */
import type { FC } from 'hono/jsx'
import type { PlainValue } from '../otlp.ts'
import { count, plain } from './format.ts'

const MAX_TEXT = 20_000
const MAX_ITEMS = 200
const MAX_DEPTH = 8
/** Unfolded where it is no longer, in characters of JSON. */
const SHORT = 400
/** On one line, in the same. */
const ONE_LINE = 110

export const Text: FC<{ text: string; class?: string }> = ({ text, class: name = '' }) => (
  <>
    <pre class={`text ${name}`} dir="auto">
      {plain(text.slice(0, MAX_TEXT))}
    </pre>
    {text.length > MAX_TEXT && (
      <p class="muted">{count(text.length - MAX_TEXT)} more characters; all of it is in the raw span.</p>
    )}
  </>
)

/** `open`: unfolded, however long. Else a short one is one line. */
export const Value: FC<{ value: PlainValue; open?: boolean }> = ({ value, open }) =>
  typeof value === 'string' ? (
    <Text text={value} />
  ) : !open && isWithin(value, ONE_LINE) ? (
    <Line value={value} />
  ) : (
    <Json value={value} depth={0} open={open} />
  )

const Line: FC<{ value: PlainValue }> = ({ value }) => (
  <code>{plain(JSON.stringify(value, null, 1).replace(/\n\s*/g, ' '))}</code>
)

const Json: FC<{ value: PlainValue; depth: number; open?: boolean }> = ({ value, depth, open }) => {
  if (value === null || typeof value !== 'object') return <Plain value={value} />
  const entries: [string, PlainValue][] = Array.isArray(value)
    ? value.slice(0, MAX_ITEMS).map((item, i) => [`${i}`, item])
    : Object.entries(value).slice(0, MAX_ITEMS)
  const size = Array.isArray(value) ? value.length : Object.keys(value).length
  if (size === 0) return <span class="json">{Array.isArray(value) ? '[ ]' : '{ }'}</span>
  if (depth > 0 && isWithin(value, ONE_LINE)) return <Line value={value} />
  if (depth >= MAX_DEPTH) return <span class="json">{plain(JSON.stringify(value).slice(0, SHORT))}</span>
  const isShort = open ?? (depth < 3 && isWithin(value, SHORT))
  return (
    <details class="json" open={isShort}>
      <summary>
        {Array.isArray(value)
          ? `[ ${size} ]`
          : `{ ${entries
              .slice(0, 4)
              .map(([name]) => plain(name).slice(0, 24))
              .join(', ')}${size > 4 ? ', …' : ''} }`}
      </summary>
      <dl>
        {entries.map(([name, item]) => (
          <>
            <dt>
              <bdi>{plain(name)}</bdi>
            </dt>
            <dd>
              <Json value={item} depth={depth + 1} />
            </dd>
          </>
        ))}
      </dl>
      {size > MAX_ITEMS && <p class="muted">{count(size - MAX_ITEMS)} more</p>}
    </details>
  )
}

const Plain: FC<{ value: string | number | boolean | null }> = ({ value }) =>
  typeof value === 'string' ? (
    /\n/.test(value) || value.length > 160 ? (
      <Text text={value} />
    ) : (
      <bdi class="v-string">{plain(value)}</bdi>
    )
  ) : (
    <span class={`v-${typeof value}`}>{`${value}`}</span>
  )

/** Whether its JSON is short, without writing all of a long one. */
function isWithin(value: PlainValue, left: number): boolean {
  let budget = left
  const spend = (item: PlainValue): boolean => {
    if (typeof item === 'string') budget -= item.length + 2
    else if (item === null || typeof item !== 'object') budget -= 5
    else {
      for (const [name, inner] of Object.entries(item)) {
        budget -= name.length + 4
        if (budget < 0 || !spend(inner)) return false
      }
    }
    return budget >= 0
  }
  return spend(value)
}
