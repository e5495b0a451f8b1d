/** What clients call: by name over a WebSocket, with a message, with a request; and what comes later. */
import { tool } from 'agentops-edge'
import type { RpcContext } from 'agentops-edge/workers'
import { Agent, type Connection, callable, type StreamingResponse, type WSMessage } from 'agents'
import { type Env, weatherIn } from './weather.ts'

export class DeskAgent extends Agent<Env> {
  /** Also called by the Worker, which hands its trace on. */
  @callable()
  async forecast(city: string, _caller?: RpcContext): Promise<string> {
    return weatherIn(city)
  }

  @callable({ streaming: true })
  async forecasts(stream: StreamingResponse, cities: string[]): Promise<void> {
    for (const city of cities) stream.send(await weatherIn(city))
    stream.end(`${cities.length} cities`)
  }

  /** In a second, and once more as soon as the desk has time. */
  @callable()
  async remind(city: string): Promise<void> {
    await this.schedule(1, 'report', city)
    await this.queue('note', city)
  }

  async report(city: string): Promise<void> {
    this.broadcast(`report: ${await weatherIn(city)}`)
  }

  async note(city: string): Promise<void> {
    await tool('note', { city }, () => this.broadcast(`noted: ${city}`))
  }

  override async onMessage(connection: Connection, message: WSMessage): Promise<void> {
    connection.send(await weatherIn(String(message)))
  }

  override async onRequest(request: Request): Promise<Response> {
    return new Response(await weatherIn(await request.text()))
  }
}
