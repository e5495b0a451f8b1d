/** The page in a real Chromium. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Backend, startBackend } from '../../src/collector/index.ts'
import { type Browser, openBrowser, type Page } from '../support/browser.ts'
import { attributesOf, type DeskSession, deskSessions, otlpOf, spanId, traceIdOf } from '../support/desk.ts'
import { waitFor } from '../support/wait.ts'

let backend: Backend
let browser: Browser
let axe: string
let page: Page
/** What the browser complained of: errors, and scripts that the policy kept from running. */
let complaints: string[] = []

async function send(of: DeskSession | object): Promise<void> {
  const body = JSON.stringify('traceId' in of ? otlpOf(of as DeskSession) : of)
  const headers = { 'content-type': 'application/json' }
  expect((await fetch(`${backend.url}/v1/traces`, { method: 'POST', body, headers })).status).toBe(200)
}

beforeAll(async () => {
  ;[backend, { browser, axe }] = await Promise.all([startBackend(), openBrowser()])
  for (const session of deskSessions()) await send(session)
  page = await browser.newPage({ viewport: { width: 1280, height: 820 } })
  page.on('console', ((message: { type(): string; text(): string }) => {
    if (message.type() === 'error') complaints.push(message.text())
  }) as never)
  page.on('pageerror', ((error: Error) => complaints.push(error.message)) as never)
}, 300_000)
afterAll(async () => {
  await browser?.close()
  await backend?.close()
})
beforeEach(() => {
  complaints = []
})

const ASKED = traceIdOf(1)
/** The page's policy keeps Playwright from polling inside it. */
const until = (what: string): Promise<true> =>
  waitFor(what, async () => (await page.evaluate<boolean>(`!!(${what})`)) || undefined)
const rows = (): Promise<string[]> => page.locator('.sessions tbody .row-link').allInnerTexts()
const live = (): Promise<true> => until(`document.querySelector('#status.on')`)
const focused = (): Promise<string> => page.evaluate(`document.activeElement.textContent.trim()`)

test('the list shows state, name, tags, tokens and cost', async () => {
  await page.goto(backend.url)
  const list = await page.locator('.sessions').innerText()
  for (const part of [
    'Success',
    'Fail',
    'Indeterminate',
    'Running',
    'the model is overloaded',
    'nightly',
    '48.2K',
    '3 model calls, 4 tools',
  ]) {
    expect(list).toContain(part)
  }
  expect(await rows()).toHaveLength(12)
})

test('filters apply as they are chosen, and a search finds what a model said', async () => {
  await page.goto(backend.url)
  await page.locator('select[name=state]').selectOption('Fail')
  await page.waitForURL(/state=Fail/)
  expect(await rows()).toEqual(['POST /ask'])
  await page.goto(`${backend.url}/?tag=nightly`)
  expect(await rows()).toEqual(['cron 0 * * * *'])
  await page.locator('input[type=search]').fill('notebooks 13.50')
  await page.locator('select[name=tag]').selectOption('')
  await page.waitForURL(/q=notebooks/)
  expect(await page.locator('tr[data-id]').getAttribute('data-id')).toBe(traceIdOf(2))
  await page.goto(`${backend.url}/?q=nothinglikethis`)
  expect(await page.locator('.empty').innerText()).toContain('No session fits')
})

test('a session appears while the page is open, runs, and ends', async () => {
  await page.goto(backend.url)
  await live()
  const session = { traceId: traceIdOf(50), name: 'POST /later', start: Date.now(), ms: 400 }
  const spans = [
    { name: 'early.tool', at: 1, ms: 2, attributes: { 'agentops.span.kind': 'tool', 'tool.name': 'early' } },
  ]
  await send({ ...session, spans, isRunning: true })
  await until(`document.querySelector('tr[data-id="${session.traceId}"] .s-Running')`)
  await send({ ...session, spans })
  await until(`document.querySelector('tr[data-id="${session.traceId}"] .s-Success')`)
  expect((await rows())[0]).toBe('POST /later')
  await page.goto(`${backend.url}/traces/${session.traceId}`)
  await live()
  const late = { traceId: session.traceId, name: 'x', start: session.start, ms: 1, isRunning: true }
  const other = otlpOf({
    ...late,
    spans: [
      { name: 'unused.tool', at: 0, ms: 1 },
      { name: 'late.tool', at: 100, ms: 200 },
    ],
  })
  await send(other)
  await until(`document.querySelector('.spans').textContent.includes('late')`)
})

