import { tool } from 'agentops-edge'

export const HEAD = async () => {
  await tool('head', async () => 1)
  return new Response(null, { headers: { 'x-head': 'own' } })
}
export const GET = async () => new Response('got')
export const OPTIONS = async () =>
  new Response(null, { status: 204, headers: { allow: 'GET, HEAD, OPTIONS', 'x-own': '1' } })
