import { defineConfig, type UserConfig } from 'tsdown'
import { licenses } from './scripts/licenses.ts'
import { moduleTypes } from './scripts/module-types.ts'

/** The library: what a user's own bundle takes from it, a chunk each, for any runtime. */
const library: UserConfig = {
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
    'collector/clickhouse/index': 'src/collector/clickhouse/index.ts',
    'collector/worker/index': 'src/collector/worker/index.ts',
    // `imports` of package.json choose among these: a bundle for the edge has nothing of a process's end.
    'lifetime/exit': 'src/lifetime/exit.ts',
    'lifetime/no-exit': 'src/lifetime/no-exit.ts',
    'outbox/process': 'src/outbox/process.ts',
    'outbox/no-process': 'src/outbox/no-process.ts',
  },
  deps: { neverBundle: ['#exit', '#process', /^node:/] },
  format: 'esm',
  platform: 'neutral',
  target: 'es2022',
  dts: { sourcemap: true, compilerOptions: { stripInternal: true } },
  // `Session` may be disposed of, which a user's own `lib` need not know.
  banner: { dts: '/// <reference lib="esnext.disposable" />' },
  sourcemap: true,
  fixedExtension: false,
  plugins: [licenses('THIRD-PARTY-LICENSES.txt')],
  inputOptions: (options) => ({
    ...options,
    // Before the plugin that bundles declarations.
    plugins: [moduleTypes(), options.plugins],
    // Attribute names stand where they are used: 0.3 KB less in a user's bundle.
    optimization: { inlineConst: { mode: 'all', pass: 1 } },
  }),
}

/** The command, with all that it needs: where it is run there may be nothing but Node and this package. */
const command: UserConfig = {
  entry: { index: 'src/cli/index.ts' },
  outDir: 'dist/cli',
  format: 'esm',
  platform: 'node',
  target: 'es2022',
  dts: false,
  minify: true,
  clean: false,
  fixedExtension: false,
  deps: { alwaysBundle: [/./], onlyBundle: false },
  plugins: [licenses('THIRD-PARTY-LICENSES.txt')],
}

const config: UserConfig[] = defineConfig([library, command])

export default config
