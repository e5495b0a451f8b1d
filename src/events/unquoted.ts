/**
 * Errors whose message holds what is not to be shown: with contents off those of clients of models and of tools' servers,
 * which say what they were told there and so may quote the prompt; and always those of a platform about a header or a
 * URL that it was given, with a key in it.
 */
import { isError, UNREADABLE } from '../runtime/diag.ts'
import { errorType } from './event.ts'

/** Names of the AI SDK's, Google's, Ollama's, Hugging Face's and MCP's. */
const CLIENTS = /^(AI_\w+|(Mcp|Protocol)Error|Google\w+Error|\w*ProviderApiError)$/
/** Undici's and workerd's, Deno's and Bun's sentences. */
const PLATFORMS = /invalid header (name|value)|includes credentials|parse URL|^Invalid URL|has invalid value/i

interface Answered extends Error {
  status?: unknown
  statusCode?: unknown
  status_code?: unknown
}

/** Errors that are looked at: causes may go round in a circle. */
const MAX_ERRORS = 16

/**
 * The error, or what stands for it: its class, its status, the beginning of a platform's message, and where it was; so of
 * those behind it that it quotes. It can be read, whatever was thrown.
 */
export function unquoted(error: unknown, config: { readonly captureContent: boolean }): unknown {
  try {
    return told(error, config.captureContent)
  } catch {
    return new Error(UNREADABLE)
  }
}

function told(error: unknown, captureContent: boolean): unknown {
  if (!isError(error)) return error
  const { message, stack } = error
  const name = errorType(error)
  let shown = message
  // What is behind one is looked at after it.
  const all: unknown[] = [error]
  for (const one of all) {
    if (!isError(one)) continue
    const short = shortOf(one, captureContent)
    if (short) shown = shown.replaceAll(one.message || shown, short)
    const behind = [one.cause, (one as Partial<AggregateError>).errors].flat()
    all.push(...behind.slice(0, Math.max(MAX_ERRORS - all.length, 0)))
  }
  if (shown === message) return error
  const [, ...frames] = `${stack}`.split(message)
  return Object.assign(new Error(shown), { name, stack: `${name}: ${shown}${frames.join(shown)}` })
}

/** What is said in place of a message that may quote; undefined where it does not. */
function shortOf(error: Error, captureContent: boolean): string | undefined {
  const { message } = error
  if (PLATFORMS.test(message)) return message.replace(/ ?["'`:].*| from .*/s, '')
  if (captureContent || !isClientsError(error)) return undefined
  const { status, statusCode = status, status_code = statusCode } = error as Answered
  const name = errorType(error)
  return typeof status_code === 'number' ? `${status_code} ${name}` : name
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
