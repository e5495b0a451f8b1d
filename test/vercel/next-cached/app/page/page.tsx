import { tool } from 'agentops-edge'
import { cookies } from 'next/headers'
import { Suspense } from 'react'

async function Dynamic() {
  await cookies()
  return <p>{await tool('search', async () => 'cats')}</p>
}

/** A shell that is made when it is built, and a part of each request's. */
export default function Page() {
  return (
    <Suspense fallback="…">
      <Dynamic />
    </Suspense>
  )
}
