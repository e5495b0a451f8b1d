/** What is seen of a session that is printed or put into JSON: never its configuration, which holds keys. */
import type { Extra } from '../outbox/extras.ts'
import { Hidden } from '../runtime/hidden.ts'
import type { SessionConfig } from './config.ts'

export abstract class Printed {
  abstract readonly id: string
  readonly #config: SessionConfig
  /** @internal For instrumentations: what no span of this session shows. */
  readonly hidden: Hidden
  /** @internal What only some destinations want. */
  readonly extras: Set<Extra> = new Set()

  static {
    // What Node, Deno, Bun and workerd ask an object that they print.
    Object.defineProperty(Printed.prototype, Symbol.for('nodejs.util.inspect.custom'), {
      value(this: Printed) {
        return `Session ${this.id}`
      },
    })
  }

  constructor(config: SessionConfig) {
    this.#config = config
    this.hidden = new Hidden(config.hidden)
  }

  /** @internal */
  get config(): SessionConfig {
    return this.#config
  }

  /** Its id, also where it stands among the values of an event. */
  toJSON(): string {
    return this.id
  }
}
