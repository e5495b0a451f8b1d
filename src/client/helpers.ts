/**
 * The helpers that agents' code imports. They act on the current session; where there is none they run the user's
 * function all the same and record nothing, which is said once in an isolate.
 */
import type { Agent } from '../events/attributes.ts'
import {
  ActionEvent,
  type AgentEvent,
  LLMEvent,
  type LLMEventInit,
  type PlainEvent,
  ToolEvent,
} from '../events/event.ts'
import { BUILDING, serverEnvironment } from '../lifetime/platform.ts'
import { warn } from '../runtime/diag.ts'
import { currentSession } from '../session/current.ts'
import type { Session } from '../session/session.ts'
import type { EndState } from '../session/view.ts'

type Params<E, T> = [fn: (event: E) => T] | [params: unknown, fn: (event: E) => T]

function sessionFor(helper: string): Session | undefined {
  return (
    currentSession() ??
    // Next.js renders pages when it builds: nobody has asked for them.
    (serverEnvironment()?.NEXT_PHASE === BUILDING
      ? undefined
      : warn(
          `${helper}: called outside any session, so nothing is recorded. Call it inside a request that is traced, or inside withSession()`,
          'outside any session',
        ))
  )
}

/** The wrappers' function is their last argument. */
function workOf<E, T>(args: readonly unknown[]): (event: E) => T {
  return args[args.length - 1] as (event: E) => T
}

/** Records an event on the current session. */
export function record(event: AgentEvent | PlainEvent): void {
  sessionFor('record')?.record(event)
}

/** Runs `fn` as an action of the current session; its value and its error pass unchanged. */
export function action<T>(name: string, ...args: Params<ActionEvent, T>): T {
  const session = sessionFor('action')
  return session ? session.action(name, ...(args as [unknown, never])) : workOf<ActionEvent, T>(args)(new ActionEvent())
}

/** Runs `fn` as a tool call of the current session; its value and its error pass unchanged. */
export function tool<T>(name: string, ...args: Params<ToolEvent, T>): T {
  const session = sessionFor('tool')
  return session ? session.tool(name, ...(args as [unknown, never])) : workOf<ToolEvent, T>(args)(new ToolEvent())
}

/** Runs `fn` as a model call of the current session; `fn` fills in the event that it is handed. */
export function llm<T>(
  model: string,
  ...args: [fn: (event: LLMEvent) => T] | [init: LLMEventInit, fn: (event: LLMEvent) => T]
): T {
  const session = sessionFor('llm')
  return session
    ? session.llm(model, ...(args as [LLMEventInit, (event: LLMEvent) => T]))
    : workOf<LLMEvent, T>(args)(new LLMEvent())
}

/** Runs `fn` as an agent of the current session: the events inside carry its id and name. */
export function agent<T>(name: string, fn: (agent: Agent) => T): T {
  const session = sessionFor('agent')
  return session ? session.agent(name, fn) : fn({ id: '', name })
}

/**
 * Adds tags to the current session, each of up to 256 characters; what is there already stays. Outside a session it
 * does nothing.
 */
export function addTags(tags: string | readonly string[]): void {
  sessionFor('addTags')?.addTags(tags)
}

/** Names the conversation of the current session, up to 256 characters, where only the handler knows it (else: `sessionId`). */
export function setConversation(id: string): void {
  sessionFor('setConversation')?.setConversation(id)
}

/** Names whom the current session serves, up to 256 characters: `user.id` of its spans. */
export function setUser(id: string): void {
  sessionFor('setUser')?.setUser(id)
}

/** What the current session ends with. */
export function setEndState(state: EndState, reason?: string): void {
  sessionFor('setEndState')?.setEndState(state, reason)
}
