import { tool } from 'agentops-edge'
import type { Metadata } from 'next'

type Props = { params: Promise<{ id: string }> }

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { id } = await params
  if (id === 'throw') throw new RangeError('no such title')
  return { title: await tool('title', async () => `cat ${id}`) }
}

export default async function Page({ params }: Props) {
  await params
  return <p>{await tool('body', async () => 'cats')}</p>
}
