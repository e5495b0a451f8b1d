/**
 * A plugin of the build: leaves `util.inspect` out of the bundled SDK. Node's console prints the SDK's own classes nicer
 * by it; here it would be half a kilobyte in every user's bundle.
 */
import type { Rolldown } from 'tsdown'

const SDK = /\/@opentelemetry\/sdk-trace\/dist\/[^/]+\.mjs$/
/** The SDK's name of `Symbol.for('nodejs.util.inspect.custom')`. */
const METHOD = 'inspectCustom'

export function withoutInspection(): Rolldown.Plugin {
  return {
    name: 'without-inspection',
    transform: {
      filter: { id: SDK },
      handler(code) {
        let kept = code
        for (const { start, end } of methodsIn(this.parse(code)).reverse())
          kept = kept.slice(0, start) + kept.slice(end)
        return kept
      },
    },
  }
}

interface Node {
  type: string
  start: number
  end: number
  computed?: boolean
  key?: { name?: string }
}

/** The methods `[inspectCustom]() {}` of a module's classes, in order. */
function methodsIn(tree: unknown): Node[] {
  if (typeof tree !== 'object' || !tree) return []
  const { type, computed, key } = tree as Node
  if (type === 'MethodDefinition' && computed && key?.name === METHOD) return [tree as Node]
  return Object.values(tree).flatMap((child) => (Array.isArray(child) ? child.flatMap(methodsIn) : methodsIn(child)))
}
