/**
 * Events of services that ask a function for an answer in a form of their own: what names them, and what their answer
 * says of how it went.
 */
import { headersOf } from '../http/request.ts'
import { SERVER } from '../runtime/otel.ts'
import * as key from '../runtime/semconv.ts'
import { fieldsOf, textOf } from './fields.ts'
import type { Fields, LambdaTrigger, Verdict } from './types.ts'

const join = (...parts: unknown[]): string => parts.flatMap((part) => textOf(part) ?? []).join(' ')

const named = (name: string, more: Partial<LambdaTrigger> = {}): LambdaTrigger => ({
  name,
  kind: SERVER,
  attributes: { [key.FAAS_TRIGGER]: 'other' },
  ...more,
})

export function serviceTrigger(event: Fields): LambdaTrigger | undefined {
  return (
    authorizerTrigger(event) ??
    webSocketTrigger(event) ??
    resolverTrigger(event) ??
    userPoolTrigger(event) ??
    actionGroupTrigger(event) ??
    lexTrigger(event)
  )
}

/** API Gateway's and AppSync's: what it answers is a policy, not a response. */
function authorizerTrigger({ type, methodArn, routeArn, authorizationToken, requestContext, headers }: Fields) {
  const isAuthorizer =
    (/^(TOKEN|REQUEST)$/.test(`${type}`) && (methodArn || routeArn)) ||
    (textOf(authorizationToken) && fieldsOf(requestContext).apiId && !fieldsOf(requestContext).http)
  if (!isAuthorizer) return undefined
  return named('authorizer', { carrier: headersOf(fieldsOf(headers)), judge: () => ({}) })
}

/** An API Gateway WebSocket API, by its route key. */
function webSocketTrigger({ requestContext, headers }: Fields): LambdaTrigger | undefined {
  const { routeKey, connectionId, eventType } = fieldsOf(requestContext)
  const name = textOf(routeKey)
  if (!name || !connectionId || !/^(CONNECT|MESSAGE|DISCONNECT)$/.test(`${eventType}`)) return undefined
  return named(name, {
    attributes: { [key.FAAS_TRIGGER]: 'http', [key.WEBSOCKET_TYPE]: `${eventType}`.toLowerCase() },
    // Those of the connection's request alone.
    carrier: headersOf(fieldsOf(headers)),
    judge: (answer) => ({ code: statusOf(answer.statusCode) }),
  })
}

/** AppSync's resolvers; a batch of them is a list. */
function resolverTrigger(event: Fields): LambdaTrigger | undefined {
  const first = Array.isArray(event) ? fieldsOf(event[0]) : event
  const { parentTypeName, fieldName } = fieldsOf(first.info)
  const { typeName = parentTypeName, fieldName: field = fieldName } = first
  if (!textOf(typeName) || !textOf(field)) return undefined
  return named(`${typeName}.${field}`, { carrier: headersOf(fieldsOf(fieldsOf(first.request).headers)) })
}

function userPoolTrigger({ triggerSource, userPoolId }: Fields): LambdaTrigger | undefined {
  const name = textOf(triggerSource)
  return name && userPoolId ? named(name) : undefined
}

/** An action of a Bedrock agent, by its group and its function, or the operation of its API. */
function actionGroupTrigger(event: Fields): LambdaTrigger | undefined {
  const { actionGroup, function: name, httpMethod, apiPath, agent } = event
  if (!textOf(actionGroup) || !agent) return undefined
  return named(join(actionGroup, name, httpMethod, apiPath), {
    judge(answer) {
      const { httpStatusCode, functionResponse } = fieldsOf(answer.response)
      const isFailure = fieldsOf(functionResponse).responseState === 'FAILURE'
      return { code: statusOf(httpStatusCode), failure: isFailure ? 'its response state was FAILURE' : undefined }
    },
  })
}

/** Lex, version 2 and before, by the bot and its intent. */
function lexTrigger({ bot, sessionState, currentIntent, invocationSource }: Fields): LambdaTrigger | undefined {
  const { name } = fieldsOf(bot)
  if (!textOf(name) || !invocationSource) return undefined
  return named(join(name, fieldsOf(fieldsOf(sessionState).intent ?? currentIntent).name))
}

/** What a durable function answers: `Status` is how its execution stands. */
export function durableVerdict(answer: Fields): Verdict {
  const { ErrorType, ErrorMessage } = fieldsOf(answer.Error)
  if (answer.Status !== 'FAILED') return {}
  return { failure: join(ErrorType, ErrorMessage) || 'the durable execution failed' }
}

export function statusOf(value: unknown): number | undefined {
  const status = Number(value ?? undefined)
  return Number.isInteger(status) ? status : undefined
}
