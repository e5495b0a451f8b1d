/** A name of one's own at the scripted backend, asked over HTTP; works in Node and inside workerd. */
import { expect, inject } from 'vitest'
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
  return connect(`${inject('backendUrl')}/${crypto.randomUUID()}`, answers)
}

/** One that is sent on purpose what is no OTLP, which else fails the whole run at its end. */
export async function scriptedForAnything(...answers: Answer[]): Promise<Scripted> {
  return connect(`${inject('backendUrl')}/anything-${crypto.randomUUID()}`, answers)
}

async function connect(url: string, answers: Answer[]): Promise<Scripted> {
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
  const { testPath, currentTestName } = expect.getState()
  const by = encodeURIComponent(`${testPath?.replace(/.*\/test\//, 'test/')} ${currentTestName ?? ''}`)
  const response = await fetch(url, { method: 'PUT', body: JSON.stringify(answers), headers: { 'x-by': by } })
  if (!response.ok) throw new Error(`${url} refused its script: ${await response.text()}`)
}

async function ask<T>(url: string): Promise<T> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as T
}
