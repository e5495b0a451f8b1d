/** A plugin of the build: the licences of the packages that are bundled into `dist`, in one file beside it. */
import { readdirSync, readFileSync } from 'node:fs'
import type { Rolldown } from 'tsdown'

const PACKAGE = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/

export function licenses(fileName: string): Rolldown.Plugin {
  return {
    name: 'licenses',
    generateBundle() {
      const folders = new Set([...this.getModuleIds()].flatMap((id) => PACKAGE.exec(id)?.[0] ?? []))
      const texts = [...folders].sort().map((folder) => {
        const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'))
        const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
        if (!file) this.error(`${name}: expected a file LICENSE, as its code is bundled`)
        return `${name} ${version} (${license})\n\n${readFileSync(`${folder}/${file}`, 'utf8').trim()}\n`
      })
      // Declarations are bundled apart, of the same packages.
      if (texts.length) this.emitFile({ type: 'asset', fileName, source: texts.join(`\n${'-'.repeat(80)}\n\n`) })
    },
  }
}
