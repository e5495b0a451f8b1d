export { answers } from '../ai-sdk-6/answers.ts'
