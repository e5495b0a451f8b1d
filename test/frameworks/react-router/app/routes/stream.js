import { stream } from '../../probes.js'

export const loader = () => stream()
