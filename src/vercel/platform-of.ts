/** Where a wrapped handler finds its platform: in what a framework gives it beside the request, else in the runtime. */
import { type Platform, serverPlatform } from '../lifetime/platform.ts'
import type { Execution } from '../lifetime/wait-until.ts'
import { builtinModule, isWorkers } from '../runtime/platform.ts'

/** The context of a Worker where SvelteKit's event and Astro's context have it. */
interface FrameworkEvent {
  readonly platform?: { readonly ctx?: Execution }
  readonly locals?: { readonly cfContext?: Execution }
}

/** What the handler is given beside the request; a Worker's context comes third. */
export function platformOf(second: unknown, third: unknown): Platform {
  const { platform, locals } = Object(second) as FrameworkEvent
  for (const one of [second, third, platform?.ctx, locals?.cfContext]) {
    if (hasWaitUntil(one)) return { execution: one }
  }
  // Only where nobody has given one: the first look at Node's modules costs workerd 8 ms of CPU.
  const runtime = isWorkers() ? builtinModule<Execution>('cloudflare:workers') : undefined
  // A copy for each request, because a session is found by the object that stands for its request.
  return hasWaitUntil(runtime) ? { execution: { waitUntil: runtime.waitUntil } } : serverPlatform()
}

function hasWaitUntil(value: unknown): value is Execution {
  return typeof Object(value).waitUntil === 'function'
}
