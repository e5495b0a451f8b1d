/** Where a wrapped handler finds its platform: in what a framework gives it beside the request, else in the runtime. */
import { type Platform, serverPlatform } from '../lifetime/platform.ts'
import type { Execution } from '../lifetime/wait-until.ts'
import { builtinModule, isWorkers } from '../runtime/platform.ts'

/** The context of a Worker where SvelteKit's event and Astro's context have it. */
interface Given {
  readonly platform?: { readonly ctx?: Execution }
  readonly locals?: { readonly cfContext?: Execution }
}

/** What the handler is given beside the request; a Worker's context comes third. */
export function platformOf(second: unknown, third: unknown): Platform {
  const { platform, locals } = Object(second) as Given
  const { waitUntil } = (isWorkers() && builtinModule<Execution>('cloudflare:workers')) || {}
  // The last is one of its own for each request, as it stands for the request.
  for (const one of [second, third, platform?.ctx, locals?.cfContext, { waitUntil }]) {
    if (typeof Object(one).waitUntil === 'function') return { execution: one as Execution }
  }
  return serverPlatform()
}
