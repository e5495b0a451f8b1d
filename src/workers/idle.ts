/** When the work of a session is over that nothing of the platform waits for: a Durable Object goes on behind its answer. */
import { sleep } from '../runtime/deadline.ts'
import type { Session } from '../session/session.ts'

/** How long after the last event another may begin that belongs to the same work. */
const IDLE_MS = 10

/**
 * Settles when no event runs any more, and stays so; undefined where none does now. A value that only the platform reads
 * (the very Response that is returned), or nobody, is not waited for: nothing would tell its end.
 */
export function idle({ events }: Session): Promise<void> | undefined {
  return events.isBusy() ? untilIdle(events) : undefined
}

async function untilIdle(events: Session['events']): Promise<void> {
  do {
    await new Promise<void>((resolve) => {
      events.onSettled = () => events.isBusy() || resolve()
      events.onSettled()
    })
    await sleep(IDLE_MS)
  } while (events.isBusy())
  events.onSettled = undefined
}
