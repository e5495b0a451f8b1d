#!/usr/bin/env node
/** The command `agentops-edge`. What an old Node cannot load is loaded after it has been looked at. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 15)) {
  process.stderr.write(`agentops-edge needs Node 22.15 or newer; this is ${process.version}\n`)
  process.exit(1)
}
const { main } = await import('./main.ts')
await main(process.argv)

export {}
