/**
 * Who may talk to a backend on this machine. Listening on the loopback interface keeps other machines out, not the pages
 * of a browser on this one: a page sends the `Origin` that it is of, and a name that its owner points at 127.0.0.1
 * arrives as the `Host`.
 */
import type { Context, MiddlewareHandler } from 'hono'

const LOCAL = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i

/** `hosts`: names beside this machine's own, with their port. */
export function onlyLocal(hosts: readonly string[] = []): MiddlewareHandler {
  return async (c, next) => {
    const host = hostOf(c)
    if (!isLocal(host) && !hosts.includes(host)) {
      return c.text('expected localhost, 127.0.0.1 or [::1] in the header host', 403)
    }
    return refuseForeign(c) ?? (await next())
  }
}

export function hostOf(c: Context): string {
  return c.req.header('host') ?? new URL(c.req.url).host
}

export function isLocal(host: string): boolean {
  return LOCAL.test(host)
}

/** What another page of a browser is answered, whatever it asks for: it sends a reader's cookie, where it has one. */
export function refuseForeign(c: Context): Response | undefined {
  const origin = c.req.header('origin')
  const site = c.req.header('sec-fetch-site')
  const isForeign =
    origin !== undefined && origin.replace(/^https?:\/\//i, '').toLowerCase() !== hostOf(c).toLowerCase()
  // A link from another page may be followed; what a page fetches by itself may not.
  const isFetched = site === 'cross-site' && c.req.header('sec-fetch-mode') !== 'navigate'
  if (!isForeign && !isFetched) return undefined
  return c.text('expected no other page to ask: the header origin is not this host', 403)
}
