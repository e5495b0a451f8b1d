/** Which of its kind this runtime is, where its kind matters. */

interface Global {
  process?: {
    release?: { name?: string }
    versions?: { bun?: string }
    getBuiltinModule?(id: string): unknown
  }
  navigator?: { userAgent?: string }
}

export function isWorkers(): boolean {
  return (globalThis as Global).navigator?.userAgent === 'Cloudflare-Workers'
}

/** Node, or Deno as far as it is Node: not those that only have its modules. */
export function isNode(): boolean {
  // In workerd the first look at `process` costs 8 ms of CPU.
  if (isWorkers()) return false
  const { process } = globalThis as Global
  return process?.release?.name === 'node' && !process.versions?.bun
}

/** A module of Node's, where it can be had without an import that a bundler would look for. */
export function builtinModule<Module>(id: string): Module | undefined {
  return (globalThis as Global).process?.getBuiltinModule?.(id) as Module | undefined
}
