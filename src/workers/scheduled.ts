/** A Worker's `scheduled`: a session a run of a cron trigger. */
import * as key from '../runtime/semconv.ts'
import { type Handle, instrumentHandler, type ReadConfig } from './handler.ts'
import type { ScheduledLike } from './trigger.ts'

export function instrumentScheduled(handle: Handle<ScheduledLike>, readConfig: ReadConfig): Handle<ScheduledLike> {
  return instrumentHandler(handle, readConfig, (controller) => {
    const time = new Date(controller.scheduledTime)
    const rootAttributes = {
      [key.FAAS_TRIGGER]: 'timer',
      [key.FAAS_CRON]: controller.cron,
      [key.FAAS_TIME]: Number.isNaN(+time) ? undefined : time.toISOString(),
    }
    return { trigger: { kind: 'scheduled', controller }, init: { name: 'scheduled', rootAttributes } }
  })
}
