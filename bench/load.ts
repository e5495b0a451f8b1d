/** A client that costs little: connections that stay open, bodies that are thrown away. */
import { Agent, request } from 'node:http'

const agents = new Map<number, Agent>()

function agentOf(atOnce: number): Agent {
  const agent = agents.get(atOnce) ?? new Agent({ keepAlive: true, maxSockets: atOnce })
  agents.set(atOnce, agent)
  return agent
}

function one(url: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    request(url, { agent }, (response) => {
      response.resume()
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode === 200) resolve()
        else reject(new Error(`${url} answered ${response.statusCode}`))
      })
    })
      .on('error', reject)
      .end()
  })
}

/**
 * Resolves to how many requests were made: `requests`, or fewer where the time was up. Rejects where an answer is no 200.
 * `paths` take turns.
 */
export async function load(
  url: string,
  paths: readonly string[],
  requests: number,
  atOnce: number,
  ms: number = Number.POSITIVE_INFINITY,
): Promise<number> {
  const agent = agentOf(atOnce)
  const until = performance.now() + ms
  let n = 0
  const client = async (): Promise<void> => {
    while (n < requests && performance.now() < until) await one(url + paths[n++ % paths.length], agent)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, requests) }, client))
  return n
}

export function closeConnections(): void {
  for (const agent of agents.values()) agent.destroy()
}
