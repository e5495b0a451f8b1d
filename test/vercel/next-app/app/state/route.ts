import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

export const dynamic = 'force-dynamic'

/** What requests, and edits, must not add to. */
export const GET = async () => {
  setFlagsFromString('--expose-gc')
  const gc: () => void = runInNewContext('gc')
  for (let n = 0; n < 3; n++) {
    gc()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const events = ['SIGTERM', 'SIGINT', 'beforeExit', 'exit', 'uncaughtException', 'unhandledRejection', 'warning']
  return Response.json({
    heap: process.memoryUsage().heapUsed,
    listeners: Object.fromEntries(events.map((event) => [event, process.listenerCount(event)])),
  })
}
