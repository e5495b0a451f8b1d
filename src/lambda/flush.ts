/** Delivery by hand, for those who wrap no handler. */
import { MARGIN_MS } from '../lifetime/invocation.ts'
import type { FlushReport } from '../outbox/report.ts'
import { guard } from '../runtime/diag.ts'
import { currentSession } from '../session/current.ts'
import type { Session } from '../session/session.ts'
import type { LambdaContextLike } from './types.ts'

/**
 * Sends a session, for those who wrap no handler; to be awaited before the handler returns. Default: the current session.
 * `context`: the invocation's, whose time it keeps to; with it, the session ends here, so that all of it goes in one
 * request, and `session.end()` behind it costs nothing more: say the end state before. Without it, and while an event of
 * the session still runs, what has finished is sent. Never rejects.
 *
 * ```ts
 * const session = agentops.startSession()
 * try { return await work() } finally { await flushSession(session, context) }
 * ```
 */
export async function flushSession(
  session: Session | undefined = currentSession(),
  context?: Pick<LambdaContextLike, 'getRemainingTimeInMillis'>,
): Promise<FlushReport> {
  const nothing: FlushReport = { sent: 0, dropped: 0, spooled: 0, pending: 0 }
  if (!session) return { ...nothing, error: 'no session is active here' }
  guard('the remaining time', () => {
    if (context) session.endBy(Date.now() + context.getRemainingTimeInMillis() - MARGIN_MS)
  })
  return context && !session.events.isBusy() ? session.end() : session.flush()
}
