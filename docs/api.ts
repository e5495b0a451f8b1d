/**
 * The reference of the API from the types: a page for each entry of the package. `npm run docs` calls it with the
 * folder of the library, and the one that the pages go into.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Application, Converter, type DeclarationReflection, type ParameterReflection, ReflectionKind } from 'typedoc'
import { ModuleRouter } from 'typedoc-plugin-markdown'

const [root = '', out = ''] = process.argv.slice(2)
const { name, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** By what it is imported as: the file of its source. */
const entries = new Map(
  Object.entries<{ types?: string }>(exports).flatMap(([path, { types }]) =>
    types ? [[name + path.slice(1), join(root, types.replace('/dist/', '/src/').replace(/\.d\.ts$/, '.ts'))]] : [],
  ),
)

/** `collector/worker` is `collector-worker`: no page has the name of a folder, which hosts of static files serve in its place. */
class EntryRouter extends ModuleRouter {
  override getModuleFileName(module: DeclarationReflection): string {
    return module.name.replace(`${name}/`, '').replaceAll('/', '-')
  }
}

// Not all that `tsconfig.json` names, tests and benches too: it takes five times as long.
writeFileSync('tsconfig.json', JSON.stringify({ extends: join(root, 'tsconfig.json'), files: [...entries.values()] }))
const app = await Application.bootstrapWithPlugins({
  plugin: ['typedoc-plugin-markdown'],
  name: 'API',
  entryPoints: [...entries.values()],
  // `npm run check` has checked them.
  skipErrorChecking: true,
  excludeInternal: true,
  excludeExternals: true,
  disableSources: true,
  disableGit: true,
  readme: 'none',
  out,
  router: 'entries',
  sortEntryPoints: false,
  logLevel: 'Warn',
})
app.options.setValue('entryFileName', 'index.md')
app.options.setValue('hidePageHeader', true)
app.options.setValue('hideBreadcrumbs', true)
app.options.setValue('useCustomAnchors', true)
app.options.setValue('indexFormat', 'table')
app.options.setValue('tableColumnSettings', { hideDefaults: true, hideInherited: true, hideOverrides: true })
for (const kind of ['parameters', 'interfaceProperties', 'classProperties', 'typeAliasProperties', 'typeDeclaration'])
  app.options.setValue(`${kind}Format`, 'table')
app.renderer.defineRouter('entries', EntryRouter)

// What is inherited from a type that is documented stands there, and is linked to. Before members are grouped.
app.converter.on(
  Converter.EVENT_RESOLVE_END,
  ({ project }) => {
    const inherited = Object.values(project.reflections).filter(
      (found) => found.isDeclaration() && found.inheritedFrom?.reflection && !found.kindOf(ReflectionKind.Constructor),
    )
    for (const found of inherited) project.removeReflection(found)
  },
  -50,
)

const project = await app.convert()
for (const entry of project?.children ?? []) {
  entry.name = entry.name === 'index' ? name : `${name}/${entry.name}`
  if (!entry.hasComment())
    app.logger.error(`${entry.name}: expected what it is for, with @module, at the top of its file`)
}
// A parameter that is taken apart has no name: its type's last word.
for (const found of project?.getReflectionsByKind(ReflectionKind.Parameter) ?? []) {
  const { type } = found as ParameterReflection
  if (found.name === '__namedParameters')
    found.name = /[A-Z][a-z]+$/.exec(type?.type === 'reference' ? type.name : '')?.[0].toLowerCase() ?? 'options'
}
if (project) await app.generateOutputs(project)
if (!project || app.logger.hasErrors()) process.exitCode = 1
