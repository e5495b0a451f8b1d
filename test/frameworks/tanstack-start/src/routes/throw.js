import { createFileRoute } from '@tanstack/react-router'

export const Route = createFileRoute('/throw')({
  server: {
    handlers: {
      GET: () => {
        throw new RangeError('no such cat')
      },
    },
  },
})
