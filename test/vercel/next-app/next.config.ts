import type { NextConfig } from 'next'

const config: NextConfig = {
  turbopack: { root: import.meta.dirname },
  experimental: { authInterrupts: true },
  typescript: { ignoreBuildErrors: true },
}

export default config
