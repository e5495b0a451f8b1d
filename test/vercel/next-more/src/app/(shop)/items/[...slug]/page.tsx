import { tool } from 'agentops-edge'

export default async function Page({ params }: { params: Promise<Record<string, string>> }) {
  return <p>{await tool('items', await params, async () => 'cats')}</p>
}
