/** The README's pictures of the local backend's page, from the sessions of `test/support/desk.ts`. After a build. */
import { mkdir } from 'node:fs/promises'
import { startBackend } from 'agentops-edge/collector'
import { openBrowser } from '../test/support/browser.ts'
import { type DeskSession, dayOfSessions, deskSessions, otlpOf, traceIdOf } from '../test/support/desk.ts'

const SHOTS: [name: string, path: string, colorScheme: 'light' | 'dark'][] = [
  ['sessions', '/', 'light'],
  ['session', `/traces/${traceIdOf(1)}`, 'dark'],
  ['conversation', '/conversations/desk-ada', 'light'],
  ['overview', '/overview', 'light'],
]

await mkdir('docs', { recursive: true })
const backend = await startBackend()
const { browser } = await openBrowser()
try {
  const send = async (sessions: DeskSession[]): Promise<void> => {
    const body = JSON.stringify({ resourceSpans: sessions.flatMap((session) => otlpOf(session).resourceSpans) })
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${backend.url}/v1/traces`, { method: 'POST', body, headers })
    if (!response.ok) throw new Error(await response.text())
  }
  await send(deskSessions())
  const page = await browser.newPage({ viewport: { width: 1240, height: 780 } })
  for (const [name, path, colorScheme] of SHOTS) {
    if (name === 'overview') await send(dayOfSessions())
    await page.emulateMedia({ colorScheme })
    await page.goto(backend.url + path)
    if (name !== 'overview') await page.locator('#status.on').waitFor()
    await page.setViewportSize({ width: 1240, height: name === 'overview' ? 1330 : 780 })
    await page.screenshot({ path: `docs/${name}.png` })
    console.log(`docs/${name}.png`)
  }
} finally {
  await browser.close()
  await backend.close()
}
