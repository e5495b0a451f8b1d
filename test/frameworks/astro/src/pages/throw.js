export const GET = () => {
  throw new RangeError('no such cat')
}
