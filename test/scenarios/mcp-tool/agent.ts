/** The tool is an MCP server's. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { type Agent, ask } from '../desk.ts'

export const agent: Agent = async (desk) => {
  const messages = [{ role: 'user' as const, content: 'Find a page on cats.' }]
  await ask(desk, messages, ['search'])
  const client = new Client({ name: 'desk', version: '1' })
  await client.connect(new StreamableHTTPClientTransport(new URL(`${desk.base}/mcp`)))
  const { content } = await client.callTool({ name: 'search', arguments: { q: 'cats' } })
  await client.close()
  await ask(desk, [...messages, { role: 'user', content: JSON.stringify(content) }])
}
