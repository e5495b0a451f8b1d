import type { NextConfig } from 'next'

/** The same app under a path, with locales, on a server of its own. */
const isShop = process.env.VARIANT === 'shop'

const config: NextConfig = {
  ...(isShop
    ? { basePath: '/shop', trailingSlash: true, i18n: { locales: ['en', 'de'], defaultLocale: 'en' } }
    : { output: 'standalone' }),
  distDir: isShop ? '.next-shop' : '.next',
  turbopack: { root: import.meta.dirname },
  outputFileTracingRoot: import.meta.dirname,
  typescript: { ignoreBuildErrors: true },
  rewrites: async () => ({
    beforeFiles: [{ source: '/alias-config/:id', destination: '/photo/:id' }],
    afterFiles: [],
    fallback: [{ source: '/outside/:path*', destination: `${process.env.MODEL_URL}/:path*` }],
  }),
  redirects: async () => [{ source: '/old/:id', destination: '/photo/:id', permanent: true }],
  headers: async () => [{ source: '/photo/:id', headers: [{ key: 'x-photo', value: 'yes' }] }],
}

export default config