test('a session that has not come yet is shown as soon as it does', async () => {
  const session = { traceId: traceIdOf(51), name: 'POST /soon', start: Date.now(), ms: 4 }
  await page.goto(`${backend.url}/traces/${session.traceId}`)
  await live()
  expect(await page.locator('main').innerText()).toContain('No such session')
  await send(session)
  await until(`document.querySelector('h1').textContent === 'POST /soon' && document.title.startsWith('POST /soon')`)
})

test('what is unfolded stays so while more comes, and Escape leads back to the list as it was', async () => {
  const list = `${backend.url}/?tag=beta`
  await page.goto(list)
  await page.goto(`${backend.url}/conversations/desk-ada`)
  await live()
  await page.evaluate(`document.querySelector('#live details').open = true`)
  const [told] = deskSessions().slice(1)
  await send({ ...(told as DeskSession), traceId: traceIdOf(53), name: 'POST /third' })
  await until(`[...document.querySelectorAll('.turn')].some((turn) => turn.textContent.includes('POST /third'))`)
  expect(await page.evaluate(`document.querySelector('#live details').open`)).toBe(true)
  await page.keyboard.press('Escape')
  await page.waitForURL(list)
})

test('times are those of whoever reads', async () => {
  const other = await browser.newPage({ timezoneId: 'Asia/Tokyo' })
  await other.goto(`${backend.url}/traces/${ASKED}`)
  const [shown, meant] = await other.evaluate<[string, string]>(
    `[document.querySelector('time').textContent, new Date(document.querySelector('time').dateTime).toTimeString().slice(0, 8)]`,
  )
  expect(shown.endsWith(meant)).toBe(true)
  expect(await other.evaluate('new Date(0).getHours()')).toBe(9)
})

test('a tab that nobody looks at holds no connection, and has caught up when somebody does', async () => {
  await page.goto(backend.url)
  await live()
  const look = (isHidden: boolean): Promise<unknown> =>
    page.evaluate(
      `Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true }); document.dispatchEvent(new Event('visibilitychange'))`,
    )
  await look(true)
  expect(await page.evaluate('source')).toBe(undefined)
  await send({ traceId: traceIdOf(52), name: 'POST /meanwhile', start: Date.now(), ms: 4 })
  await look(false)
  await until(`document.querySelector('tr[data-id="${traceIdOf(52)}"]')`)
})

test('on a telephone nothing is wider than it, and every page is in reach', async () => {
  await page.setViewportSize({ width: 400, height: 800 })
  try {
    for (const path of [
      '/',
      '/overview',
      `/traces/${ASKED}`,
      `/traces/${ASKED}?view=chat`,
      '/conversations/desk-ada',
    ]) {
      await page.goto(backend.url + path)
      expect([path, await page.evaluate('document.documentElement.scrollWidth')]).toEqual([path, 400])
      expect(await page.locator('.bar nav a').nth(1).isVisible()).toBe(true)
    }
  } finally {
    await page.setViewportSize({ width: 1280, height: 820 })
  }
})

test('the waterfall: what failed is open, a click opens another event, a drag zooms, rows fold', async () => {
  await page.goto(`${backend.url}/traces/${ASKED}`)
  expect(await page.locator('.story').innerText()).toMatch(/What do Ada's orders cost[\s\S]*23\.10 EUR/)
  expect(await page.locator('#panel h2').innerText()).toBe('fetch_page')
  expect(await page.locator('#panel').innerText()).toContain('https://shop.example/prices answered 503')
  await page.locator('#panel a[href*="span="]').click()
  await until(`document.querySelector('#panel h2').textContent === 'gpt-4o-2024-08-06'`)
  expect(await page.locator('#panel').innerText()).toContain('query_orders')
  const box = await page.locator('.minimap').boundingBox()
  if (!box) throw new Error('there is no minimap')
  await page.mouse.move(box.x + box.width / 2, box.y + 20)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width * 0.75, box.y + 20)
  await page.mouse.up()
  const [from, , width] = `${await page.locator('.track').first().getAttribute('viewBox')}`.split(' ').map(Number)
  expect(from).toBeGreaterThan(4800)
  expect(width).toBeLessThan(2700)
  expect(await page.locator('.ticks span').first().innerText()).toMatch(/1\.3\d s/)
  await page.locator('[data-zoom="0"]').click()
  expect(await page.locator('.track').first().getAttribute('viewBox')).toBe('0 0 10000 10')
  await page.locator('.fold').nth(1).click()
  expect(await page.locator('.spans tbody tr:not([hidden])').count()).toBe(2)
})

