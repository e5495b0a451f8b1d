/** Texts that no span of a session shows: the key of a model's call, what a provider quoted in an error. */
import type { AttributeValue } from '@opentelemetry/api'

/** More, or shorter ones, are not worth the search. */
const MAX_TEXTS = 32
const MIN_CHARS = 8
const MARK = '[hidden]'

export class Hidden {
  /** The longest first: one may be part of another. */
  texts: readonly string[] = []

  add(text: unknown): void {
    let form = typeof text === 'string' ? text : ''
    // As it is, and as JSON has it, once and twice: an error's message may be JSON, and so is `event.data`.
    for (let level = 0; level < 3; level++, form = JSON.stringify(form).slice(1, -1)) {
      if (form.length < MIN_CHARS || this.texts.length >= MAX_TEXTS || this.texts.includes(form)) continue
      this.texts = [...this.texts, form].sort((a, b) => b.length - a.length)
    }
  }

  /** `value` without them. */
  from(value: AttributeValue): AttributeValue {
    const hide = (text: unknown): unknown =>
      typeof text === 'string' ? this.texts.reduce((shown, secret) => shown.replaceAll(secret, MARK), text) : text
    return (Array.isArray(value) ? value.map(hide) : hide(value)) as AttributeValue
  }
}
