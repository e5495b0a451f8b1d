import { stream } from '../../probes.js'

export default defineEventHandler(() => stream())
