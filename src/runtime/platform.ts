/** Which of its kind this runtime is, where its kind matters. */

interface Global {
  process?: { release?: { name?: string }; versions?: { bun?: string } }
  navigator?: { userAgent?: string }
}

/** Node, or Deno as far as it is Node: not those that only have its modules. */
export function isNode(): boolean {
  const { process, navigator } = globalThis as Global
  return process?.release?.name === 'node' && !process.versions?.bun && navigator?.userAgent !== 'Cloudflare-Workers'
}
