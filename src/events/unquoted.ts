/**
 * Errors whose message holds what is not to be shown: with contents off those of clients of models and of tools' servers,
 * which say what they were told there and so may quote the prompt; and always those of a platform about a header or a
 * URL that it was given, with a key in it.
 */
import { isError } from '../runtime/diag.ts'
import { errorType } from './event.ts'

/** Names of the AI SDK's, Google's, Ollama's, Hugging Face's and MCP's. */
const CLIENTS = /^(AI_\w+|(Mcp|Protocol)Error|Google\w+Error|\w*ProviderApiError)$/
/** Undici's and workerd's, Deno's and Bun's sentences. */
const PLATFORMS =
  /is an invalid header value|Invalid header value|includes credentials|parse URL|^Invalid URL|has invalid value/

interface Answered extends Error {
  status?: unknown
  statusCode?: unknown
  status_code?: unknown
}

/** The error, or what stands for it: its class, its status, the beginning of a platform's message, and where it was. */
export function unquoted(error: unknown, { captureContent }: { readonly captureContent: boolean }): unknown {
  if (!isError(error)) return error
  const { message, stack, cause } = error
  const isPlatforms = PLATFORMS.test(message)
  const isClients = !captureContent && isClientsError(error)
  const inner = isError(cause) ? cause : undefined
  const told = inner && unquoted(inner, { captureContent })
  const isQuoting = inner && told !== inner && inner.message && message.includes(inner.message)
  if (!isPlatforms && !isClients && !isQuoting) return error
  const { status, statusCode = status, status_code = statusCode } = error as Answered
  const name = errorType(error)
  let shown = typeof status_code === 'number' ? `${status_code} ${name}` : name
  if (isPlatforms) shown = message.replace(/ ?["'`:].*| from .*/s, '')
  else if (isQuoting) shown = message.replaceAll(inner.message, (told as Error).message)
  const start = stack?.indexOf(message) ?? -1
  const frames = start < 0 ? '' : stack?.slice(start + message.length)
  return Object.assign(new Error(shown), { name, stack: `${name}: ${shown}${frames}` })
}

function isClientsError(error: Error): boolean {
  return (
    CLIENTS.test(error.name) ||
    // OpenAI's and Anthropic's, then those that Fern and Speakeasy make (Cohere, Mistral), Google's, Ollama's.
    ('status' in error && 'headers' in error && 'error' in error) ||
    ('statusCode' in error && 'body' in error && 'rawResponse' in error) ||
    (error.name === 'ApiError' && 'status' in error && !('code' in error)) ||
    'status_code' in error
  )
}
