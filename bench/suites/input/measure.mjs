// Run by json.mjs and rows.mjs, with the job's name and milliseconds per pair: nanoseconds of every pair, as JSON.
import { shuffled } from '../../harness/stats.mjs'
import { JOBS } from './jobs.mjs'
import { PAIRS } from './pairs.mjs'
import { nanosOf, passes } from './timing.mjs'

const [job, milliseconds] = process.argv.slice(2)
const given = JOBS[job]
const runtime = globalThis.Bun ? 'bun' : globalThis.Deno ? 'deno' : 'node'

const found = []
for (
  const { name, make } of shuffled(
    PAIRS.filter(({ jobs, runtimes }) => jobs.includes(job) && runtimes.includes(runtime)),
  )
) {
  const pair = await make(given)
  for (const side of ['bare', 'guarded']) {
    if (!(await passes(pair[side]))) throw new Error(`${name} refuses, ${side}`)
  }
  found.push({ app: name, ...(await nanosOf(pair, Number(milliseconds))) })
}
const order = PAIRS.map(({ name }) => name)
console.log(JSON.stringify(found.sort((a, b) => order.indexOf(a.app) - order.indexOf(b.app))))
process.exit()
