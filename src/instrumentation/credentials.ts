/** The credentials that a request carries, in its headers and its address: what an error may quote. */

/** By the last word of a header's or a parameter's name; keys and tokens that only name a place in a list are none. */
const NAME = /(auth\w*|authorization|cookie|credentials?|jwt|passw(or)?d|pass|secret|sig(nature)?|key|token)$/i
const PLACE = /(cache|continuation|idempotency|next|page|partition|primary|public|sort)[-_.]?(key|token)$/i
/** Of an address, be it a URL or not: the password, and the parameters. */
const PASSWORD = /\/\/[^/?#@]*:([^/?#@]*)@/
const PARAMETERS = /[?&#]([^=&#]+)=([^&#]*)/g

/** `headers`: as `fetch` takes them, a second time, too. */
export function credentialsOf(address: string, headers: object = {}): string[] {
  const named = Symbol.iterator in headers ? [...(headers as Iterable<[unknown, unknown]>)] : Object.entries(headers)
  const found = [...named, ...[...address.matchAll(PARAMETERS)].map(([, name, value]) => [name, value] as const)]
    .filter(([name]) => NAME.test(`${name}`) && !PLACE.test(`${name}`))
    .map(([, value]) => `${value}`)
  const [, password] = PASSWORD.exec(address) ?? []
  return [...found, password].flatMap((value) => (value ? [value, decoded(value)] : []))
}

/** What is encoded in it: by a URL, or the password of `Basic`. */
function decoded(value: string): string {
  try {
    const [, basic] = /^basic +(\S+)$/i.exec(value) ?? []
    return basic ? atob(basic).replace(/^[^:]*:/, '') : decodeURIComponent(value)
  } catch {
    return ''
  }
}
