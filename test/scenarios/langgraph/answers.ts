export { weather as answers } from '../weather.ts'
