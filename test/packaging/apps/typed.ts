/** What a user writes, with the types that he reads of each entry. */
import {
  type AgentOpsOptions,
  createAgentOps,
  type FlushReport,
  LLMEvent,
  record,
  type Session,
  tool,
} from 'agentops-edge'
import { otlpProtobuf } from 'agentops-edge/formats'
import { type AgentOpsVariables, agentops } from 'agentops-edge/hono'
import { fetchCalls, llmCalls } from 'agentops-edge/instrumentation'
import { withAgentOps as onLambda } from 'agentops-edge/lambda'
import { sessionMetrics } from 'agentops-edge/metrics'
import { genAi } from 'agentops-edge/semconv'
import { tailSpool } from 'agentops-edge/spool'
import { withAgentOps as onVercel } from 'agentops-edge/vercel'
import { instrument } from 'agentops-edge/workers'
import { Hono } from 'hono'

const options: AgentOpsOptions = {
  format: otlpProtobuf,
  semconv: genAi,
  spool: tailSpool(),
  metrics: sessionMetrics(),
  instrumentations: { fetch: fetchCalls(), llm: llmCalls() },
}
const app = new Hono<{ Variables: AgentOpsVariables }>()
app.use(agentops(options))
app.get('/', (c) => c.text(c.var.agentops.id))

export const report: Promise<FlushReport> = createAgentOps(options).flush()
export const found: Promise<number> = tool('count', { q: 'cats' }, async () => 3)
export const worker = instrument({ fetch: () => new Response('x') })
export const GET: (request: Request) => Promise<Response> = onVercel(async (_: Request) => new Response('x'))
export const handler: (event: { id: string }) => Promise<string> = onLambda(async ({ id }: { id: string }) => id)
export function kept(session: Session): string {
  record(new LLMEvent({ model: 'desk-model', prompt: 'q', completion: 'a' }))
  return session.id
}
export default app
