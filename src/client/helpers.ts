/**
 * The helpers that agents' code imports. They act on the current session; where there is none they run the user's
 * function all the same, record nothing, and say nothing: library code may call them outside any request.
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
import { currentSession } from '../session/current.ts'
import type { EndState } from '../session/view.ts'

type Params<E, T> = [fn: (event: E) => T] | [params: unknown, fn: (event: E) => T]

/** The wrappers' function is their last argument. */
function workOf<E, T>(args: readonly unknown[]): (event: E) => T {
  return args[args.length - 1] as (event: E) => T
}

/** Records an event on the current session. */
export function record(event: AgentEvent | PlainEvent): void {
  currentSession()?.record(event)
}

/** Runs `fn` as an action of the current session; its value and its error pass unchanged. */
export function action<T>(name: string, ...args: Params<ActionEvent, T>): T {
  const session = currentSession()
  return session ? session.action(name, ...(args as [unknown, never])) : workOf<ActionEvent, T>(args)(new ActionEvent())
}

/** Runs `fn` as a tool call of the current session; its value and its error pass unchanged. */
export function tool<T>(name: string, ...args: Params<ToolEvent, T>): T {
  const session = currentSession()
  return session ? session.tool(name, ...(args as [unknown, never])) : workOf<ToolEvent, T>(args)(new ToolEvent())
}

/** Runs `fn` as a model call of the current session; `fn` fills in the event that it is handed. */
export function llm<T>(
  model: string,
  ...args: [fn: (event: LLMEvent) => T] | [init: LLMEventInit, fn: (event: LLMEvent) => T]
): T {
  const session = currentSession()
  return session
    ? session.llm(model, ...(args as [LLMEventInit, (event: LLMEvent) => T]))
    : workOf<LLMEvent, T>(args)(new LLMEvent())
}

/** Runs `fn` as an agent of the current session: the events inside carry its id and name. */
export function agent<T>(name: string, fn: (agent: Agent) => T): T {
  const session = currentSession()
  return session ? session.agent(name, fn) : fn({ id: '', name })
}

export function addTags(tags: string | readonly string[]): void {
  currentSession()?.addTags(tags)
}

/** What the current session ends with. */
export function setEndState(state: EndState, reason?: string): void {
  currentSession()?.setEndState(state, reason)
}
