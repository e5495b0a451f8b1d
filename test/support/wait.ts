/** Waits for something that arrives over HTTP; the limit is generous because the machine may be busy. */
export async function waitFor<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs = 15_000,
): Promise<T> {
  const deadline = Date.now() + limitMs
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    if (Date.now() > deadline) throw new Error(`${what} did not come within ${limitMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
