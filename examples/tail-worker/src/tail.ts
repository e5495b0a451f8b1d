/** The Tail Worker: told of each invocation when it is over, it sends what that could not. */
import { drainTail } from 'agentops-edge/spool'

const worker: ExportedHandler<object> = {
  async tail(events, env) {
    // The same options and variables as the Worker's: they name the destinations.
    await drainTail(events, {}, env)
  },
}

export default worker
