/**
 * A plugin of the build: leaves out of the bundled SDK what nothing here reaches, a kilobyte in every user's bundle: how
 * Node's console prints its classes, the sampler of a provider that is given none, metrics about itself.
 */
import type { Rolldown } from 'tsdown'

const SDK = /\/@opentelemetry\/sdk-trace\/dist\/([^/]+)\.mjs$/
/** Methods: the SDK's name of `Symbol.for('nodejs.util.inspect.custom')`, and what the session's provider overrides. */
const METHODS: readonly RegExp[] = [/^\[inspectCustom\]/, /^forceFlush\(options\)/]
/** By module, what stands there and what takes its place. */
const REPLACED: Readonly<Record<string, readonly (readonly [code: RegExp, by: string])[]>> = {
  TracerProvider: [
    [/(options\.sampler) \?\? new ParentBasedSampler\([^)]*\)[^)]*\)/, '$1'],
    [/(options\.meterProvider) \?\? \{ getMeter\(\) \{[^}]*\} \}/, '$1'],
  ],
  Tracer: [
    [/const meter = .*;\s*this\._tracerMetrics = new TracerMetrics\(meter\);/, ''],
    [/const recordEndMetrics = .*;/, 'const recordEndMetrics = undefined;'],
  ],
}

export function withoutUnused(): Rolldown.Plugin {
  return {
    name: 'without-unused',
    transform: {
      filter: { id: SDK },
      handler(code, id) {
        let kept = code
        for (const { start, end } of methodsIn(this.parse(code)).reverse()) {
          if (METHODS.some((method) => method.test(code.slice(start)))) kept = kept.slice(0, start) + kept.slice(end)
        }
        for (const [pattern, by] of REPLACED[SDK.exec(id)?.[1] ?? ''] ?? []) {
          if (!pattern.test(kept))
            this.error(`${id}: expected ${pattern}; the SDK has changed, look whether it is needed`)
          kept = kept.replace(pattern, by)
        }
        return kept
      },
    },
  }
}

interface Node {
  type: string
  start: number
  end: number
}

/** The methods of a module's classes, in order. */
function methodsIn(tree: unknown): Node[] {
  if (typeof tree !== 'object' || !tree) return []
  if ((tree as Node).type === 'MethodDefinition') return [tree as Node]
  return Object.values(tree).flatMap((child) => (Array.isArray(child) ? child.flatMap(methodsIn) : methodsIn(child)))
}
