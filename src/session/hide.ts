/** Takes out of a span what nothing shows, wherever it stands in it. */
import type { AttributeValue } from '@opentelemetry/api'
import type { Hidden } from '../runtime/hidden.ts'
import type { SdkSpan } from '../runtime/sdk.ts'
import { isListed } from './conceal.ts'
import { redactSpan } from './redact.ts'

/** `isWord`: a name, a kind or an id, which a provider may have said as well: it loses credentials alone. */
export function shown<Value extends AttributeValue>(value: Value, hidden: Hidden, isWord = false): Value {
  if (Array.isArray(value)) return value.map((part) => shown(part, hidden, isWord)) as Value
  if (typeof value !== 'string') return value
  const text = hidden.from(value, isWord)
  return (isWord ? text : (hidden.quotes?.from(text) ?? text)) as Value
}

export function hide(span: SdkSpan, hidden: Hidden): void {
  redactSpan((name, value) => shown(value, hidden, name === 'name' || isListed(name)), span)
}
