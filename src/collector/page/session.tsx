/** A session: its head, what it was asked and answered, and its events in the view that was chosen. */
import type { Child, FC } from 'hono/jsx'
import type { SessionRow } from '../trace-store.ts'
import { clock, count, duration, iso, money, plain, plural } from './format.ts'
import { Layout } from './layout.tsx'
import { eventsOf, State, Tags } from './list.tsx'

export const VIEWS = ['waterfall', 'tree', 'chat', 'raw'] as const
export type View = (typeof VIEWS)[number]

export interface SessionProps {
  session: SessionRow
  view: View
  /** What the first model call was asked, and what the last one said. */
  question?: string
  answer?: string
  /** Sessions of its conversation, itself included. */
  conversation: number
  panel?: Child
  children?: Child
}

export const SessionPage: FC<SessionProps> = ({ session, view, question, answer, conversation, panel, children }) => {
  const { traceId, name, state, reason } = session
  const tokens = session.inputTokens + session.outputTokens
  return (
    <Layout title={plain(name)} live={traceId}>
      <div id="live">
        <div class="head">
          <State row={session} />
          <h1>
            <bdi>{plain(name)}</bdi>
          </h1>
          <Tags tags={session.tags} />
        </div>
        {reason && state !== 'Success' && <p class={`why s-${state}`}>{plain(reason)}</p>}
        <dl class="facts wide">
          <Fact name="Started">
            <time datetime={iso(session.start)}>{clock(session.start)}</time>
          </Fact>
          <Fact name="Took">{duration(session.duration)}</Fact>
          <Fact name="Events">{count(eventsOf(session))}</Fact>
          {session.modelCalls > 0 && <Fact name="Model calls">{count(session.modelCalls)}</Fact>}
          {session.toolCalls > 0 && <Fact name="Tools">{count(session.toolCalls)}</Fact>}
          {tokens > 0 && (
            <Fact name="Tokens">
              {count(session.inputTokens)} in, {count(session.outputTokens)} out
            </Fact>
          )}
          {session.cost > 0 && <Fact name="Cost">{money(session.cost)}</Fact>}
          {session.models.length > 0 && <Fact name="Model">{plain(session.models.join(', '))}</Fact>}
          {session.service && <Fact name="Service">{plain(session.service)}</Fact>}
          {conversation > 1 && (
            <Fact name="Conversation">
              <a href={`/conversations/${encodeURIComponent(session.sessionId)}`}>{plural(conversation, 'session')}</a>
            </Fact>
          )}
          <Fact name="Trace">
            <code>{traceId}</code>{' '}
            <button type="button" class="quiet copy" data-copy={traceId} aria-label="Copy the trace id">
              Copy
            </button>
          </Fact>
        </dl>
        {(question || answer) && (
          <div class="story">
            {question && <Said who="Asked" text={question} />}
            {answer && <Said who="Answered" text={answer} />}
          </div>
        )}
        <nav class="tabs" aria-label="Views">
          {VIEWS.map((name, i) => (
            <a
              href={`/traces/${traceId}?view=${name}`}
              aria-current={name === view ? 'page' : undefined}
              data-key={i + 1}
            >
              {name === 'raw' ? 'Raw' : `${name[0]?.toUpperCase()}${name.slice(1)}`}
            </a>
          ))}
        </nav>
        <div class={panel ? 'split' : 'whole'}>
          <div class="left">{children}</div>
          {panel && (
            <div class="right" id="panel" aria-live="polite">
              {panel}
            </div>
          )}
        </div>
      </div>
    </Layout>
  )
}

const Said: FC<{ who: string; text: string }> = ({ who, text }) => (
  <div>
    <p class="who">{who}</p>
    <p dir="auto">{plain(text)}</p>
  </div>
)

const Fact: FC<{ name: string; children?: Child }> = ({ name, children }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
)
