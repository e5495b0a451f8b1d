/**
 * Frameworks that go on by throwing: Next.js' `redirect()`, `notFound()`, `forbidden()` and the rest, which it tells by
 * their `digest` (`NEXT_REDIRECT;replace;/login;307;`, `NEXT_HTTP_ERROR_FALLBACK;404`). That is no failure of anything.
 */

const DIGEST = /^(NEXT_[A-Z_]+|BAILOUT_TO_CLIENT_SIDE_RENDERING|DYNAMIC_SERVER_USAGE|HANGING_PROMISE_REJECTION)(;|$)/

/** Undefined where `error` is none; the status of the answer that it becomes, where it says that. */
export function controlFlowOf(error: unknown): { status?: number } | undefined {
  let digest: unknown
  try {
    digest = Object(error).digest
  } catch {}
  if (typeof digest !== 'string' || !DIGEST.test(digest)) return undefined
  const [, status] = /;(\d{3});?$/.exec(digest.replace(/^NEXT_NOT_FOUND$/, ';404')) ?? []
  return status === undefined ? {} : { status: Number(status) }
}
