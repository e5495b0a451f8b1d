/** The pages in their order: the sidebar, and `llms.txt`. A page's title is its first heading. */
export const PAGES: Readonly<Record<string, readonly string[]>> = {
  'First steps': ['index', 'which-tool'],
  Platforms: ['guide/hono', 'guide/workers', 'guide/durable-objects', 'guide/nextjs', 'guide/lambda', 'guide/node'],
  'What is recorded': [
    'guide/events',
    'guide/models',
    'guide/frameworks',
    'guide/mcp',
    'guide/conversations',
    'guide/privacy',
  ],
  'Services and backends': [
    'guide/propagation',
    'guide/sampling',
    'guide/metrics',
    'guide/destinations',
    'guide/spool',
    'guide/opentelemetry',
  ],
  'On your own machines': ['guide/local-backend', 'guide/self-hosting', 'guide/testing'],
  Concepts: ['concepts/session', 'concepts/delivery', 'concepts/what-leaves', 'concepts/process-end', 'concepts/cost'],
  Reference: ['reference/options', 'reference/attributes', 'reference/metrics'],
  Troubleshooting: ['troubleshooting/index', 'troubleshooting/messages'],
  'Coming from': [
    'migration/otel-cf-workers',
    'migration/vercel-otel',
    'migration/sentry',
    'migration/agentops-python',
  ],
}
