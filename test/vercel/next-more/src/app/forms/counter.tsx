'use client'
import { useActionState } from 'react'
import { count } from './actions'

export function Counter() {
  const [value, act] = useActionState(count, 1)
  return (
    <form action={act} id="count">
      <input name="by" defaultValue="2" />
      <output>{value}</output>
    </form>
  )
}
