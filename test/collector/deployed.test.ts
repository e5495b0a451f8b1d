/** Whom the deployed backend refuses: the Worker of `examples/backend-worker` in workerd, asked under a name of its own. */
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { sign } from 'hono/jwt'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MIGRATIONS } from '../../scripts/migration.ts'
import { team } from '../../src/collector/team.ts'
import { otlpOf, traceIdOf } from '../support/desk.ts'
import { onD1 } from '../support/stores.ts'
import { waitFor } from '../support/wait.ts'
import type { RunningWorker } from '../support/workerd.ts'

const HOST = 'backend.example'
const TOKEN = 'a-token-of-the-team'
const KEY = '22222222-2222-4222-8222-222222222222'
const PASSWORD = 'correct horse battery'
const SECRET = '0123456789abcdef0123456789abcdef'
const BINDINGS = { BACKEND_TOKENS: `${TOKEN}\n${KEY}`, BACKEND_PASSWORD: PASSWORD, BACKEND_SECRET: SECRET }

interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
}
interface Ask {
  method?: string
  headers?: Record<string, string>
  body?: string
  host?: string
}

/** `fetch` sets `host`, `origin` and `sec-fetch-*` itself. A stream is left after its first part. */
function asking(worker: () => RunningWorker): (path: string, ask?: Ask) => Promise<Answer> {
  return (path, { method = 'GET', headers = {}, body, host = HOST } = {}) =>
    new Promise((resolve, reject) => {
      const outgoing = request(`${worker().url}${path}`, { method, headers: { host, ...headers } }, (response) => {
        let text = ''
        const done = (): void => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
          if (response.headers['content-type'] === 'text/event-stream') outgoing.destroy()
        }
        response.setEncoding('utf8').on('end', done).on('error', reject)
        response.on('data', (part: string) => {
          text += part
          if (response.headers['content-type'] === 'text/event-stream') done()
        })
      })
      outgoing.on('error', reject).end(body)
    })
}

const JSON_TYPE = { 'content-type': 'application/json' }
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const HTML = { accept: 'text/html' }
const one = otlpOf({ traceId: traceIdOf(1), name: 'GET /secret', start: Date.now(), ms: 5 })
const PAGES = [
  '/',
  '/overview',
  '/api/sessions',
  '/api/overview',
  '/live',
  `/traces/${traceIdOf(1)}`,
  `/traces/${traceIdOf(1)}/otlp.json`,
]
const READS = [
  ...PAGES,
  `/api/traces/${traceIdOf(1)}`,
  `/public/v1/traces/${traceIdOf(1)}`,
  '/conversations/x',
  '//',
  '/assets/../api/sessions',
]

