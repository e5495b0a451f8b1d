export const loader = () => {
  throw new RangeError('no such cat')
}
