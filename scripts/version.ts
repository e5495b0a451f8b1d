/** After `npm run bump`: the version of `package.json` in the code, which reads no file. */
import { readFileSync, writeFileSync } from 'node:fs'

const FILE = 'src/runtime/version.ts'
const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
writeFileSync(FILE, readFileSync(FILE, 'utf8').replace(/'[^']*'(?=\n$)/, `'${version}'`))
