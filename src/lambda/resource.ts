/** The function as a resource: OpenTelemetry's conventions for FaaS and AWS Lambda, from the environment alone. */
import type { Attributes } from '@opentelemetry/api'
import type { Environment } from '../options/options.ts'
import * as key from '../runtime/semconv.ts'

export function lambdaResource(env: Environment): Attributes | undefined {
  const { AWS_LAMBDA_FUNCTION_NAME: name, AWS_LAMBDA_FUNCTION_MEMORY_SIZE: megabytes } = env
  if (typeof name !== 'string' || !name) return undefined
  const found = {
    [key.SERVICE_NAME]: name,
    [key.CLOUD_PROVIDER]: 'aws',
    [key.CLOUD_PLATFORM]: 'aws_lambda',
    [key.CLOUD_REGION]: env.AWS_REGION,
    [key.FAAS_NAME]: name,
    [key.FAAS_VERSION]: env.AWS_LAMBDA_FUNCTION_VERSION,
    [key.FAAS_INSTANCE]: env.AWS_LAMBDA_LOG_STREAM_NAME,
    [key.FAAS_MAX_MEMORY]: Number(megabytes) * 1024 * 1024 || undefined,
    [key.AWS_LOG_GROUPS]: listOf(env.AWS_LAMBDA_LOG_GROUP_NAME),
    [key.AWS_LOG_STREAMS]: listOf(env.AWS_LAMBDA_LOG_STREAM_NAME),
  }
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)) as Attributes
}

function listOf(value: unknown): unknown[] | undefined {
  return value === undefined ? undefined : [value]
}
