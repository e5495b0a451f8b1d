/** A session's counters in the form of AgentOps' Python SDK, whose `get_analytics` returns and logs them. */
import type { HrTime } from '@opentelemetry/api'
import { hrTimeToMilliseconds } from '@opentelemetry/core'
import type { Session } from '../session/session.ts'

/** What `analyticsOf(session)` gives: the counters of AgentOps' Python SDK, by its names. */
export interface Analytics {
  'LLM calls': number
  'Tool calls': number
  Actions: number
  Errors: number
  /** As `1h 2m 3.4s`, without the parts that are 0. */
  Duration: string
  /** US dollars with six decimals, or `0.00`. */
  Cost: string
}

/** `Duration` runs to now while the session runs; `Cost` is the backend's once an AgentOps v2 session has ended. */
export function analyticsOf({ stats, root, state }: Session): Analytics {
  const { startTime, endTime } = root as { startTime?: HrTime; endTime?: HrTime }
  const until = state === 'ended' && endTime ? hrTimeToMilliseconds(endTime) : Date.now()
  const millis = Math.max(until - (startTime ? hrTimeToMilliseconds(startTime) : until), 0)
  // Rounded first: 59.96 s are 1m 0.0s.
  const tenths = Math.round(millis / 100)
  const hours = Math.floor(tenths / 36_000)
  const minutes = Math.floor(tenths / 600) % 60
  return {
    'LLM calls': stats.llms,
    'Tool calls': stats.tools,
    Actions: stats.actions,
    Errors: stats.errors,
    Duration: `${hours ? `${hours}h ` : ''}${minutes ? `${minutes}m ` : ''}${((tenths % 600) / 10).toFixed(1)}s`,
    Cost: stats.cost ? stats.cost.toFixed(6) : '0.00',
  }
}
