import { tool } from 'agentops-edge'
import type { NextApiRequest, NextApiResponse } from 'next'

export default async function handler(request: NextApiRequest, response: NextApiResponse) {
  if (request.query.how === 'moved') return response.redirect(302, '/photo/1?token=secret-out')
  if (request.query.how === 'draft') return response.setDraftMode({ enable: true }).json({})
  for (const n of [0, 1, 2]) {
    await tool(`part ${n}`, () => new Promise((resolve) => setTimeout(resolve, 50)))
    response.write(`${n}`)
  }
  response.end()
}
