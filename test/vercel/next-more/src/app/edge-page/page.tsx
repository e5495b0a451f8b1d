import { tool } from 'agentops-edge'

export const runtime = 'edge'

export default async function Page({ searchParams }: { searchParams: Promise<{ q?: string }> }) {
  const { q } = await searchParams
  if (q === 'throw') throw new RangeError('the edge page broke')
  return <p>{await tool('edge', async () => 'cats')}</p>
}
