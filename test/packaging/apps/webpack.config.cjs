const shared = { mode: 'production', entry: './session.mjs', target: 'node22' }
const at = (filename) => ({ path: `${__dirname}/built`, filename })

module.exports = [
  {
    ...shared,
    output: { ...at('webpack.mjs'), module: true, chunkFormat: 'module' },
    experiments: { outputModule: true },
  },
  { ...shared, output: at('webpack.cjs') },
]
