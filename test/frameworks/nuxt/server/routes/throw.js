export default defineEventHandler(() => {
  throw new RangeError('no such cat')
})
