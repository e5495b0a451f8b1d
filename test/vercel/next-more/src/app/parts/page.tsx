import { tool } from 'agentops-edge'
import { Suspense } from 'react'

export const dynamic = 'force-dynamic'

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function Part({ n }: { n: number }) {
  return <p>{await tool(`part ${n}`, async () => sleep(n * 150).then(() => n))}</p>
}

export default function Page() {
  return (
    <div>
      {[1, 2, 3].map((n) => (
        <Suspense key={n} fallback="…">
          <Part n={n} />
        </Suspense>
      ))}
    </div>
  )
}
