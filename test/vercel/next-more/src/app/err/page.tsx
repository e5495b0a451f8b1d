import { tool } from 'agentops-edge'

export const dynamic = 'force-dynamic'

export default async function Page() {
  await tool('before', async () => 1)
  throw new RangeError('the page broke')
}
