/**
 * Cloudflare's Agents SDK: the agent of a session, named by its class, and what the SDK says on its diagnostics channels as
 * actions of the session that is running. Nothing of the SDK is imported.
 */
import { debug, guard } from '../runtime/diag.ts'
import { builtinModule } from '../runtime/platform.ts'
import { activeContext } from '../runtime/scope.ts'
import * as key from '../runtime/semconv.ts'
import { currentSession } from '../session/current.ts'
import type { AgentsInstrumentation, InstrumentedSession } from '../session/instruments.ts'
import { CALLER } from './around.ts'
import { action, agent, close, open } from './framework.ts'

/** What the SDK publishes. */
interface Published {
  type?: unknown
  agent?: unknown
  name?: unknown
  payload?: Readonly<Record<string, unknown>>
}

interface Channels {
  subscribe?(name: string, listen: (message: unknown) => void): void
}

const INSTRUMENTS: AgentsInstrumentation = { instruments: 'cloudflareAgents', enter }
const SUBSCRIBED = Symbol.for('agentops-edge.cloudflare-agents.1')
const CHANNELS =
  'state rpc message chat transcript fiber task stream agent_tool schedule lifecycle workflow mcp email channel'
/** Of what is published: ids, names, kinds and counts. Anything else may be content. */
const LISTED =
  /(^i|[a-z]I|_i)d$|Name$|^(method|callback|streaming|approved|attempts?|maxAttempts|status|stage|kind|action)$/

/**
 * Makes the agents of Cloudflare's Agents SDK, wrapped by `instrumentDurableObject`, agents of their sessions: by their
 * class, with the instance's name as the conversation; a session of a `@callable` method has its name; schedules, queues,
 * workflows, approvals, sub-agents, MCP and errors are actions.
 *
 * ```ts
 * export const Desk = instrumentDurableObject(DeskAgent, { instrumentations: { cloudflareAgents: cloudflareAgents() } })
 * ```
 */
export function cloudflareAgents(): AgentsInstrumentation {
  guard('cloudflareAgents', subscribe)
  return INSTRUMENTS
}

function subscribe(): void {
  const globals = globalThis as { [SUBSCRIBED]?: true }
  if (globals[SUBSCRIBED]) return
  const channels = builtinModule<Channels>('node:diagnostics_channel')
  if (!channels?.subscribe) {
    debug('cloudflareAgents: no node:diagnostics_channel here, so actions are not seen. Add the flag "nodejs_compat"')
    return
  }
  for (const name of CHANNELS.split(' ')) {
    channels.subscribe(`agents:${name}`, (message) => void guard('an event of the Agents SDK', () => record(message)))
  }
  Object.defineProperty(globals, SUBSCRIBED, { value: true })
}

function enter(
  session: InstrumentedSession,
  object: object,
  className: string,
): ReturnType<AgentsInstrumentation['enter']> {
  // Any other Durable Object is no agent of the SDK's.
  if (!('getCallableMethods' in object) && !('setState' in object)) return undefined
  // It is not there before the SDK has been told.
  const conversation = guard('the name of an agent', () => (object as { name?: unknown }).name)
  const run = open(session, agent(className), { conversation })
  // What its code has begun may go on behind its answer; it lasts as long as its session.
  session.closing.add(() => close(run))
  Object.assign(session.events.running(run.span) ?? {}, { progress: () => 'native' })
  // Whatever models are called inside, they are of this conversation.
  return run.context.setValue(CALLER, { attributes: { [key.CONVERSATION_ID]: run.span.attributes[key.CONVERSATION] } })
}

function record(message: unknown): void {
  const { type, agent: its, name, payload } = Object(message) as Published
  const session = currentSession()
  if (!session?.config.instrumentations.cloudflareAgents || session.state === 'ended' || typeof type !== 'string')
    return
  const { method, error } = Object(payload) as { method?: unknown; error?: unknown }
  const { captureContent } = session.config
  const said = captureContent && typeof error === 'string' ? error : undefined
  if (type.startsWith('rpc') && typeof method === 'string') {
    // It came as a message like any other.
    if (session.name.endsWith('.webSocketMessage')) {
      session.rename(
        session.name.replace(/webSocketMessage$/, () => method),
        { [key.RPC_METHOD]: method },
      )
    }
    if (error !== undefined) session.conclude('Fail', said ?? `${method} has failed`)
    return
  }
  const event = action(type)
  const entries = Object.entries(payload ?? {}).filter(([of, value]) => {
    return captureContent || (LISTED.test(of) && Object(value) !== value)
  })
  if (entries.length) event.params = Object.fromEntries(entries)
  const conversation = its === undefined ? undefined : name
  const failure = error !== undefined || /[:_](error|failed)$/.test(type)
  close(open(session, event, { outer: activeContext(), conversation }), {
    error: failure ? Object.assign(new Error(said ?? type), { name: type }) : undefined,
  })
}
