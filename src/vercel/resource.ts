/** The deployment as a resource, from Vercel's system variables, under the names that `@vercel/otel` gives them. */
import type { Attributes } from '@opentelemetry/api'
import type { Environment } from '../options/options.ts'
import * as key from '../runtime/semconv.ts'

const VARIABLES: Record<string, string> = {
  VERCEL_REGION: key.CLOUD_REGION,
  VERCEL_DEPLOYMENT_ID: 'vercel.deployment_id',
  VERCEL_PROJECT_ID: 'vercel.project_id',
  VERCEL_URL: 'vercel.host',
  VERCEL_BRANCH_URL: 'vercel.branch_host',
  VERCEL_GIT_COMMIT_SHA: 'vercel.sha',
  NEXT_RUNTIME: 'vercel.runtime',
}

export function vercelResource(env: Environment = {}): Attributes | undefined {
  // Of environments of the team's own the latter says only that they are a preview.
  const { VERCEL_TARGET_ENV: target, VERCEL_ENV: environment, NODE_ENV: fallback } = env
  const found: Attributes = {}
  for (const [variable, name] of Object.entries(VARIABLES)) {
    const value = env[variable]
    if (typeof value === 'string' && value) found[name] = value
  }
  const stage = target || environment || fallback
  if (typeof stage === 'string' && stage) found[key.DEPLOYMENT_ENVIRONMENT] = stage
  if (typeof environment === 'string' && environment) found['vercel.environment'] = environment
  if (env.VERCEL) found[key.CLOUD_PROVIDER] = 'vercel'
  return found
}
