/** A tool fails, and the model makes the best of it: no failure of the session. */
import { type Agent, solve } from '../desk.ts'

export const agent: Agent = (desk) =>
  solve(desk, 'What is in my inbox?', {
    read_mail() {
      throw new RangeError('the mailbox is locked')
    },
  })
