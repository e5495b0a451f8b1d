/** The site of `npm run docs`, which copies this folder, installs its package and builds static files. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { defineConfig } from 'vitepress'
import { PAGES } from './pages.ts'

/** Where links to other files of the repository lead, such as `https://git.example.com/agentops-edge/blob/main`; text where it is not set. */
const SOURCE = process.env.DOCS_SOURCE

const titleOf = (page: string): string =>
  /^# (.*)$/m.exec(readFileSync(join(import.meta.dirname, '..', `${page}.md`), 'utf8'))?.[1] ?? page

const itemOf = (page: string) => ({ text: titleOf(page), link: `/${page.replace(/index$/, '')}` })

/** The pages that `api.ts` has written. */
const API = readdirSync(join(import.meta.dirname, '../reference/api'))
  .filter((file) => file !== 'index.md')
  .map((file) => itemOf(`reference/api/${file.replace(/\.md$/, '')}`))
  .sort((a, b) => (a.text < b.text ? -1 : 1))

export default defineConfig({
  title: 'agentops-edge',
  description: 'Every request of an AI agent on Cloudflare Workers, Vercel and AWS Lambda as one session',
  outDir: process.env.DOCS_OUT,
  base: process.env.DOCS_BASE,
  cleanUrls: true,
  themeConfig: {
    search: { provider: 'local' },
    outline: 'deep',
    nav: [
      { text: 'Options', link: '/reference/options' },
      { text: 'API', link: '/reference/api/' },
      { text: 'Troubleshooting', link: '/troubleshooting/' },
    ],
    sidebar: Object.entries(PAGES).map(([text, pages]) => ({
      text,
      items:
        text === 'Reference'
          ? [...pages.map(itemOf), { ...itemOf('reference/api/index'), collapsed: true, items: API }]
          : pages.map(itemOf),
    })),
  },
  markdown: {
    config: (md) => {
      // A file of the repository that is no page: its path as text, or a link to where the source is.
      md.core.ruler.push('source', ({ tokens, env }) => {
        for (const { children } of tokens) {
          let left = false
          for (const token of children ?? []) {
            const href = token.type === 'link_open' ? token.attrGet('href') : undefined
            if (href && !/^(\w+:|[/#])/.test(href)) {
              const path = posix.join('docs', posix.dirname(`${env.relativePath}`), href)
              left = !path.startsWith('docs/')
              if (!left) continue
              if (SOURCE) token.attrSet('href', `${SOURCE}/${path}`)
              else Object.assign(token, { tag: 'span', attrs: [['title', path]], type: 'source_open' })
            } else if (left && token.type === 'link_close') {
              if (!SOURCE) Object.assign(token, { tag: 'span', type: 'source_close' })
              left = false
            }
          }
        }
      })
    },
  },
})
