/** What cannot be kept or sent, said in words of our own. */
import { identify } from '../runtime/diag.ts'

/** Its message quotes nothing that may be a secret, so it may be said; of any other error only the kind is. */
export class Unfit extends TypeError {}

export function reasonOf(error: unknown): string {
  if (error instanceof Unfit) return error.message
  // A deadline's.
  return (error as Error | undefined)?.name === 'TimeoutError' ? 'no answer in time' : identify(error)
}
