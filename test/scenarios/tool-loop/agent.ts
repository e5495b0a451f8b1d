/** Two tools, one after the other, as the model asks for them. */
import { type Agent, solve } from '../desk.ts'

export const agent: Agent = (desk) =>
  solve(desk, 'Book a table outside if it is dry.', {
    get_weather: ({ city }: { city: string }) => `dry in ${city}`,
    book_table: ({ place }: { place: string }) => ({ place, number: 12 }),
  })
