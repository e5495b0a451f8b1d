/** What sessions have left behind in an isolate, when its process ends. */
import type { Leaving } from '../runtime/leaving.ts'
import { isEmpty, isolate, lose } from './outbox.ts'

export const leftBehind: Leaving = {
  send(ms) {
    const outboxes = [...isolate().outboxes.values()]
    return Promise.all(outboxes.map((outbox) => !isEmpty(outbox) && outbox.collect?.(ms)))
  },
  lose() {
    for (const outbox of isolate().outboxes.values()) {
      for (const parcel of [...outbox.orphans, ...outbox.aside]) {
        if (parcel.isOrphan) lose(outbox, parcel, parcel.left, parcel.reason, parcel.report.error)
      }
    }
  },
}
