/**
 * Errors whose message holds what is not to be shown: with contents off those of clients of models and of tools' servers,
 * which say what they were told there and so may quote the prompt; and always those of a platform's `fetch` and `Headers`
 * about what they were given, which may be a key.
 */
import { errorType } from './event.ts'

/** Names of the AI SDK's, Google's and MCP's; others are known by what they carry of a response. */
const CLIENTS = /^(AI_|Api|Mcp|Protocol)\w*Error$/
const PLATFORMS = /header|credentials/i

/** The error, or what stands for it: its class, its status, and the beginning of a platform's message. */
export function unquoted(error: unknown, { captureContent }: { readonly captureContent: boolean }): unknown {
  if (!(error instanceof Error)) return error
  const { status, statusCode = status, message } = error as Error & { status?: unknown; statusCode?: unknown }
  const isAnswered = typeof statusCode === 'number'
  const isClients = CLIENTS.test(error.name) || (isAnswered && ('headers' in error || 'body' in error))
  const isPlatforms = error instanceof TypeError && PLATFORMS.test(message)
  if (captureContent || !isClients ? !isPlatforms : false) return error
  const name = errorType(error)
  const told = isPlatforms ? message.replace(/["'`:].*/s, '') : isAnswered ? `${statusCode} ${name}` : name
  return Object.assign(new Error(told), { name, stack: undefined })
}
