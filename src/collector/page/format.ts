/** Values as a person reads them, with nothing in them that turns a line around. Pure. */

/** Microseconds. */
export function duration(micros: number): string {
  const ms = micros / 1000
  if (ms < 1) return ms === 0 ? '0 ms' : `${ms.toFixed(2)} ms`
  if (ms < 10) return `${ms.toFixed(1)} ms`
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 60) return `${minutes} min ${String(Math.floor((ms % 60_000) / 1000)).padStart(2, '0')} s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${String(minutes % 60).padStart(2, '0')} min` : `${Math.floor(hours / 24)} days`
}

/** What `duration` or `money` wrote, as short as an axis has room for: `1:20 min`, `$0.60`. */
export function tick(text: string): string {
  return text.replace(/^(\d+) (min|h) (\d\d) \w+$/, '$1:$3 $2').replace(/^(\$\d+\.\d\d\d*?)0+$/, '$1')
}

/** `14:03:22`, with the date where it was another day. Microseconds since the Unix epoch. */
export function clock(micros: number, now: Date = new Date()): string {
  const time = new Date(micros / 1000)
  if (Number.isNaN(time.getTime())) return '?'
  const pad = (value: number): string => String(value).padStart(2, '0')
  const ofDay = `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}`
  const isToday = time.toDateString() === now.toDateString()
  return isToday ? ofDay : `${time.getFullYear()}-${pad(time.getMonth() + 1)}-${pad(time.getDate())} ${ofDay}`
}

export function iso(micros: number): string {
  const time = new Date(micros / 1000)
  return Number.isNaN(time.getTime()) ? '' : time.toISOString()
}

/** Made when first needed, and kept: one costs as much as a row of a table. */
let whole: Intl.NumberFormat | undefined
let compact: Intl.NumberFormat | undefined

/** `12.3k`. */
export function count(value: number): string {
  if (value < 10_000) {
    whole ??= new Intl.NumberFormat('en-US')
    return whole.format(value)
  }
  compact ??= new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 })
  return compact.format(value)
}

/** US dollars. */
export function money(value: number): string {
  if (value === 0) return ''
  return `$${value < 0.01 ? value.toFixed(6).replace(/0+$/, '') : value.toFixed(value < 1 ? 4 : 2)}`
}

export function plural(value: number, one: string, many: string = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

/** Control, bidi and separator characters, which a browser obeys, as their numbers. Line ends and tabs stay. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu, (character) =>
    /[\n\r\t]/.test(character)
      ? character
      : `⟨U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`,
  )
}
