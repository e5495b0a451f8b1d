import { instrumentDurableObject } from 'agentops-edge/workers'
import { Agent, routeAgentRequest } from 'agents'
import { work } from './work.js'

class OrderDesk extends Agent {
  async onRequest() {
    await work()
    return new Response('answered')
  }
}

export const Desk = instrumentDurableObject(OrderDesk)

export default {
  fetch: (request, env) => routeAgentRequest(new Request(new URL('/agents/desk/ada', request.url), request), env),
}
