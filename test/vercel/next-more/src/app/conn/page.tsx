import { tool } from 'agentops-edge'
import { connection } from 'next/server'

export default async function Page() {
  await connection()
  return <p>{await tool('conn', async () => 'cats')}</p>
}
