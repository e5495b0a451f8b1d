/**
 * Where a service's own requests may carry its trace without being named. A request's URL is made of its `Host` and
 * `X-Forwarded-*` headers, which its caller chooses, so that it names the service only where the platform routes by it.
 */
import { serverEnvironment } from '../lifetime/platform.ts'
import { isWorkers } from '../runtime/platform.ts'

/** Workers and Vercel hand on a request for a host of the user's own; any other server takes what it is called. */
export function ownOrigin({ url }: Request): string | undefined {
  const isRouted = isWorkers() || !!serverEnvironment()?.VERCEL
  return isRouted ? /^[^:]+:\/\/[^/?#]+/.exec(url)?.[0] : undefined
}
