/** Messages of a spool, made by hand: good ones, and what a hostile one may hold. */
import { gzipSync } from 'node:zlib'
import type { SpoolMessage } from '../../src/spool/index.ts'

/** An OTLP request of so many spans, named `<name>-<n>`. */
export function otlpBody(name: string, spans: number): Buffer {
  const traceId = crypto.randomUUID().replaceAll('-', '')
  const span = (_: unknown, n: number): object => ({
    traceId,
    spanId: `${n + 1}`.padStart(16, '0'),
    name: `${name}-${n}`,
    startTimeUnixNano: '1',
    endTimeUnixNano: '2',
  })
  const scopeSpans = [{ scope: { name: 'by hand' }, spans: Array.from({ length: spans }, span) }]
  return Buffer.from(JSON.stringify({ resourceSpans: [{ resource: { attributes: [] }, scopeSpans }] }))
}

export interface Made extends Partial<Omit<SpoolMessage, 'body'>> {
  /** As it is, or compressed where the headers say so. */
  body?: Uint8Array
}

/** A message of two spans for `url`, except for what is said. */
export function message(url: string, name: string, { body = otlpBody(name, 2), ...more }: Made = {}): SpoolMessage {
  const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip', ...more.headers }
  const bytes = Buffer.from(headers['content-encoding'] === 'gzip' ? gzipSync(body) : body)
  return {
    ...{ version: 1, id: crypto.randomUUID(), url, format: 'otlp-json', spans: 2, ...more },
    ...{ headers, body: bytes.toString('base64') },
  }
}

/** A thousandth of it, compressed. */
export function bomb(bytes: number): Buffer {
  return Buffer.alloc(bytes, ' ')
}

/** A session of AgentOps' v2 API with one tool and so many agents, as a spool keeps it. */
export function plan(agents: number): Buffer {
  const session_id = crypto.randomUUID()
  const times = { init_timestamp: new Date(0).toISOString(), end_timestamp: new Date(1).toISOString() }
  const session = {
    ...{ session_id, ...times, end_state: 'Success', end_state_reason: null },
    ...{ tags: [], video: null, host_env: null },
  }
  const id = (n: number): string => `00000000-0000-4000-8000-${`${n}`.padStart(12, '0')}`
  const named = Array.from({ length: agents }, (_, n) => [id(n), `agent ${n}`])
  const event = {
    ...{ id: crypto.randomUUID(), event_type: 'tools', ...times, params: {}, returns: null },
    ...{ agent_id: id(0), session_id, name: 't', logs: null, tool_name: 't' },
  }
  return Buffer.from(
    JSON.stringify({ session, resume: false, agents: named, known: [], items: [{ event }, { update: session }] }),
  )
}
