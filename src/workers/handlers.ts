/** What a Worker's default export, or an entrypoint, may handle. */
import { instrumentEmail, instrumentTail } from './email.ts'
import { instrumentFetch } from './fetch.ts'
import type { Handle, ReadConfig } from './handler.ts'
import { instrumentQueue } from './queue.ts'
import { instrumentScheduled } from './scheduled.ts'

type Wrap = (handle: Handle<unknown>, readConfig: ReadConfig) => Handle<unknown>

/** Those that get no session are handed on. */
export const HANDLERS: Record<string, Wrap | undefined> = {
  fetch: instrumentFetch as unknown as Wrap,
  scheduled: instrumentScheduled as unknown as Wrap,
  queue: instrumentQueue as unknown as Wrap,
  email: instrumentEmail as unknown as Wrap,
  tail: instrumentTail as unknown as Wrap,
  tailStream: undefined,
  trace: undefined,
  test: undefined,
  connect: undefined,
}
