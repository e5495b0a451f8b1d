import { tool } from 'agentops-edge'

export const dynamic = 'force-dynamic'

export default async function Page() {
  return <p>{await tool('dash', async () => 'cats')}</p>
}
