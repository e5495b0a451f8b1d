/**
 * An agent of Cloudflare's Agents SDK that takes reminders. A request, a WebSocket message and a reminder that is due
 * are a session each, all of one conversation: the agent's name.
 */

import { llm, tool } from 'agentops-edge'
import { instrument, instrumentDurableObject } from 'agentops-edge/workers'
import { Agent, type Connection, routeAgentRequest, type WSMessage } from 'agents'

interface Env {
  Reminder: DurableObjectNamespace
}

interface State {
  reminders: string[]
}

class ReminderAgent extends Agent<Env, State> {
  override initialState: State = { reminders: [] }

  /** `POST /agents/reminder/<name>` with the text to be reminded of. */
  override async onRequest(request: Request): Promise<Response> {
    return new Response(await this.answer(await request.text()))
  }

  override async onMessage(connection: Connection, message: WSMessage): Promise<void> {
    connection.send(await this.answer(String(message)))
  }

  /** Called by the SDK when a reminder is due. */
  async remind(text: string): Promise<void> {
    await tool('remind', { text }, () => this.broadcast(`reminder: ${text}`))
  }

  private async answer(text: string): Promise<string> {
    await tool('schedule', { text }, () => this.schedule(1, 'remind', text))
    this.setState({ reminders: [...this.state.reminders, text] })
    return llm('reminder-model', { prompt: text }, async (event) => {
      // Call your model here.
      event.promptTokens = 8
      event.completionTokens = 4
      return `I will remind you: ${text}`
    })
  }
}

export const Reminder: typeof ReminderAgent = instrumentDurableObject(ReminderAgent, (_env, trigger) => ({
  name: 'target' in trigger ? `reminder.${trigger.method}` : 'reminder',
  sessionId: 'target' in trigger ? (trigger.target as ReminderAgent).name : undefined,
}))

const worker: ExportedHandler<Env> = instrument<ExportedHandler<Env>>({
  async fetch(request, env) {
    return (await routeAgentRequest(request, env)) ?? new Response('POST /agents/reminder/<name>', { status: 404 })
  },
})

export default worker
