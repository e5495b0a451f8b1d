import { tool } from 'agentops-edge'
import type { NextApiRequest, NextApiResponse } from 'next'

export default async function handler(_request: NextApiRequest, response: NextApiResponse) {
  await tool('drop', () => response.revalidate('/again/1'))
  response.json({ done: true })
}
