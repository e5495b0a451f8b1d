import { tool } from 'agentops-edge'

export default async function NotFound() {
  return <p>{await tool('nothing', async () => 'nothing here')}</p>
}