describe('with tokens and a password', () => {
  let worker: RunningWorker
  const ask = asking(() => worker)
  const send = (headers: Record<string, string>, body: object = one, path = '/v1/traces'): Promise<Answer> =>
    ask(path, { method: 'POST', headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(body) })
  const logIn = (password: string, headers = {}, to = '/'): Promise<Answer> =>
    ask('/login', {
      method: 'POST',
      headers: { ...FORM, ...headers },
      body: `${new URLSearchParams({ password, to })}`,
    })
  const cookieOf = ({ headers }: Answer): string => `${headers['set-cookie']}`.split(';')[0] as string
  let cookie = ''
  beforeAll(async () => {
    worker = await onD1(BINDINGS)
    cookie = cookieOf(await logIn(PASSWORD))
  })
  afterAll(() => worker?.stop())

  test.each<[string, Record<string, string>]>([
    ['no token', {}],
    ['a wrong one', { authorization: 'Bearer not-a-token-of-the-team' }],
    ['the beginning of one', { authorization: `Bearer ${TOKEN.slice(0, -1)}` }],
    ['one with more behind it', { authorization: `Bearer ${TOKEN}x` }],
    ['all of them', { authorization: `Bearer ${BINDINGS.BACKEND_TOKENS.replace('\n', ' ')}` }],
    ['an empty one', { authorization: 'Bearer ' }],
    ['the password', { authorization: `Bearer ${PASSWORD}` }],
  ])('what comes in with %s is refused', async (_, headers) => {
    for (const path of ['/v1/traces', '/v1/metrics', '/v1/logs'])
      expect((await send(headers, one, path)).status).toBe(401)
  })

  test("a reader's cookie is no token, and a token no login", async () => {
    const jwt = cookie.split('=')[1]
    expect((await send({ authorization: `Bearer ${jwt}` })).status).toBe(401)
    const { text } = await send({}, { api_key: KEY }, '/v3/auth/token')
    const { token } = JSON.parse(text) as { token: string }
    expect((await ask('/', { headers: { ...HTML, cookie: `agentops_edge=${token}` } })).status).toBe(401)
    expect((await ask('/', { headers: { ...HTML, authorization: `Bearer ${TOKEN}` } })).status).toBe(401)
  })

  test('a token of the list, and an AgentOps key of it, may send; no other key gets a token', async () => {
    expect((await send({ authorization: `Bearer ${TOKEN}` })).status).toBe(200)
    const wrong = { api_key: '33333333-3333-4333-8333-333333333333' }
    expect((await send({}, wrong, '/v3/auth/token')).status).toBe(401)
    expect(
      (await send({ 'x-agentops-api-key': wrong.api_key }, { session: { session_id: KEY } }, '/v2/create_session'))
        .status,
    ).toBe(401)
    const { token } = JSON.parse((await send({}, { api_key: KEY }, '/v3/auth/token')).text) as { token: string }
    expect((await send({ authorization: `Bearer ${token}` })).status).toBe(200)
    const forged = await sign({ aud: 'authenticated', exp: 4e9 }, 'another secret of 32 characters!', 'HS256')
    expect((await send({ authorization: `Bearer ${forged}` })).status).toBe(401)
    await waitFor('the session', async () => (await ask('/', { headers: { cookie } })).text.includes('GET /secret'))
  })

  test('what a key or a password has opened is closed once they are others', async () => {
    const { token } = JSON.parse((await send({}, { api_key: KEY }, '/v3/auth/token')).text) as { token: string }
    const created = { 'x-agentops-api-key': KEY }
    const { jwt } = JSON.parse((await send(created, { session: { session_id: KEY } }, '/v2/create_session')).text)
    const changed = await onD1({ ...BINDINGS, BACKEND_TOKENS: TOKEN, BACKEND_PASSWORD: `${PASSWORD} 2` })
    try {
      const asked = asking(() => changed)
      const post = async (path: string, bearer: string, body: object): Promise<number> => {
        const headers = { ...JSON_TYPE, authorization: `Bearer ${bearer}` }
        return (await asked(path, { method: 'POST', headers, body: JSON.stringify(body) })).status
      }
      expect(await post('/v1/traces', TOKEN, one)).toBe(200)
      expect(await post('/v1/traces', token, one)).toBe(401)
      expect(await post('/v2/create_events', jwt, { events: [] })).toBe(401)
      expect((await asked('/', { headers: { cookie } })).status).toBe(401)
    } finally {
      await changed.stop()
    }
  })

  test.each(READS)('%s without a login is refused, and says nothing', async (path) => {
    const tries: Record<string, string>[] = [{}, HTML, { cookie: 'agentops_edge=x' }, { cookie: `${cookie}x` }]
    for (const headers of tries) {
      const { status, text } = await ask(path, { headers })
      expect([status, text.includes('secret')]).toEqual([401, false])
    }
  })

  test('a login lasts in a cookie that no script reads and no other page sends', async () => {
    const form = await ask('/overview?range=7d', { headers: HTML })
    expect(form.text).toContain('value="/overview?range=7d"')
    const answer = await logIn(PASSWORD, {}, '/overview?range=7d')
    expect([answer.status, answer.headers.location]).toEqual([303, '/overview?range=7d'])
    expect(`${answer.headers['set-cookie']}`).toMatch(/; Path=\/; HttpOnly; SameSite=Lax$/)
    for (const path of PAGES.filter((path) => path !== '/live')) {
      expect([path, (await ask(path, { headers: { cookie } })).status]).toEqual([path, 200])
    }
    expect((await ask('/live', { headers: { cookie } })).text).toContain('event: hello')
    const secure = await ask('/', { headers: { cookie } })
    expect(secure.headers['content-security-policy']).toContain("default-src 'none'")
  })

  test.each(['https://evil.example', '//evil.example', '/\\evil.example', 'evil', ''])(
    'a login does not lead to "%s"',
    async (to) => {
      expect((await logIn(PASSWORD, {}, to)).headers.location).toBe('/')
    },
  )

  test.each<[string, Record<string, string>]>([
    ['its origin', { origin: 'https://evil.example' }],
    ['no origin to tell', { origin: 'null' }],
    ['an origin that begins like this one', { origin: `http://${HOST}.evil.example` }],
    ['what its browser says', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' }],
  ])('another page is refused by %s, with the cookie and a token, too', async (_, headers) => {
    expect((await logIn(PASSWORD, headers)).status).toBe(403)
    expect((await send({ ...headers, authorization: `Bearer ${TOKEN}` })).status).toBe(403)
    for (const path of PAGES) expect((await ask(path, { headers: { ...headers, cookie } })).status).toBe(403)
  })

  test('a link of another page leads here', async () => {
    const headers = { cookie, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }
    expect((await ask('/', { headers })).status).toBe(200)
  })

  test('passwords are not tried for ever', async () => {
    const answers: number[] = []
    for (let n = 0; n < 12; n++) answers.push((await logIn(`guess number ${n}`)).status)
    expect(answers[0]).toBe(401)
    expect(answers.at(-1)).toBe(429)
    expect((await logIn(PASSWORD)).status).toBe(429)
    expect((await ask('/', { headers: { cookie } })).status).toBe(200)
  })
})

describe('a login', () => {
  const login = (body: BodyInit): Promise<Response> => {
    const { app } = team({ tokens: [TOKEN], password: PASSWORD, secret: SECRET })
    const init = { method: 'POST', headers: FORM, body, duplex: 'half' }
    return Promise.resolve((app as NonNullable<typeof app>).request('/login', init))
  }

  test('is tried ten times a minute, many at a time, too', async () => {
    const { app } = team({ tokens: [TOKEN], password: PASSWORD, secret: SECRET })
    const tries = Array.from({ length: 60 }, (_, n) =>
      app?.request('/login', { method: 'POST', headers: FORM, body: `password=guess+${n}` }),
    )
    const answers = await Promise.all(tries)
    expect(answers.filter((answer) => answer?.status === 401)).toHaveLength(10)
  })

  test('is no place for megabytes', async () => {
    let given = 0
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (given++ < 1000) controller.enqueue(new Uint8Array(100_000).fill(120))
        else controller.close()
      },
    })
    expect((await login(body)).status).toBe(401)
    expect(given).toBeLessThan(20)
    expect((await login(`password=${encodeURIComponent(PASSWORD)}&to=%2Foverview`)).headers.get('location')).toBe(
      '/overview',
    )
  })
})

