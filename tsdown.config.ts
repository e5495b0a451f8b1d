import { defineConfig, type UserConfig } from 'tsdown'
import { licenses } from './scripts/licenses.ts'

const config: UserConfig = defineConfig({
  entry: {
    index: 'src/index.ts',
    'hono/index': 'src/hono/index.ts',
    'workers/index': 'src/workers/index.ts',
    'vercel/index': 'src/vercel/index.ts',
    'lambda/index': 'src/lambda/index.ts',
    'middy/index': 'src/middy/index.ts',
    'formats/index': 'src/formats/index.ts',
    'spool/index': 'src/spool/index.ts',
    'instrumentation/index': 'src/instrumentation/index.ts',
    'semconv/index': 'src/semconv/index.ts',
    'metrics/index': 'src/metrics/index.ts',
    'collector/index': 'src/collector/index.ts',
  },
  format: 'esm',
  platform: 'neutral',
  target: 'es2022',
  dts: { sourcemap: true },
  sourcemap: true,
  fixedExtension: false,
  plugins: [licenses('THIRD-PARTY-LICENSES.txt')],
  // Attribute names stand where they are used: 0.3 KB less in a user's bundle.
  inputOptions: { optimization: { inlineConst: { mode: 'all', pass: 1 } } },
})

export default config
