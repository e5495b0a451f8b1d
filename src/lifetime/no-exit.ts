/** In place of `exit.ts` where a bundler knows that there is no process: on Workers, and on Vercel's edge. */
import type * as exit from './exit.ts'

export const atExit: typeof exit.atExit = () => () => {}
export const atShutdown: typeof exit.atShutdown = () => {}
export const settleAtEnd: typeof exit.settleAtEnd = async () => {}
