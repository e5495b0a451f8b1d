import { SessionExporter, SessionSpanProcessor } from 'agentops-edge'
import { registerAgentOps } from 'agentops-edge/vercel'

const ours = (): void => registerAgentOps({ serviceName: 'ours' })

async function theirs(sdk: string): Promise<void> {
  if (sdk === 'otel') {
    const { registerOTel } = await import('@vercel/otel')
    registerOTel({
      serviceName: 'theirs',
      // Their own exporter would look for a backend.
      spanProcessors: process.env.PROCESSOR ? [new SessionSpanProcessor(new SessionExporter())] : [],
    })
  } else {
    const Sentry = await import('@sentry/nextjs')
    Sentry.init({ dsn: process.env.SENTRY_DSN, tracesSampleRate: Number(process.env.SENTRY_RATE ?? 1) })
  }
}

export async function register(): Promise<void> {
  const [sdk = '', order] = (process.env.BESIDE ?? '').split('-')
  if (order === 'last') ours()
  await theirs(sdk)
  if (order === 'first') ours()
}
