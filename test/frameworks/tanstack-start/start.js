import { serve } from 'srvx'
import app from './dist/server/server.js'

serve({ fetch: (request) => app.fetch(request), port: Number(process.env.PORT), hostname: process.env.HOST })
