import { createFileRoute } from '@tanstack/react-router'
import { stream } from '../../probes.js'

export const Route = createFileRoute('/stream')({ server: { handlers: { GET: () => stream() } } })
