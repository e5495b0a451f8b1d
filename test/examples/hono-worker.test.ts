import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)

test('the example answers, prints its session with what the agent did, and ends with 0', async () => {
  const { stdout } = await run('node_modules/.bin/node', ['examples/hono-worker/start.ts', '--once'], {
    timeout: 55_000,
  })
  expect(stdout).toMatch(/^Answer +Ada's orders cost 23\.10 EUR/m)
  expect(stdout).toMatch(/^POST \/ask\.session · Success · .* · 9 spans · \d+ tokens$/m)
  expect(stdout).toMatch(/^ {4}order-desk\.agent /m)
  expect(stdout.match(/fetch_page\.tool|query_orders\.tool|calculate\.tool/g)).toHaveLength(4)
  expect(stdout.match(/fetch_page\.tool.*✗/g)).toHaveLength(1)
  expect(stdout.match(/chat\.llm.*desk-model · \d+ \+ \d+ tokens/g)).toHaveLength(3)
})
