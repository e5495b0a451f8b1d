/** A name of one's own at the scripted backend, asked over HTTP; works in Node and inside workerd. */
import { inject } from 'vitest'
import type { Answer, Received, ReceivedSpans } from './scripted.ts'

export interface Scripted {
  /** Append `/v1/traces` or whatever the library is to be pointed at. */
  url: string
  received(): Promise<Received[]>
  /** The spans of each request to a path ending in `/v1/traces`. */
  spans(): Promise<ReceivedSpans[]>
  /** The highest number of requests that were open at the same time. */
  concurrency(): Promise<number>
}

export async function scripted(...answers: Answer[]): Promise<Scripted> {
  const url = `${inject('backendUrl')}/${crypto.randomUUID()}`
  await script(url, answers)
  return {
    url,
    received: () => ask(url),
    spans: () => ask(`${url}?spans`),
    concurrency: () => ask(`${url}/concurrency`),
  }
}

/** Replaces the answers of a name, or gives those of an endpoint: `${url}-auth`. */
export async function script(url: string, answers: Answer[]): Promise<void> {
  const response = await fetch(url, { method: 'PUT', body: JSON.stringify(answers) })
  if (!response.ok) throw new Error(`${url} refused its script: ${await response.text()}`)
}

async function ask<T>(url: string): Promise<T> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as T
}
