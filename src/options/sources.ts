/** Where a setting is said: the options, then the environment of the platform, then the process's. */
import { guard } from '../runtime/diag.ts'
import { isWorkers } from '../runtime/platform.ts'
import type { Environment } from './options.ts'

/** Where a complaint goes. */
export type Say = (message: string) => void

export interface Sources {
  /** An option, or a variable (in capitals). */
  read(source: string): unknown
  /** A variable of the form `key=value,key2=value2`. */
  pairs(name: string): Record<string, string>
}

/** `isNested`: the options are an entry of `exporters`, which has no variables. */
export function sourcesOf(options: Record<string, unknown>, env: Environment, isNested: boolean, say: Say): Sources {
  // A Worker's environment has all of it, and a first look at `process` costs 8 ms of CPU there.
  const isWhole = isWorkers() && Object.keys(Object(env)).length > 0
  /** An option, or a variable (in capitals), of which an entry of `exporters` has none; Cloudflare's may be no text. */
  const read = (source: string): unknown =>
    // Deno refuses each variable by itself: one missing permission is one cause.
    guard(source < 'a' ? 'a variable' : source, () => {
      if (source >= 'a') return options[source]
      const { process } = (isWhole ? {} : globalThis) as { process?: { env?: Environment } }
      const value = isNested ? undefined : (env?.[source] ?? process?.env?.[source])
      return typeof value === 'string' ? value.trim() : value
    })

  /** `key=value,key2=value2`, percent-encoded (OpenTelemetry's environment); a pair that is none is left out alone. */
  const pairs = (name: string): Record<string, string> => {
    const found: Record<string, string> = {}
    for (const pair of `${read(name) ?? ''}`.match(/[^\s,][^,]*/g) ?? []) {
      try {
        const [, key, value] = /^([^=\s]+)\s*=(.*)$/.exec(pair) as unknown as [string, string, string]
        found[decodeURIComponent(key)] = decodeURIComponent(value.trim())
      } catch {
        // Not shown: it may hold a secret.
        say(`${name}: expected percent-encoded key=value pairs; any other is left out`)
      }
    }
    return found
  }

  return { read, pairs }
}
