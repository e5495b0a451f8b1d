import { tool } from 'agentops-edge'

export const revalidate = 1

export default async function Isr() {
  return <p>{await tool('render', async () => 'rendered')}</p>
}
