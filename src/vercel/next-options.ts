/** What `registerAgentOps` takes beside the options of any adapter, and which requests of Next.js are no session. */
import type { AgentOpsOptions } from '../options/options.ts'
import { guard, warn } from '../runtime/diag.ts'

/** What `registerAgentOps()` takes: the options of any adapter, and which requests of Next.js are no session. */
export interface NextOptions extends AgentOpsOptions {
  /**
   * Requests that are no session: paths (`/health`, `/internal/*`), patterns for the path, or a function of the request,
   * which is told what the default says of it. Default: what Next.js makes of files (images, icons, `robots.txt`,
   * `/_next/` but for `/_next/data/`) and prefetches. A list is in addition to the default.
   */
  ignore?: readonly (string | RegExp)[] | ((request: Request, byDefault: boolean) => boolean)
  /** Whether all of Next.js' own spans are recorded. Default `false`: handlers, renders, metadata, the proxy and `fetch`. */
  nextSpans?: boolean
}

/** Of the app's files, with or without a `basePath`. */
const FILES =
  /\/_next\/(?!data\/)|\/(favicon\.ico|robots\.txt|sitemap\.xml|manifest\.(json|webmanifest)|(apple-)?icon\d*\.\w+|(opengraph|twitter)-image[\w-]*(\.\w+)?)$/

/** Next.js' router asks for what its user may want next. */
export function isPrefetch(headers: Headers): boolean {
  return headers.has('next-router-prefetch') || headers.has('x-middleware-prefetch')
}

export function isIgnored({ ignore }: NextOptions, request: Request): boolean {
  const { pathname } = new URL(request.url)
  const byDefault = FILES.test(pathname) || isPrefetch(request.headers)
  if (typeof ignore === 'function') return guard('ignore', () => ignore(request, byDefault)) ?? byDefault
  if (ignore !== undefined && !Array.isArray(ignore)) {
    return warn('ignore: expected a list of paths and patterns, or a function; the default stands') ?? byDefault
  }
  return (
    byDefault ||
    (ignore ?? []).some((one) => {
      if (typeof one !== 'string') return pathname.search(one) >= 0
      return one.endsWith('*') ? pathname.startsWith(one.slice(0, -1)) : pathname === one
    })
  )
}
