/** What is needed of Lambda's own types; structural, so that `@types/aws-lambda` fits and is not required. */

export interface LambdaContextLike {
  readonly awsRequestId: string
  readonly functionName: string
  readonly functionVersion: string
  readonly invokedFunctionArn: string
  readonly logGroupName?: string
  readonly logStreamName?: string
  /** Where the runtime has it (Node.js 24 and managed instances). */
  readonly xRayTraceId?: string
  getRemainingTimeInMillis(): number
}

/** The texts and objects of an event, of which nothing is known. */
export type Fields = Readonly<Record<string, unknown>>
