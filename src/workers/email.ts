/**
 * A Worker's `email` and `tail`: a session each. Addresses, subjects and the log lines of other Workers are never
 * recorded: they are somebody's own.
 */
import * as key from '../runtime/semconv.ts'
import { type Handle, instrumentHandler, type ReadConfig } from './handler.ts'
import type { EmailLike } from './trigger.ts'

export function instrumentEmail(handle: Handle<EmailLike>, readConfig: ReadConfig): Handle<EmailLike> {
  return instrumentHandler(handle, readConfig, (message) => ({
    trigger: { kind: 'email', message },
    init: {
      name: 'email',
      rootAttributes: { [key.FAAS_TRIGGER]: 'other', [key.EMAIL_SIZE]: message.rawSize },
    },
  }))
}

export function instrumentTail(handle: Handle<readonly unknown[]>, readConfig: ReadConfig): Handle<readonly unknown[]> {
  return instrumentHandler(handle, readConfig, (events) => ({
    trigger: { kind: 'tail', events },
    init: {
      name: 'tail',
      rootAttributes: { [key.FAAS_TRIGGER]: 'other', [key.TAIL_ITEMS]: events.length },
    },
  }))
}
