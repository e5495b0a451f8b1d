/** Arithmetic without `eval`: numbers, + - * / and parentheses. */

/** Throws where the expression is no arithmetic, or has no finite value. */
export function calculate(expression: string): number {
  const tokens = expression.match(/\d+(\.\d+)?|\S/g) ?? []
  const take = (...expected: string[]): string | undefined =>
    expected.includes(tokens[0] ?? '') ? tokens.shift() : undefined
  const fail = (): never => {
    throw new SyntaxError(`cannot calculate "${expression}": unexpected ${tokens[0] ?? 'end'}`)
  }

  const sum = (): number => {
    let value = product()
    for (let sign = take('+', '-'); sign; sign = take('+', '-')) value += sign === '+' ? product() : -product()
    return value
  }
  const product = (): number => {
    let value = factor()
    for (let sign = take('*', '/'); sign; sign = take('*', '/')) value *= sign === '*' ? factor() : 1 / factor()
    return value
  }
  const factor = (): number => {
    if (take('-')) return -factor()
    if (!take('(')) return /^\d/.test(tokens[0] ?? '') ? Number(tokens.shift()) : fail()
    const value = sum()
    return take(')') ? value : fail()
  }

  const value = sum()
  if (tokens.length > 0) fail()
  if (!Number.isFinite(value)) throw new RangeError(`"${expression}" has no finite value`)
  // Sums of prices: 0.1 + 0.2 is 0.3.
  return Number(value.toPrecision(12))
}
