import { agent, llm, tool } from 'agentops-edge'
import { extensionReady, withAgentOps } from 'agentops-edge/lambda'
import type { APIGatewayProxyEventV2, APIGatewayProxyHandlerV2, APIGatewayProxyResultV2 } from 'aws-lambda'

// The response goes first, and Lambda waits for the session's delivery.
await extensionReady()

/** A function URL or an API Gateway route: one session an invocation. */
export const handler: APIGatewayProxyHandlerV2 = withAgentOps(
  async (event: APIGatewayProxyEventV2): Promise<APIGatewayProxyResultV2> => {
    const q = event.queryStringParameters?.q ?? 'cats'
    const answer = await agent('planner', async () => {
      const pages = await tool('search', { q }, async () => [`a page about ${q}`])
      return llm('desk-model', { prompt: `Summarise ${pages}` }, async (completion) => {
        completion.promptTokens = 12 // call your model here
        completion.completionTokens = 3
        return `What is known of ${q}: ${pages}`
      })
    })
    return { statusCode: 200, headers: { 'content-type': 'text/plain' }, body: answer }
  },
  { serviceName: 'lambda-desk', flush: 'extension' },
)
