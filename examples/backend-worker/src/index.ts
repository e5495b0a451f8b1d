import {
  createBackend,
  D1_MAX_SPAN,
  type D1Store,
  d1Store,
  fromQueue,
  team,
  toQueue,
} from 'agentops-edge/collector/worker'

interface Env {
  DB: D1Database
  INGEST: Queue
  /** What agents send as their bearer token or AgentOps key, separated by spaces or lines. */
  BACKEND_TOKENS?: string
  /** What people log in with, unless Cloudflare Access is in front. */
  BACKEND_PASSWORD?: string
  /** Signs cookies: 32 characters and more. */
  BACKEND_SECRET?: string
  /** https://<team>.cloudflareaccess.com, and the application's audience tag. */
  ACCESS_ISSUER?: string
  ACCESS_AUDIENCE?: string
  MAX_AGE_DAYS?: string
}

interface Backend {
  store: D1Store
  app: ReturnType<typeof createBackend>
}

/** One for each isolate. */
const backends = new WeakMap<Env, Backend>()

function backendOf(env: Env): Backend {
  const known = backends.get(env)
  if (known) return known
  const store = d1Store(env.DB)
  const access = team({
    tokens: env.BACKEND_TOKENS?.split(/\s+/).filter(Boolean),
    password: env.BACKEND_PASSWORD,
    secret: env.BACKEND_SECRET,
    access: env.ACCESS_ISSUER ? { issuer: env.ACCESS_ISSUER, audience: env.ACCESS_AUDIENCE ?? '' } : undefined,
  })
  const app = createBackend({ store, access, take: toQueue(env.INGEST, store), maxSpanBytes: D1_MAX_SPAN })
  const made = { store, app }
  backends.set(env, made)
  return made
}

const worker: ExportedHandler<Env> = {
  fetch: (request, env, context) => backendOf(env).app.fetch(request, env, context),
  queue: (batch, env) => fromQueue(batch, backendOf(env).store),
  async scheduled(_, env) {
    const days = Number(env.MAX_AGE_DAYS ?? 7)
    const pruned = await backendOf(env).store.prune({ maxAgeMs: days * 24 * 3600_000 })
    if (pruned) console.log(`${pruned} sessions are no longer kept`)
  },
}
export default worker
