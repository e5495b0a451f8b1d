import { tool } from 'agentops-edge'
import type { NextApiRequest, NextApiResponse } from 'next'

export default async function handler(request: NextApiRequest, response: NextApiResponse) {
  const { id } = request.query
  const said = await tool('search', { id }, async () => 'cats')
  if (id === 'throw') throw new RangeError('no such row')
  response.json({ said })
}
