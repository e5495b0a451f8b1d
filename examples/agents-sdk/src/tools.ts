/** The same tool for agents of others, over MCP. */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { McpAgent } from 'agents/mcp'
import { z } from 'zod'
import { type Env, weatherIn } from './weather.ts'

export class WeatherServer extends McpAgent<Env> {
  server = new McpServer({ name: 'weather', version: '1.0.0' })

  async init(): Promise<void> {
    const inputSchema = { city: z.string() }
    this.server.registerTool(
      'get_weather',
      { description: 'The weather in a city', inputSchema },
      async ({ city }) => ({
        content: [{ type: 'text', text: await weatherIn(city) }],
      }),
    )
  }
}
