import { tool } from 'agentops-edge'

export const revalidate = 1

export const generateStaticParams = async () => tool('params', async () => [{ id: '1' }])

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params
  return <p>{await tool('gen', async () => id)}</p>
}
