/** One event: what went in, what came out, what went wrong, and on demand everything that was sent of it. */
import type { Child, FC } from 'hono/jsx'
import type { Results } from '../calls.ts'
import {
  callIdOf,
  contentsOf,
  type Failure,
  failuresOf,
  type SpanSummary,
  serviceOf,
  summarize,
} from '../conventions.ts'
import { inputMessages, outputMessages } from '../messages.ts'
import type { CollectedSpan, PlainAttributes, PlainValue } from '../otlp.ts'
import { Messages } from './chat.tsx'
import { clock, count, duration, iso, money, plain } from './format.ts'
import { Text, Value } from './value.tsx'

export interface SpanProps {
  span: CollectedSpan
  /** The model's calls and the tools' results around it. */
  results: Results
  /** Of a tool: the model call that asked for it. */
  caller?: { spanId: string; label: string }
  /** `/traces/<id>`. */
  base: string
  view: string
}

export const SpanPanel: FC<SpanProps> = ({ span, results, caller, base, view }) => {
  const summary = summarize(span)
  const { attributes, status } = span
  const { input, output } = contentsOf(span)
  const failures = failuresOf(span)
  // Of what has neither contents nor failures, its attributes are all that there is to read.
  const isBare = summary.type !== 'model' && input === undefined && output === undefined && !failures.length
  const isChat = summary.type === 'model' && <Messages span={span} results={results} base={base} />
  return (
    <section class={`panel t-${summary.type}`} aria-label="Event">
      <header>
        <p class="kind">
          <span class="type" aria-hidden="true" />
          {summary.type}
          {status.code === 2 && <span class="state s-Fail"> failed</span>}
        </p>
        <h2>
          <bdi>{plain(summary.label)}</bdi>
        </h2>
        <Facts span={span} summary={summary} />
        {caller && (
          <p>
            Asked for by <a href={`${base}?view=${view}&span=${caller.spanId}`}>{plain(caller.label)}</a>
          </p>
        )}
      </header>
      {failures.map((failure) => (
        <Fault failure={failure} />
      ))}
      {isChat}
      {!isChat && <Part title="In" value={input} />}
      {!isChat && <Part title="Out" value={output} />}
      {isChat && !inputMessages(attributes).length && !outputMessages(attributes).length && input === undefined && (
        <p class="muted">No contents were recorded: they are off unless the option `captureContent` is on.</p>
      )}
      {span.links.length > 0 && (
        <Fold title={`Links (${span.links.length})`}>
          <ul>
            {span.links.slice(0, 100).map(({ traceId, spanId }) => (
              <li>
                <a href={`/traces/${encodeURIComponent(traceId)}?span=${encodeURIComponent(spanId)}`}>
                  <code>{plain(`${traceId} / ${spanId}`)}</code>
                </a>
              </li>
            ))}
          </ul>
        </Fold>
      )}
      {span.events.length > 0 && (
        <Fold title={`Span events (${span.events.length})`}>
          {span.events.slice(0, 100).map(({ name, time, attributes: of }) => (
            <div>
              <p>
                <bdi>{plain(name)}</bdi> <span class="muted">+{duration(Number((time - span.start) / 1000n))}</span>
              </p>
              <Attributes attributes={of} />
            </div>
          ))}
        </Fold>
      )}
      <Fold title={`Attributes (${Object.keys(attributes).length})`} open={isBare && !!Object.keys(attributes).length}>
        <Attributes attributes={attributes} />
      </Fold>
      <Fold title="Resource and scope">
        <p>
          <bdi>{plain(`${span.scope.name || 'no scope'} ${span.scope.version ?? ''}`)}</bdi>
        </p>
        <Attributes attributes={span.resource} />
      </Fold>
      <p class="raw">
        <code>{span.spanId}</code> <a href={`${base}/spans/${span.spanId}/otlp.json`}>Raw OTLP</a>
      </p>
    </section>
  )
}

const Facts: FC<{ span: CollectedSpan; summary: SpanSummary }> = ({ span, summary }) => {
  const { inputTokens, outputTokens, cost } = summary
  const start = Number(span.start / 1000n)
  const facts: [string, Child][] = [
    ['Started', <time datetime={iso(start)}>{clock(start)}</time>],
    ['Took', duration(Number((span.end - span.start) / 1000n))],
  ]
  const service = serviceOf(span)
  if (service) facts.push(['Service', <bdi>{plain(service)}</bdi>])
  if (summary.model && summary.type !== 'model') facts.push(['Model', <bdi>{plain(summary.model)}</bdi>])
  if (inputTokens !== undefined || outputTokens !== undefined) {
    facts.push(['Tokens', `${count(inputTokens ?? 0)} in, ${count(outputTokens ?? 0)} out`])
  }
  if (cost) facts.push(['Cost', money(cost)])
  const id = summary.type === 'tool' ? callIdOf(span.attributes) : undefined
  if (id) facts.push(['Call', <code>{plain(id)}</code>])
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

const Fault: FC<{ failure: Failure }> = ({ failure }) => (
  <div class="failure" role="note">
    {failure.type && <strong>{plain(failure.type)}</strong>}
    <Text text={failure.message ?? 'failed'} />
    {failure.stack && (
      <details>
        <summary>Stack</summary>
        <Text text={failure.stack} />
      </details>
    )}
  </div>
)

const Part: FC<{ title: string; value: PlainValue | undefined }> = ({ title, value }) =>
  value === undefined || value === null || value === '' ? null : (
    <div class="part">
      <h3>{title}</h3>
      <Value value={value} open />
    </div>
  )

const Fold: FC<{ title: string; open?: boolean; children?: Child }> = ({ title, open, children }) => (
  <details class="fold-part" open={open}>
    <summary>{title}</summary>
    {children}
  </details>
)

const Attributes: FC<{ attributes: PlainAttributes }> = ({ attributes }) => (
  <dl class="attributes">
    {Object.entries(attributes)
      .slice(0, 500)
      .map(([name, value]) => (
        <>
          <dt>
            <bdi>{plain(name)}</bdi>
          </dt>
          <dd>
            <Value value={value} />
          </dd>
        </>
      ))}
  </dl>
)
