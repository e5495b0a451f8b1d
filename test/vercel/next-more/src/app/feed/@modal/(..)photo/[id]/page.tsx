import { tool } from 'agentops-edge'

export default async function Page({ params }: { params: Promise<Record<string, string>> }) {
  return <p>{await tool('modal', await params, async () => 'cats')}</p>
}
