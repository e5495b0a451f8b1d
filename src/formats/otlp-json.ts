/** The built-in format: OTLP/HTTP as JSON. */
import { concat } from '../runtime/bytes.ts'
import { encoded, fromBytes, toBytes } from '../transport/json.ts'
import type { Format } from './format.ts'
import { otlp, tooMany } from './otlp.ts'
import { otlpText } from './otlp-text.ts'

/** As `otlpText` writes it: no space, and nothing beside `resourceSpans`. */
const HEAD = '{"resourceSpans":['
const TAIL = ']}'

interface ScopeSpans {
  spans: object[]
}
interface ResourceSpans {
  scopeSpans: ScopeSpans[]
}
interface Piece {
  resource: ResourceSpans
  scope: ScopeSpans
  span: object
}

/** OTLP/HTTP as JSON, as the option `format`: the default. */
export const otlpJson: Format = /* @__PURE__ */ otlp('otlp-json', {
  type: 'application/json',
  encode: (spans) => encoded(otlpText(spans)),
  answer: fromBytes,

  join(bodies) {
    const [head, comma, tail] = [HEAD, ',', TAIL].map(encoded) as Uint8Array[]
    const inner = bodies.flatMap((body) => [comma, body.subarray(HEAD.length, -TAIL.length)]).slice(1)
    return concat([head, ...inner, tail] as Uint8Array[])
  },

  split(body, most = Number.POSITIVE_INFINITY) {
    const pieces: Piece[] = []
    for (const resource of fromBytes<{ resourceSpans: ResourceSpans[] }>(body).resourceSpans) {
      for (const scope of resource.scopeSpans) {
        if (pieces.length + scope.spans.length > most) throw tooMany(most)
        for (const span of scope.spans) pieces.push({ resource, scope, span })
      }
    }
    return pieces
  },

  merge(pieces) {
    const resourceSpans: ResourceSpans[] = []
    let last: Partial<Piece> = {}
    let into: object[] = []
    for (const piece of pieces as Piece[]) {
      const { resource, scope, span } = piece
      if (resource !== last.resource) resourceSpans.push({ ...resource, scopeSpans: [] })
      if (scope !== last.scope) {
        into = []
        resourceSpans.at(-1)?.scopeSpans.push({ ...scope, spans: into })
      }
      into.push(span)
      last = piece
    }
    return toBytes({ resourceSpans })
  },
})
