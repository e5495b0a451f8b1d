/** The sessions of one `session.id`, as one thread. */
import type { FC } from 'hono/jsx'
import type { CollectedSpan } from '../otlp.ts'
import type { SessionRow } from '../trace-store.ts'
import { Thread } from './chat.tsx'
import { clock, count, duration, iso, money, plain, plural } from './format.ts'
import { Layout } from './layout.tsx'
import { State } from './list.tsx'

/** Sessions of one page. */
export const MAX_TURNS = 100

export interface ConversationProps {
  id: string
  turns: { session: SessionRow; spans: CollectedSpan[] }[]
}

export const ConversationPage: FC<ConversationProps> = ({ id, turns }) => {
  const sum = (of: (session: SessionRow) => number): number =>
    turns.reduce((total, { session }) => total + of(session), 0)
  // Each request repeats the conversation before it.
  const seen = new Map<string, number>()
  const tokens = sum(({ inputTokens, outputTokens }) => inputTokens + outputTokens)
  const cost = sum((session) => session.cost)
  return (
    <Layout title={`Conversation ${plain(id)}`} live="sessions">
      <div class="head">
        <h1>Conversation</h1>
        <code>{plain(id)}</code>
      </div>
      <p class="muted" id="total">
        {plural(turns.length, 'session')}, {count(tokens)} tokens{cost > 0 && `, ${money(cost)}`}
      </p>
      <div id="live" class="conversation">
        {turns.map(({ session, spans }) => (
          <section class="turn" aria-label={plain(session.name)}>
            <header>
              <State row={session} />
              <a class="row-link" href={`/traces/${session.traceId}`}>
                <bdi>{plain(session.name)}</bdi>
              </a>
              <span class="muted">
                <time datetime={iso(session.start)}>{clock(session.start)}</time> · {duration(session.duration)}
              </span>
            </header>
            {session.reason && session.state !== 'Success' && (
              <p class={`why s-${session.state}`}>{plain(session.reason)}</p>
            )}
            <Thread spans={spans} base={`/traces/${session.traceId}`} seen={seen} brief />
          </section>
        ))}
      </div>
    </Layout>
  )
}
