import { tool } from 'agentops-edge'

export default async function Page({ params }: { params: Promise<Record<string, string>> }) {
  return <p>{await tool('lay', await params, async () => 'cats')}</p>
}
