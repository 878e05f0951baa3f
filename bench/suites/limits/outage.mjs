// A store that takes every request and never answers: how long callers wait, the first one and those after it.
import { measured } from '../../harness/child.mjs'
import { LOAD_CORE } from '../../harness/runtimes.mjs'
import { decimal, printTable } from '../../harness/table.mjs'

const DEADLINE = 250
const PATIENCE = 6_000

export async function run() {
  console.log(`\nlimits: a store that never answers; sallyport's deadline is ${DEADLINE} ms`)
  const rows = (await measured(LOAD_CORE, 'limits/outage/measure.mjs', [DEADLINE, PATIENCE])) ?? []
  printTable(
    ['app', 'first ms', 'then ms, median', 'p99', 'worst', 'of'],
    rows.map(({ app, first, then, p99, worst, count }) => [
      app,
      first === undefined ? `none in ${PATIENCE}` : decimal(first, 1),
      then === undefined ? `none in ${PATIENCE}` : decimal(then, 2),
      decimal(p99, 2),
      decimal(worst, 2),
      String(count),
    ]),
  )
  return rows
}

export function targets(rows) {
  return ['sallyport rateLimit over Redis', 'sallyport rateLimit over REST'].flatMap((app) => {
    const { first, p99 } = rows.find((row) => row.app === app) ?? {}
    return [
      { what: `never answers: ${app}, first request, ms`, value: first, most: DEADLINE + 50 },
      { what: `never answers: ${app}, p99 of the next, ms`, value: p99, most: 5 },
    ]
  })
}
