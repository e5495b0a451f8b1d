/** The same with version 7. */
export { default } from '../ai-sdk-6/worker.js'
