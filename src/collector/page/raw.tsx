/** A session's spans as they came. */
import type { FC } from 'hono/jsx'
import type { RawSpan } from '../otlp.ts'
import { plain } from './format.ts'

/** Spans of the view. */
export const MAX_RAW = 200
/** Characters of one. */
const MAX_TEXT = 20_000

export const RawView: FC<{ raw: RawSpan[]; spans: number; base: string }> = ({ raw, spans, base }) => (
  <>
    <p>
      <a href={`${base}/otlp.json`} download={`${base.split('/').at(-1)}.json`}>
        Download as OTLP
      </a>
      {spans > MAX_RAW && <span class="muted"> The first {MAX_RAW} spans:</span>}
    </p>
    {raw.map((span) => {
      const text = JSON.stringify(span, null, 2)
      return (
        <details class="json raw-span">
          <summary>{plain(`${span.span.name ?? ''} ${span.span.spanId}`)}</summary>
          <pre class="text">{plain(text.slice(0, MAX_TEXT))}</pre>
          {text.length > MAX_TEXT && <p class="muted">All of it is in the download.</p>}
        </details>
      )
    })}
  </>
)
