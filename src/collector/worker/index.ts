/**
 * The backend in a Worker, for a team: the page and ingest as one app, over D1, through a queue. See
 * `examples/backend-worker`.
 *
 * @module
 */
export { type Access, type BackendAppOptions, createBackend } from '../backend-app.ts'
export { BusyError } from '../busy.ts'
export { D1_MAX_SPAN, type D1Binding, type D1Prepared, type D1Store, d1Store, type PruneOptions } from '../d1.ts'
export type { RawSpan, ReadSpans } from '../otlp.ts'
export { fromQueue, type QueueBatch, type QueueBinding, toQueue } from '../queue.ts'
export { type TeamOptions, team } from '../team.ts'
export type { TraceStore } from '../trace-store.ts'
