import { tool } from 'agentops-edge'
import { forbidden, notFound, redirect } from 'next/navigation'
import { Suspense } from 'react'

type Props = { params: Promise<{ kind: string }>; searchParams: Promise<Record<string, string>> }

async function Late(): Promise<string> {
  await new Promise((resolve) => setTimeout(resolve, 100))
  throw new RangeError('late cat')
}

export default async function View({ params, searchParams }: Props) {
  const { kind } = await params
  const { q } = await searchParams
  const said = await tool('search', { kind }, async () => 'cats')
  if (kind === 'throw') throw new RangeError('no such page')
  if (kind === 'redirect') redirect('/')
  if (kind === 'notfound') notFound()
  if (kind === 'forbidden') forbidden()
  if (kind === 'late')
    return (
      <Suspense fallback="…">
        <Late />
      </Suspense>
    )
  return (
    <p>
      {said} of {q}
    </p>
  )
}
