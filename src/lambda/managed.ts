/**
 * Managed instances: the runtime client's workers wait for their events on the threads that zlib and `getaddrinfo` need,
 * all of them where it has its default number of workers: gzip by `CompressionStream`, and `fetch` to a host by its name,
 * would wait for the next invocation. This way to send needs no thread: gzip at once, names by DNS over the network.
 */
import type { LookupFunction } from 'node:net'
import type { Config } from '../options/config.ts'
import { WORTH_BYTES } from '../transport/compress.ts'

const NO_BODY = [204, 205, 304]

export function isManaged(env: Record<string, string | undefined>): boolean {
  return env.AWS_LAMBDA_MAX_CONCURRENCY !== undefined
}

/** For each destination that has no `fetch` of the user's. */
export function managed<Some extends Config>(config: Some): Some {
  const { compression, exporters } = config
  const others = exporters.map((one) => ('export' in one ? one : managed(one)))
  if (config.fetch) return { ...config, exporters: others }
  const fetch = compression === 'none' ? plain : zipped(compression === 'gzip' ? 0 : WORTH_BYTES)
  return { ...config, exporters: others, compression: 'none', fetch, isFetchLasting: true }
}

type Send = (url: string, init: RequestInit) => Promise<Response>

/** Kept: a destination is told by its `fetch`, too. */
const zips: Map<number, typeof fetch> = new Map()

function zipped(worth: number): typeof fetch {
  const send: Send = (url, init) => {
    const body = init.body as Uint8Array
    if (body.length < worth) return post(url, init)
    const { gzipSync } = process.getBuiltinModule('node:zlib')
    return post(url, { ...init, body: gzipSync(body), headers: { ...init.headers, 'content-encoding': 'gzip' } })
  }
  const known = zips.get(worth) ?? (send as typeof fetch)
  zips.set(worth, known)
  return known
}

/** What of `fetch` a transport uses. */
const post: Send = (url, { headers, body, signal }) => {
  const { request } = process.getBuiltinModule(url.startsWith('https:') ? 'node:https' : 'node:http')
  const { Readable } = process.getBuiltinModule('node:stream')
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', headers: headers as Record<string, string>, signal: signal ?? undefined, lookup }
    const sent = request(url, options, (answer) => {
      const { statusCode: status = 0, headers } = answer
      const given = Object.entries(headers).map(([name, value]) => [name, `${value}`] as [string, string])
      const isEmpty = NO_BODY.includes(status)
      if (isEmpty) answer.resume()
      try {
        resolve(new Response(isEmpty ? undefined : (Readable.toWeb(answer) as never), { status, headers: given }))
      } catch (error) {
        answer.destroy()
        reject(error)
      }
    })
    sent.on('error', (cause) => reject(Object.assign(new TypeError('fetch failed'), { cause })))
    sent.end(body)
  })
}
const plain = post as typeof fetch

/** Of the hosts file it knows one name only: asking the system needs a thread. */
const lookup: LookupFunction = (host, { all, family }, callback) => {
  const { promises } = process.getBuiltinModule('node:dns')
  const find = async (): Promise<{ address: string; family: number }[]> => {
    if (/^localhost\.?$/i.test(host)) return [{ address: '127.0.0.1', family: 4 }]
    const four = promises.resolve4(host).then((found) => found.map((address) => ({ address, family: 4 })))
    const six = promises.resolve6(host).then((found) => found.map((address) => ({ address, family: 6 })))
    const [ipv4, ipv6] = await Promise.allSettled([family === 6 ? [] : four, family === 4 ? [] : six])
    const found = [ipv4, ipv6].flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
    if (!found.length) throw ipv4.status === 'rejected' ? ipv4.reason : new Error(`no address of ${host}`)
    return found
  }
  find().then(
    (found) => (all ? callback(null, found) : callback(null, found[0]?.address ?? '', found[0]?.family)),
    (error) => callback(error, ''),
  )
}
