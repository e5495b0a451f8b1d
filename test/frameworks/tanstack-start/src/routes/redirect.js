import { createFileRoute } from '@tanstack/react-router'

const GET = () => new Response(null, { status: 307, headers: { location: '/items/1' } })

export const Route = createFileRoute('/redirect')({ server: { handlers: { GET } } })
