/** Everything in one file, as for a server whose `node_modules` stay behind. */
export default {
  build: { ssr: 'session.mjs', outDir: 'built', rolldownOptions: { output: { entryFileNames: '[name].mjs' } } },
  ssr: { noExternal: true },
  logLevel: 'warn',
}
