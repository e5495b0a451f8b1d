import { tool } from 'agentops-edge'
import { withAgentOps } from 'agentops-edge/lambda'
import type { SQSBatchResponse, SQSEvent, SQSHandler } from 'aws-lambda'

/** A batch of a queue: one session, with a span for each message and what became of it. */
export const handler: SQSHandler = withAgentOps(
  async ({ Records }: SQSEvent): Promise<SQSBatchResponse> => {
    const batchItemFailures: SQSBatchResponse['batchItemFailures'] = []
    for (const { messageId, body } of Records) {
      try {
        await tool('work', { body }, async () => JSON.parse(body))
      } catch {
        batchItemFailures.push({ itemIdentifier: messageId })
      }
    }
    return { batchItemFailures }
  },
  { serviceName: 'lambda-desk' },
)
