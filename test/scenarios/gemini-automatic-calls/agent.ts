/** Google's client runs the tools itself; the calls of Gemini have no ids. */
import { type Agent, gemini, TRIP } from '../desk.ts'

export const agent: Agent = async (desk) => {
  const tool = {
    tool: async () => ({ functionDeclarations: Object.keys(TRIP).map((name) => ({ name })) }),
    callTool: (calls: { name?: string; args?: Record<string, unknown> }[]) =>
      Promise.all(
        calls.map(async ({ name = '', args = {} }) => {
          const done = TRIP[name]?.(args) ?? Promise.reject(new Error(name))
          const response = await done.then(
            (output) => ({ output }),
            (error) => ({ error: `${error}` }),
          )
          return { functionResponse: { name, response } }
        }),
      ),
  }
  const body = { model: 'gemini-2.5-flash', contents: 'Take me to dinner in Oslo.', config: { tools: [tool] } }
  const { models } = gemini(desk)
  if (!desk.stream) return models.generateContent(body)
  const parts: unknown[] = []
  for await (const part of await models.generateContentStream(body)) parts.push(part)
  return parts
}
