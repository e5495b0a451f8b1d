/**
 * A plugin of the build: of the bundled packages of OpenTelemetry the declarations of their ES modules. They name CommonJS
 * first, of which a bundle of declarations makes names that stand nowhere.
 */
import { join } from 'node:path'
import type { Rolldown } from 'tsdown'

export function moduleTypes(): Rolldown.Plugin {
  return {
    name: 'module-types',
    resolveId: {
      order: 'pre',
      filter: { id: /^@opentelemetry\/(core|otlp-transformer|resources|sdk-metrics|sdk-trace)$/ },
      handler: (id, importer) =>
        /\.d\.[cm]?ts$/.test(importer ?? '')
          ? join(import.meta.dirname, '..', 'node_modules', id, 'dist', 'index.d.mts')
          : undefined,
    },
  }
}
