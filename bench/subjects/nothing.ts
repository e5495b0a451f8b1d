/** The app alone: what all others are measured over. */
import { type App, createApp } from './app.ts'

const app: App = createApp(() => (_step, inner) => inner())
export default app
