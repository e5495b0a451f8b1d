import { tool } from 'agentops-edge'
import type { NextApiRequest, NextApiResponse } from 'next'

export const config = { api: { bodyParser: false } }

export default async function handler(request: NextApiRequest, response: NextApiResponse) {
  let size = 0
  for await (const part of request) size += part.length
  response.status(201).json(await tool('rest', async () => size))
}
