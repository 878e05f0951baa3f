// Measures the same job on sallyport and on its peers. See README.md.
import { writeFileSync } from 'node:fs'
import { readOptions } from './harness/options.mjs'
import { prepare } from './harness/prepare.mjs'
import { commandOf } from './harness/runtimes.mjs'

const options = readOptionsOrLeave()
prepare(options.suites)
options.runtimes = options.runtimes.filter((runtime) => {
  const found = commandOf(runtime) !== undefined
  if (!found) console.log(`${runtime} is not installed: left out`)
  return found
})

const rows = []
for (const suite of options.suites) {
  const { run } = await import(`./suites/${suite}.mjs`)
  rows.push(...(await run(options)))
}
if (options.json) writeFileSync(options.json, `${JSON.stringify(rows, null, 2)}\n`)

function readOptionsOrLeave() {
  try {
    return readOptions(process.argv.slice(2))
  } catch (error) {
    console.error(error.message)
    process.exit(2)
  }
}
