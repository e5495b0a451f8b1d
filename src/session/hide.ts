/** Takes out of a span what nothing shows, wherever it stands in it. */
import type { AttributeValue } from '@opentelemetry/api'
import type { Hidden } from '../runtime/hidden.ts'
import type { SdkSpan } from '../runtime/sdk.ts'
import { isListed, judge } from './conceal.ts'
import { redactSpan } from './redact.ts'

/** Who a URL names with a password, wherever it stands. */
const PASSWORD = /(?<=:\/\/)[^/@?#\s:"]*:[^/@?#\s",\\]*@/g

/** `isName`: it may be made of the same words as a secret. */
export function shown<Value extends AttributeValue>(value: Value, hidden: Hidden, isName = false): Value {
  if (Array.isArray(value)) return value.map((part) => shown(part, hidden, isName)) as Value
  if (typeof value !== 'string') return value
  const unhidden = hidden.from(value, isName)
  const text = hidden.quotes?.from(unhidden) ?? unhidden
  // The pattern alone would look behind each character.
  return (text.includes('@') && text.includes('://') ? text.replace(PASSWORD, '') : text) as Value
}

export function hide(span: SdkSpan, hidden: Hidden): void {
  const { hasWords } = hidden
  redactSpan((name, value) => {
    const isText = typeof value === 'string' || typeof value === 'object'
    if (!isText || judge(name).isFixed) return value
    return shown(value, hidden, hasWords && (name === 'name' || isListed(name)))
  }, span)
}
