/**
 * ClickHouse as the store of a backend: in Node by `startBackend({ store })`, in a Worker by `createBackend`.
 *
 * @module
 */
export { BusyError } from '../busy.ts'
export { type ClickHouseOptions, clickhouseStore } from '../clickhouse.ts'
export type { TraceStore } from '../trace-store.ts'
