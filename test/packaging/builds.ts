/** What the tools by which people deploy functions to Lambda tell esbuild, beside an entry and an outfile. */
import type { BuildOptions } from 'esbuild'

interface Build {
  tool: string
  options: BuildOptions & { format: 'cjs' | 'esm' }
  /** Tried with every change. */
  quick?: boolean
}

const node: BuildOptions = { bundle: true, platform: 'node', logLevel: 'silent' }
/** The SDK that is there at run time. */
const external = ['@aws-sdk/*', '@smithy/*']
/** Some put it before an ES module, for packages that call `require`. This one needs none. */
const banner = {
  js: `import { createRequire as topLevelCreateRequire } from 'module'
const require = topLevelCreateRequire(import.meta.url)`,
}

export const BUILDS: Build[] = [
  { tool: 'CDK', options: { ...node, format: 'cjs', target: 'node22', external }, quick: true },
  { tool: 'CDK', options: { ...node, format: 'esm', target: 'node22', external }, quick: true },
  {
    tool: 'CDK, minified, names kept',
    options: {
      ...node,
      format: 'esm',
      target: 'node24',
      minify: true,
      keepNames: true,
      mainFields: ['module', 'main'],
    },
  },
  {
    tool: 'SAM',
    options: { ...node, format: 'cjs', target: 'es2020', minify: true, mainFields: ['main', 'module'] },
  },
  {
    tool: 'SAM, for a runtime that is told to take modules',
    options: {
      ...node,
      format: 'esm',
      target: 'es2022',
      minify: true,
      sourcemap: true,
      mainFields: ['module', 'main'],
    },
  },
  {
    tool: 'SST',
    options: {
      ...node,
      format: 'esm',
      target: 'esnext',
      minify: true,
      keepNames: true,
      sourcemap: true,
      mainFields: ['module', 'main'],
      banner,
    },
  },
  { tool: 'SST', options: { ...node, format: 'cjs', target: 'node22', keepNames: true, sourcemap: true } },
  { tool: 'Serverless', options: { ...node, format: 'cjs', target: 'node22', sourcemap: true, external } },
  { tool: 'Serverless', options: { ...node, format: 'esm', target: 'node22', sourcemap: true, external } },
]
