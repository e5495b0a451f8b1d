import { tool } from 'agentops-edge'

export const loader = async ({ params }) => ({ said: await tool('search', async () => `cats of ${params.id}`) })

export default function Item({ loaderData }) {
  return <p>{loaderData.said}</p>
}
