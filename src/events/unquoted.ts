/**
 * Errors of clients: of a model's, whose message is what the provider said and may quote the prompt, and of a tool
 * server's. With contents off, such a one is told by its class and status.
 */
import { errorType } from './event.ts'

/** Names of the AI SDK's, Google's and MCP's; others are known by what they carry of a response. */
const NAMES = /^(AI_|Api|Mcp|Protocol)\w*Error$/

/** The error, or what stands for it. */
export function unquoted(error: unknown, { captureContent }: { readonly captureContent: boolean }): unknown {
  if (captureContent || !(error instanceof Error)) return error
  const { status, statusCode = status } = error as { status?: unknown; statusCode?: unknown }
  const isOfResponse = typeof statusCode === 'number' && ('headers' in error || 'body' in error)
  if (!isOfResponse && !NAMES.test(error.name)) return error
  const name = errorType(error)
  const message = typeof statusCode === 'number' ? `${statusCode} ${name}` : name
  return Object.assign(new Error(message), { name, stack: undefined })
}
