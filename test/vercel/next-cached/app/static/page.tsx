import { tool } from 'agentops-edge'

async function find() {
  'use cache'
  return tool('once', async () => 'cats')
}

export default async function Static() {
  return <p>{await find()}</p>
}
