/** The last look at what a span says: whatever is encoded later has passed through here. */
import type { Attributes, AttributeValue } from '@opentelemetry/api'
import { warn } from '../runtime/diag.ts'
import type { ReadableSpan } from '../runtime/sdk.ts'

/** Gives the value to send, or undefined to leave it out. */
export type Redact = (key: string, value: AttributeValue) => AttributeValue | undefined

/** What takes the place of a value when `redact` throws: the value itself might be what must not be shown. */
const FAILED = '[redact failed]'

const KINDS: readonly string[] = ['string', 'number', 'boolean']

/** A value as it may be sent; undefined where it is to be left out. */
export function redacted<Value extends AttributeValue>(redact: Redact, key: string, value: Value): Value | undefined {
  let result: unknown
  try {
    result = redact(key, value)
    if (typeof result === 'object' && result instanceof Promise) {
      result.catch(() => {})
      throw new TypeError('async')
    }
  } catch {
    // The error is not shown: it may say the value.
    warn(`redact threw, or gave a promise, for ${key}; the value is replaced`, 'redact')
    result = FAILED
  }
  const isValue = KINDS.includes(typeof result) || Array.isArray(result)
  return isValue ? (result as Value) : undefined
}

/** A text that is left out is empty where something has to stand. */
export function redactedText(redact: Redact | undefined, key: string, text: string): string {
  return redact ? `${redacted(redact, key, text) ?? ''}` : text
}

export function redactAll(redact: Redact, attributes: Attributes | undefined): void {
  for (const key in attributes) {
    const value = attributes[key]
    const shown = value === undefined ? value : redacted(redact, key, value)
    if (shown === undefined) delete attributes[key]
    else if (shown !== value) attributes[key] = shown
  }
}

/** Attributes of the span, its events and links; its name, its status and its events' names. */
export function redactSpan(redact: Redact, span: ReadableSpan & { updateName(name: string): unknown }): void {
  redactAll(redact, span.attributes)
  for (const event of span.events) {
    redactAll(redact, event.attributes)
    event.name = redactedText(redact, 'event.name', event.name)
  }
  for (const { attributes } of span.links) redactAll(redact, attributes)
  const name = redactedText(redact, 'name', span.name)
  if (name !== span.name) span.updateName(name)
  const { status } = span
  if (status.message) status.message = redactedText(redact, 'status.message', status.message)
}
