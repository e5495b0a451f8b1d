/** The packages that people have beside ours, and the app that uses both. */

export interface Neighbour {
  name: string
  /** As npm is told, the neighbour itself first. */
  packages: string[]
  /**
   * Of `apps`, run in Node, or in workerd, bundled as wrangler does or by wrangler itself. It calls `work` of
   * `apps/work.js` inside a session.
   */
  app: string
  runtime: 'node' | 'workerd' | 'wrangler'
  /** The neighbour's own span around `work`. Default: the session's root. */
  enclosing?: string
  /** Of `apps`, run in Node: our processor and our exporter in the neighbour's TracerProvider, which is the global one. */
  provider?: string
  /** The order in which it is tried with every change. */
  quick?: Order
}

/** When the neighbour is installed: before us, after us, or in one command with us. */
export type Order = 'before' | 'after' | 'with'
export const ORDERS: Order[] = ['before', 'after', 'with']

/** Whether everything is to be tried. */
export const WHOLE: boolean = process.env.NEIGHBOURS === 'all'

export const NEIGHBOURS: Neighbour[] = [
  { name: 'API 1.10', packages: ['@opentelemetry/api@1.10'], app: 'session.js', runtime: 'node', quick: 'before' },
  { name: 'API 1.9', packages: ['@opentelemetry/api@1.9'], app: 'session.js', runtime: 'node' },
  { name: 'agents', packages: ['agents@0'], app: 'agents.js', runtime: 'wrangler' },
  {
    name: '@hono/otel',
    packages: ['@hono/otel@1', 'hono@4'],
    app: 'hono-otel.js',
    runtime: 'workerd',
    enclosing: 'GET /ask',
    quick: 'with',
  },
  { name: '@sentry/cloudflare', packages: ['@sentry/cloudflare@11'], app: 'sentry.js', runtime: 'workerd' },
  {
    name: '@vercel/otel',
    packages: ['@vercel/otel@2'],
    app: 'session.js',
    runtime: 'node',
    provider: 'vercel-otel.js',
  },
  {
    name: 'ai with @ai-sdk/otel',
    packages: ['@ai-sdk/otel@1', 'ai@7'],
    app: 'ai.js',
    runtime: 'node',
    enclosing: 'chat desk-model',
  },
  {
    name: '@opentelemetry/sdk-trace 3',
    packages: ['@opentelemetry/sdk-trace@3'],
    app: 'session.js',
    runtime: 'node',
    provider: 'sdk-trace.js',
  },
  {
    name: '@opentelemetry/sdk-trace-base 2',
    packages: ['@opentelemetry/sdk-trace-base@2'],
    app: 'session.js',
    runtime: 'node',
    provider: 'sdk-trace-base.js',
    quick: 'after',
  },
]
