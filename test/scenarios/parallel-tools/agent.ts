/** One tool, asked for three times at once. */
import { type Agent, solve } from '../desk.ts'

const DEGREES: Record<string, number> = { Oslo: 4, Rome: 19, Lima: 22 }

export const agent: Agent = (desk) =>
  solve(desk, 'Where is it warmest: Oslo, Rome or Lima?', {
    get_weather: ({ city }: { city: string }) => DEGREES[city],
  })
