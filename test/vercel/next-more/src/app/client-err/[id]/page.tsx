'use client'
import { useParams } from 'next/navigation'

/** It throws while it is rendered on the server alone. */
export default function Page() {
  const { id } = useParams()
  if (typeof window === 'undefined') throw new RangeError('only on the server')
  return <p>{id}</p>
}
