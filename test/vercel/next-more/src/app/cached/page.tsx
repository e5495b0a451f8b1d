import { tool } from 'agentops-edge'
import { unstable_cache } from 'next/cache'

export const dynamic = 'force-dynamic'

const find = unstable_cache(async () => tool('find', async () => 'cats'), ['find'], { tags: ['cats'], revalidate: 1 })

export default async function Page() {
  return <p>{await find()}</p>
}
