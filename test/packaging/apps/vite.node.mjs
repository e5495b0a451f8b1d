/** Everything in one file, as for a server whose `node_modules` stay behind. */
export default { build: { ssr: 'session.mjs', outDir: 'built' }, ssr: { noExternal: true }, logLevel: 'warn' }
