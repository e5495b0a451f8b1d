import { createFileRoute } from '@tanstack/react-router'
import { createServerFn } from '@tanstack/react-start'
import { tool } from 'agentops-edge'

const find = createServerFn()
  .validator((id) => id)
  .handler(({ data }) => tool('search', async () => `cats of ${data}`))

export const Route = createFileRoute('/items/$id')({
  loader: ({ params }) => find({ data: params.id }),
  component: function Item() {
    return <p>{Route.useLoaderData()}</p>
  },
})