test('a failed session opens at what failed, not at its root', async () => {
  await page.goto(`${backend.url}/traces/${traceIdOf(3)}`)
  expect(await page.locator('#panel').innerText()).toMatch(/^model\s+failed\s+gpt-4o/)
})

test('the chat: each message once, results at the calls that asked for them', async () => {
  await page.goto(`${backend.url}/traces/${ASKED}?view=chat`)
  const text = await page.locator('.chat').innerText()
  expect(text.match(/What do Ada's orders cost/g)).toHaveLength(1)
  expect(text.indexOf('"item": "notebook"')).toBeGreaterThan(text.indexOf('query_orders'))
  expect(text.indexOf('"item": "notebook"')).toBeLessThan(text.indexOf('fetch_page'))
  expect(text).toContain('23.10 EUR')
})

test('a conversation: its sessions as one thread, oldest first, nothing twice', async () => {
  await page.goto(`${backend.url}/traces/${traceIdOf(2)}`)
  await page.locator('a[href^="/conversations/"]').click()
  await page.waitForURL(/conversations\/desk-ada/)
  const text = await page.locator('.conversation').innerText()
  expect(text.match(/What do Ada's orders cost/g)).toHaveLength(1)
  expect(text.indexOf('And without the pencils?')).toBeGreaterThan(text.indexOf('23.10 EUR'))
  expect(text).toContain('13.50 EUR')
})

test('links as AgentOps writes them lead to the session', async () => {
  const uuid = ASKED.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  for (const link of [`/sessions?trace_id=${ASKED}`, `/traces?trace_id=${ASKED}`, `/traces/${uuid}`]) {
    await page.goto(backend.url + link)
    expect(await page.locator('h1').innerText()).toBe('POST /ask')
  }
})

test('with the keyboard alone', async () => {
  await page.goto(backend.url)
  await page.keyboard.press('j')
  await page.keyboard.press('j')
  await page.keyboard.press('k')
  const first = await page.evaluate<string>(`document.activeElement.getAttribute('href')`)
  await page.keyboard.press('Enter')
  await page.waitForURL(new RegExp(first))
  await page.goto(`${backend.url}/traces/${ASKED}`)
  await page.keyboard.press('j')
  expect(await focused()).toBe('gpt-4o-2024-08-06')
  await page.keyboard.press('Enter')
  await until(`document.querySelector('#panel h2').textContent === 'gpt-4o-2024-08-06'`)
  for (const _ of [1, 2, 3, 4]) await page.keyboard.press('k')
  expect(await focused()).toBe('order-desk')
  await page.keyboard.press('ArrowLeft')
  expect(await page.locator('.spans tbody tr:not([hidden])').count()).toBe(2)
  await page.keyboard.press('ArrowRight')
  expect(await page.locator('.spans tbody tr:not([hidden])').count()).toBe(10)
  await page.keyboard.press('+')
  expect(await page.locator('.track').first().getAttribute('viewBox')).toBe('2500 0 5000 10')
  await page.keyboard.press('3')
  await page.waitForURL(/view=chat/)
  await page.keyboard.press('Escape')
  await page.waitForURL(`${backend.url}/`)
  await page.keyboard.press('/')
  await page.keyboard.type('overloaded')
  await page.keyboard.press('Enter')
  await page.waitForURL(/q=overloaded/)
  expect(await rows()).toHaveLength(1)
})

test('dark and light: as the system has it, or as was chosen', async () => {
  const background = (): Promise<string> => page.evaluate(`getComputedStyle(document.documentElement).backgroundColor`)
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.goto(backend.url)
  expect(await background()).toBe('rgb(20, 22, 26)')
  await page.locator('#theme').click()
  expect(await background()).toBe('rgb(251, 251, 252)')
  await page.reload()
  expect(await background()).toBe('rgb(251, 251, 252)')
  await page.evaluate(`localStorage.clear()`)
  await page.emulateMedia({ colorScheme: 'light' })
})

const XSS = [
  `<script>window.broken=1</script>`,
  `"><img src=x onerror="window.broken=1">`,
  `'-window.broken=1-'`,
  `javascript:window.broken=1`,
  `</pre></details><svg onload=window.broken=1>`,
  `\u202e${'gnirts'}\u0000\u2028</title><script>window.broken=1</script>`,
]
test.each(XSS)('a span whose every field is %j runs nothing, on no view', async (evil) => {
  const n = 100 + XSS.indexOf(evil)
  const traceId = traceIdOf(n)
  const call = { id: evil, name: evil, arguments: { [evil]: evil } }
  const attributes = {
    'agentops.span.kind': 'llm',
    'gen_ai.request.model': evil,
    'gen_ai.prompt.0.role': evil,
    'gen_ai.prompt.0.content': evil,
    'gen_ai.completion.0.content': evil,
    'gen_ai.completion.0.tool_calls.0.name': evil,
    'gen_ai.completion.0.tool_calls.0.id': evil,
    'gen_ai.completion.0.tool_calls.0.arguments': JSON.stringify(call.arguments),
    'tool.name': evil,
    'error.type': evil,
    'http.route': evil,
    'gen_ai.output.messages': JSON.stringify([
      {
        role: evil,
        parts: [
          { type: evil, [evil]: evil },
          { type: 'text', content: evil },
        ],
      },
    ]),
    [evil]: [evil],
  }
  const events = [
    {
      name: evil,
      timeUnixNano: '1',
      attributes: attributesOf({
        'exception.type': evil,
        'exception.message': evil,
        'exception.stacktrace': evil,
        [evil]: evil,
      }),
    },
  ]
  const tool = {
    'agentops.span.kind': 'tool',
    'tool.name': evil,
    'gen_ai.tool.call.id': evil,
    'tool.parameters': evil,
    'tool.result': JSON.stringify({ [evil]: evil }),
  }
  const links = [{ traceId, spanId: spanId(traceId, 1), attributes: attributesOf({ [evil]: evil }) }]
  await send({
    traceId,
    name: evil,
    start: Date.now(),
    ms: 10,
    state: 'Fail',
    reason: evil,
    tags: [evil],
    route: evil,
    conversation: evil,
    service: evil,
    spans: [
      { name: evil, at: 1, ms: 2, error: evil, attributes, events, links },
      { name: `${evil}.tool`, at: 4, ms: 1, attributes: tool, links },
    ],
  })
  await send({ traceId: traceIdOf(n + 50), name: evil, start: Date.now(), ms: 1, conversation: evil })
  const paths = [
    '/',
    `/?tag=${encodeURIComponent(evil)}&q=${encodeURIComponent(evil)}&route=${encodeURIComponent(evil)}`,
    `/conversations/${encodeURIComponent(evil)}`,
    `/traces/${encodeURIComponent(evil)}`,
  ]
  paths.push('/overview', `/overview?service=${encodeURIComponent(evil)}&environment=${encodeURIComponent(evil)}`)
  for (const view of ['waterfall', 'tree', 'chat', 'raw']) {
    for (const span of [1, 2, 3]) paths.push(`/traces/${traceId}?view=${view}&span=${spanId(traceId, span)}`)
  }
  for (const path of paths) {
    await page.goto(backend.url + path)
    expect(await page.evaluate('window.broken')).toBeUndefined()
    expect(await page.evaluate(`document.querySelectorAll('main script, main img, [onerror], [onload]').length`)).toBe(
      0,
    )
    expect(await page.evaluate(`[...document.links].filter((link) => !/^https?:/.test(link.protocol)).length`)).toBe(0)
    expect(await page.evaluate(String.raw`/[\u202e\u2028\u0000]/.test(document.body.textContent)`)).toBe(false)
  }
  expect(complaints.filter((text) => !/404/.test(text))).toEqual([])
})

test('the overview says what a point is, goes from one to the next by arrows, and leads to its sessions', async () => {
  // Before all that was sent before.
  const at = Date.now() - 9 * 3600_000
  const tags = ['hour']
  for (const n of [0, 1]) await send({ traceId: traceIdOf(600 + n), name: `hour${n}`, start: at, ms: 10, tags })
  await page.goto(`${backend.url}/overview`)
  expect(await page.locator('.tiles').innerText()).toMatch(/Sessions\s+\d\d/)
  expect(await page.locator('.chart h2').allInnerTexts()).toEqual([
    ...['Sessions', 'Latency', 'Tokens', 'Cost', 'Calls of models', 'Calls of tools'],
  ])
  const sessions = page.locator('.chart').first()
  await page.evaluate(`document.querySelector('.chart .point[tabindex="0"]').focus()`)
  const said = (): Promise<string> => page.evaluate(`document.querySelector('.chart .said').textContent`)
  expect(await said()).toMatch(/: not failed \d+, failed \d+$/)
  await page.keyboard.press('Home')
  expect(await said()).toMatch(/: not failed 2, failed 0$/)
  expect(
    await page.evaluate(`document.querySelectorAll('.chart')[0].querySelectorAll('.point[tabindex="0"]').length`),
  ).toBe(1)
  await page.keyboard.press('Enter')
  await page.waitForURL(/after=\d+&before=\d+/)
  expect(await rows()).toEqual(expect.arrayContaining(['hour0', 'hour1']))
  expect(await rows()).toHaveLength(2)
  expect(await page.locator('.filters').innerText()).toContain('begun from')
  await page.goto(`${backend.url}/overview`)
  await page.locator('select[name=service]').selectOption('mailer')
  await page.waitForURL(/overview\?.*service=mailer/)
  expect(await page.locator('.tiles').innerText()).toMatch(/Sessions\s+1\b/)
  expect(await sessions.innerText()).toContain('1 session')
  expect(await page.locator('.data tbody a').count()).toBe(48)
})

test.each([
  ['list', '/', 'light'],
  ['list', '/', 'dark'],
  ['waterfall', `/traces/${ASKED}`, 'light'],
  ['waterfall', `/traces/${ASKED}`, 'dark'],
  ['tree', `/traces/${ASKED}?view=tree`, 'light'],
  ['chat', `/traces/${ASKED}?view=chat`, 'light'],
  ['chat', `/traces/${ASKED}?view=chat`, 'dark'],
  ['raw', `/traces/${ASKED}?view=raw`, 'light'],
  ['conversation', '/conversations/desk-ada', 'light'],
  ['overview', '/overview', 'light'],
  ['overview', '/overview', 'dark'],
] as const)('axe finds no serious fault: %s %s %s', async (_, path, colorScheme) => {
  await page.emulateMedia({ colorScheme })
  await page.goto(backend.url + path)
  await page.evaluate(axe)
  const found = await page.evaluate<string[]>(
    `axe.run().then(({ violations }) => violations.filter(({ impact }) => /serious|critical/.test(impact)).map(({ id, nodes }) => id + ': ' + nodes.slice(0, 3).map(({ html, failureSummary }) => html + failureSummary).join(' ')))`,
  )
  expect(found).toEqual([])
})

test('80,000 spans, 40,000 of them siblings: the page stays small, and the rest can be reached', async () => {
  const traceId = traceIdOf(400)
  const start = BigInt(Date.now()) * 1_000_000n
  for (let chunk = 0; chunk < 16; chunk++) {
    const spans = Array.from({ length: 5000 }, (_, i) => {
      const n = chunk * 5000 + i + 1
      const parent = n === 1 ? undefined : n <= 40_001 ? 1 : n - 1
      return {
        traceId,
        spanId: spanId(traceId, n),
        parentSpanId: parent && spanId(traceId, parent),
        name: `s${n}`,
        kind: 1,
        startTimeUnixNano: `${start + BigInt(n) * 1000n}`,
        endTimeUnixNano: `${start + BigInt(n) * 1000n + 500n}`,
      }
    })
    await send({ resourceSpans: [{ scopeSpans: [{ spans }] }] })
  }
  for (const view of ['waterfall', 'tree', 'chat', 'raw']) {
    const text = await (await fetch(`${backend.url}/traces/${traceId}?view=${view}`)).text()
    expect(text.length).toBeLessThan(3e6)
  }
  await page.goto(`${backend.url}/traces/${traceId}`)
  expect(await page.locator('.spans tbody tr').count()).toBe(1000)
  expect(await page.locator('.more').innerText()).toContain('80K events')
  await page.goto(`${backend.url}/traces/${traceId}?span=${spanId(traceId, 79_999)}`)
  expect(await page.locator('tr.selected').innerText()).toContain('s79999')
})
