/** What a response says about the session of its request: the same for every adapter. */
import * as key from '../runtime/semconv.ts'
import type { Session } from '../session/session.ts'

export function recordStatus({ root }: Session, status: number): void {
  root.setAttributes({
    [key.HTTP_STATUS]: status,
    [key.ERROR_TYPE]: status < 500 ? undefined : String(status),
  })
}

/** The session fails by a status of 500 and above, or because its client left, unless more has been said already. */
export function judgeByStatus(session: Session, status: number, left = false): void {
  session.answeredAfterMs = session.durationMs
  if (status >= 500) session.conclude('Fail', `the response's status was ${status}`)
  else if (left) session.conclude('Fail', 'the client left')
}
