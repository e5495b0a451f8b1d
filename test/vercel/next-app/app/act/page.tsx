import { ask } from './actions'

export default async function Act({ searchParams }: { searchParams: Promise<object> }) {
  await searchParams
  return (
    <form action={ask}>
      <button type="submit">ask</button>
    </form>
  )
}