test('its migrations make the tables that the library has', async () => {
  for (const [path, text] of MIGRATIONS) expect(await readFile(path, 'utf8')).toBe(text)
})

describe('with nothing set', () => {
  let worker: RunningWorker
  const ask = asking(() => worker)
  beforeAll(async () => {
    worker = await onD1()
  })
  afterAll(() => worker?.stop())

  test('it answers on the loopback interface, and nowhere else', async () => {
    for (const path of PAGES) expect((await ask(path)).status).toBe(503)
    const headers = JSON_TYPE
    for (const host of [HOST, 'localhost.evil.example', '127.0.0.1.nip.example']) {
      expect((await ask('/v1/traces', { method: 'POST', headers, body: JSON.stringify(one), host })).status).toBe(503)
    }
    expect((await ask('/', { host: 'localhost:8787' })).status).toBe(200)
    expect(
      (await ask('/v1/traces', { method: 'POST', headers, body: JSON.stringify(one), host: 'localhost:8787' })).status,
    ).toBe(200)
    expect(worker.logs.join()).toMatch(/neither tokens nor a login are set/)
  })
})

test.each<[string, Record<string, string>, RegExp]>([
  ['a short secret', { ...BINDINGS, BACKEND_SECRET: 'short' }, /the secret has less than 32 characters/],
  ['a short password', { ...BINDINGS, BACKEND_PASSWORD: 'short' }, /the password has less than 12 characters/],
  ['a short token', { ...BINDINGS, BACKEND_TOKENS: `${TOKEN} short` }, /a token has less than 16 characters/],
])('%s is said, and nobody gets in', async (_, bindings, line) => {
  const worker = await onD1(bindings)
  try {
    const ask = asking(() => worker)
    expect((await ask('/')).status).toBe(503)
    expect((await ask('/v1/traces', { method: 'POST', headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(
      503,
    )
    expect(worker.logs.join()).toMatch(line)
  } finally {
    await worker.stop()
  }
})

describe('behind Cloudflare Access', () => {
  const ISSUER = 'https://team.cloudflareaccess.com'
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss: ISSUER, aud: ['the-tag'], exp: now + 600, iat: now, email: 'ada@example.com' }
  let worker: RunningWorker
  let keys: CryptoKeyPair
  const asked: string[] = []
  const ask = asking(() => worker)
  const make = (): Promise<CryptoKeyPair> =>
    crypto.subtle.generateKey(
      { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' },
      true,
      ['sign', 'verify'],
    ) as Promise<CryptoKeyPair>
  const jwt = async (of: object, pair = keys, kid = 'k1'): Promise<string> => {
    const jwk = { ...(await crypto.subtle.exportKey('jwk', pair.privateKey)), kid } as unknown as string
    return await sign(of as Record<string, unknown>, jwk, 'RS256')
  }
  const page = async (token: string): Promise<number> =>
    (await ask('/', { headers: { ...HTML, 'cf-access-jwt-assertion': token } })).status
  beforeAll(async () => {
    keys = await make()
    const outboundService = async ({ url }: { url: string }): Promise<Response> => {
      asked.push(url)
      const jwk = await crypto.subtle.exportKey('jwk', keys.publicKey)
      return Response.json({ keys: [{ ...jwk, kid: 'k1', alg: 'RS256', use: 'sig' }] })
    }
    worker = await onD1(
      { ACCESS_ISSUER: ISSUER, ACCESS_AUDIENCE: 'the-tag', BACKEND_SECRET: SECRET },
      { outboundService },
    )
  })
  afterAll(() => worker?.stop())

  test('who it vouches for reads, and its keys are asked for once', async () => {
    for (let n = 0; n < 5; n++) expect(await page(await jwt(claims))).toBe(200)
    expect(asked).toEqual([`${ISSUER}/cdn-cgi/access/certs`])
  })

  test('nobody else does', async () => {
    const others = await make()
    const hs256 = await sign(claims, SECRET, 'HS256')
    const [, body] = (await jwt(claims)).split('.')
    const none = `${btoa('{"alg":"none","typ":"JWT"}').replaceAll('=', '')}.${body}.`
    const tokens = {
      'another audience': await jwt({ ...claims, aud: ['another'] }),
      'another team': await jwt({ ...claims, iss: 'https://evil.cloudflareaccess.com' }),
      expired: await jwt({ ...claims, exp: now - 60 }),
      'another key': await jwt(claims, others),
      'another key, unknown': await jwt(claims, others, 'k2'),
      'signed with the secret': hs256,
      'not signed': none,
      garbage: 'x.y.z',
    }
    for (const [what, token] of Object.entries(tokens)) expect([what, await page(token)]).toEqual([what, 401])
    expect((await ask('/', { headers: HTML })).status).toBe(401)
    expect((await ask('/login', { method: 'POST', headers: FORM, body: 'password=' })).status).toBe(404)
    expect((await ask('/v1/traces', { method: 'POST', headers: JSON_TYPE, body: '{}' })).status).toBe(401)
  })
})
