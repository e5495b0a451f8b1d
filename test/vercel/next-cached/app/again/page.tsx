import { tool } from 'agentops-edge'
import { cacheLife } from 'next/cache'

async function find() {
  'use cache'
  cacheLife({ stale: 300, revalidate: 1, expire: 3600 })
  return tool('again', async () => 'cats')
}

/** Outside a cache, in what is rendered for all. */
export default async function Again() {
  return (
    <p>
      {await find()} {await tool('around', async () => 'cats')}
    </p>
  )
}
