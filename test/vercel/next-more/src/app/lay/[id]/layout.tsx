import { tool } from 'agentops-edge'
import { notFound } from 'next/navigation'
import type { ReactNode } from 'react'

export default async function Layout({ children, params }: { children: ReactNode; params: Promise<{ id: string }> }) {
  const { id } = await params
  await tool('guard', async () => id)
  if (id === 'gone') notFound()
  return <div>{children}</div>
}
