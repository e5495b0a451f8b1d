/**
 * Who may talk to a backend that others reach, too: agents send with a token of a list, people read after a login,
 * by Cloudflare Access or with a password. Where neither is set, it answers on the loopback interface only.
 */
import { type Context, Hono } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { sign, verify, verifyWithJwks } from 'hono/jwt'
import { warn } from '../runtime/diag.ts'
import type { Access } from './backend-app.ts'
import { readBody } from './body.ts'
import { hostOf, isLocal, refuseForeign } from './guard.ts'
import { loginPage } from './page/login.tsx'

/** Who belongs to the team, all optional. */
export interface TeamOptions {
  /** What agents send as `Authorization: Bearer`, or as AgentOps' key. At least 16 characters each. */
  tokens?: readonly string[]
  /** What people log in with. At least 12 characters. */
  password?: string
  /** Signs cookies and tokens: at least 32 characters, the same in each isolate. */
  secret?: string
  /** Cloudflare Access in front: `https://<team>.cloudflareaccess.com`, and the application's audience tag. */
  access?: { issuer: string; audience: string }
}

const COOKIE = 'agentops_edge'
const LIFETIME_S = 7 * 24 * 3600
/** Wrong passwords that one isolate looks at in a minute. */
const MAX_FAILURES = 10
/** Bytes of the form. */
const MAX_FORM = 10_000
const KEYS_MS = 10 * 60_000
const INGEST = /^\/(v1|v2|v3)\//
const OPEN = /^\/(assets\/|login$)/

/**
 * Tokens for agents, and a password or Cloudflare Access for people. Nothing set: this machine only. A setting that is
 * wrong is said, and nobody is let in.
 */
export function team(options: TeamOptions): Access {
  const { tokens = [], password, secret = '', access } = options
  const wrong = faultOf(options)
  // With another password nobody is logged in any more, and a key that is taken from the list has no tokens left.
  const [pageSecret, tokenSecret] = [[password], tokens].map((of) => [secret, ...of].join('\n')) as [string, string]
  const isSet = !!(tokens.length || password || access)
  const digests = Promise.all(tokens.map(digest))
  const accepts = async (token: string): Promise<boolean> => {
    if (!isSet) return true
    const given = await digest(token)
    // Each is compared to its end, the one that fits too.
    return (await digests).reduce((found, known) => equal(known, given) || found, false)
  }
  const keys = access && keysOf(`${access.issuer}/cdn-cgi/access/certs`)
  const isReader = async (c: Context): Promise<boolean> => {
    const cookie = getCookie(c, COOKIE)
    if (password && cookie && (await holds(() => verify(cookie, pageSecret, { alg: 'HS256', aud: 'page' }))))
      return true
    const token = c.req.header('cf-access-jwt-assertion')
    if (!access || !keys || !token) return false
    const verification = { iss: access.issuer, aud: access.audience }
    const isValid = async (isNew: boolean): Promise<boolean> => {
      const known = await keys(isNew)
      return holds(() => verifyWithJwks(token, { keys: known, allowedAlgorithms: ['RS256'], verification }))
    }
    // Keys are changed from time to time: one that is not known may be new.
    return (await isValid(false)) || (await isValid(true))
  }
  const failures = { count: 0, since: 0 }

  const app = new Hono()
  app.get('/login', (c) => c.html(loginPage('/')))
  app.post('/login', async (c) => {
    if (!password) return c.text('expected no login here: there is no password', 404)
    // Anybody may send it, so little of it is read.
    const text = await readBody(c.req.raw, MAX_FORM).then(
      (bytes) => new TextDecoder().decode(bytes),
      () => '',
    )
    const form = new URLSearchParams(text)
    const to = localPath(form.get('to'))
    if (Date.now() - failures.since > 60_000) Object.assign(failures, { count: 0, since: Date.now() })
    if (failures.count >= MAX_FAILURES) return c.html(loginPage(to, 'Too many tries. Wait a minute.'), 429)
    // Counted before it is looked at: many may be sent at a time.
    failures.count++
    if (!equal(await digest(form.get('password') ?? ''), await digest(password))) {
      return c.html(loginPage(to, 'This is not the password.'), 401)
    }
    failures.count--
    const exp = Math.floor(Date.now() / 1000) + LIFETIME_S
    const isSecure = new URL(c.req.url).protocol === 'https:'
    setCookie(c, COOKIE, await sign({ exp, aud: 'page' }, pageSecret, 'HS256'), {
      ...{ httpOnly: true, secure: isSecure, sameSite: 'Lax', path: '/', maxAge: LIFETIME_S },
    })
    return c.redirect(to, 303)
  })

  return {
    app,
    secret: secret ? tokenSecret : undefined,
    accepts: isSet ? accepts : undefined,
    async guard(c, next) {
      const foreign = refuseForeign(c)
      if (foreign) return foreign
      if (wrong || (!isSet && !isLocal(hostOf(c)))) {
        const fault = wrong ?? 'neither tokens nor a login are set, and this is not the loopback interface'
        warn(`the backend refuses everybody: ${fault}`)
        return c.text('this backend is not set up yet; its log says what is missing', 503)
      }
      const { pathname } = new URL(c.req.url)
      // What comes in looks at its tokens itself.
      if (!isSet || INGEST.test(pathname) || OPEN.test(pathname) || (await isReader(c))) return await next()
      if (!password) return c.text('expected to be asked through Cloudflare Access', 401)
      if (c.req.method !== 'GET' || !/text\/html/.test(c.req.header('accept') ?? ''))
        return c.text('expected a login', 401)
      const { search } = new URL(c.req.url)
      return c.html(loginPage(pathname + search), 401)
    },
  }
}

function faultOf({ tokens = [], password, secret = '', access }: TeamOptions): string | undefined {
  if (tokens.some((token) => token.length < 16)) return 'a token has less than 16 characters'
  if (password !== undefined && password.length < 12) return 'the password has less than 12 characters'
  if ((tokens.length || password) && secret.length < 32) return 'the secret has less than 32 characters'
  if (access && !/^https:\/\/[^/]+$/.test(access.issuer))
    return 'the issuer of Cloudflare Access is no https://<team>.cloudflareaccess.com'
  if (access && !access.audience) return 'Cloudflare Access has no audience'
  return undefined
}

/** A path of this backend; where it is none, the first page. */
function localPath(path: unknown): string {
  return typeof path === 'string' && /^\/(?![/\\])[\x20-\x7e]*$/.test(path) ? path : '/'
}

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
}

/** Takes as long wherever they differ. Both are digests. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  let difference = 0
  for (let n = 0; n < a.length; n++) difference |= (a[n] as number) ^ (b[n] as number)
  return difference === 0
}

async function holds(check: () => Promise<unknown>): Promise<boolean> {
  try {
    await check()
    return true
  } catch {
    return false
  }
}

type Keys = NonNullable<Parameters<typeof verifyWithJwks>[1]['keys']>

/** `isNew`: whether they are asked for again, at most once a minute. */
function keysOf(url: string): (isNew: boolean) => Promise<Keys> {
  let known: Keys = []
  let asked = 0
  return async (isNew) => {
    const age = Date.now() - asked
    if (age < (isNew || !known.length ? 60_000 : KEYS_MS)) return known
    try {
      const response = await fetch(url)
      if (!response.ok) throw new Error(`it answered ${response.status}`)
      known = ((await response.json()) as { keys: Keys }).keys
      asked = Date.now()
    } catch (error) {
      warn(`${url}: the keys of Cloudflare Access cannot be had (${(error as Error).message}); nobody new gets in`)
    }
    return known
  }
}
