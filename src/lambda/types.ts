/** What is needed of Lambda's own types (structural, so that `@types/aws-lambda` fits and is not required), and what an event is to us. */
import type { Attributes } from '@opentelemetry/api'
import type { Carrier } from '../propagation/propagators.ts'
import type { CONSUMER, SERVER } from '../runtime/otel.ts'

/**
 * What is read of Lambda's context: that of the platform, of `@types/aws-lambda` or of a test. What is missing is left
 * out.
 */
export interface LambdaContextLike {
  readonly awsRequestId: string
  readonly functionName: string
  readonly functionVersion: string
  readonly invokedFunctionArn: string
  readonly logGroupName?: string
  readonly logStreamName?: string
  /** Where the runtime has it (Node.js 24 and managed instances). */
  readonly xRayTraceId?: string
  /** What a client says of itself when it invokes the function. */
  readonly clientContext?: unknown
  getRemainingTimeInMillis(): number
}

/** The texts and objects of an event, of which nothing is known. */
export type Fields = Readonly<Record<string, unknown>>

/** What an answer says: a status, or why it is a failure. */
export interface Verdict {
  code?: number
  failure?: string
}

/** One of a batch. */
export interface LambdaMessage {
  /** As `batchItemFailures` names it. */
  id: string
  attributes: Attributes
  carrier: Carrier
}

export interface LambdaTrigger {
  name: string
  kind: typeof SERVER | typeof CONSUMER
  attributes: Attributes
  carrier?: Carrier
  /** Of an HTTP event. */
  request?: Request
  /** What the function is called as, where its caller cannot choose it. */
  origin?: string
  messages?: LambdaMessage[]
  /** Of a stream the records after a failed one are delivered again, too. */
  ordered?: boolean
  /** What the handler's answer says of how it went. `status`: of a streamed one. */
  judge?(answer: Fields, status?: number): Verdict
}
