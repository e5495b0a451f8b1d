import { stream } from '../../probes.js'

export const GET = () => stream()
