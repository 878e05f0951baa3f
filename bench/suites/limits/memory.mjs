// Decisions in this process's memory: what one costs, what a key costs, and what a flood of keys does to both.
import { measured } from '../../harness/child.mjs'
import { LOAD_CORE } from '../../harness/runtimes.mjs'
import { median, shuffled } from '../../harness/stats.mjs'
import { decimal, printTable, whole } from '../../harness/table.mjs'
import { CONTENDERS } from './memory/contenders.mjs'

const HEAP = ['--expose-gc', '--max-old-space-size=6144']

export async function run({ rounds }) {
  console.log(`\nlimits: decisions in memory, ${rounds} rounds, each in a process of its own`)
  const rows = CONTENDERS.map(({ name, small }) => ({ app: name, small, all: [] }))
  for (let round = 0; round < rounds; round++) {
    for (const row of shuffled(rows)) {
      row.all.push((await measured(LOAD_CORE, 'limits/memory/hot.mjs', [row.app]))?.nanos)
    }
  }
  for (const row of rows) {
    row.nanos = median(row.all)
    if (!row.small) Object.assign(row, await measured(LOAD_CORE, 'limits/memory/flood.mjs', [row.app], { flags: HEAP }))
    delete row.all
    delete row.small
  }
  print(rows)
  return rows
}

function print(rows) {
  printTable(
    ['app', 'ns hot', 'B/key 50k', 'B/key 1M', 'MB 1M to 3M', 'ns new key', 'wrong', 'p50/p99 1k', '1M', 'ratio'],
    rows.map((row) => [
      row.app,
      whole(row.nanos),
      decimal(row.smallBytes, 1),
      decimal(row.bytes, 1),
      decimal(row.growthBytes && row.growthBytes / 1e6, 1),
      whole(row.insertNanos),
      row.wrong === undefined ? '-' : `${(row.wrong * 100).toFixed(3)} %`,
      spread(row.few),
      spread(row.many),
      decimal(slowdown(row), 2),
    ]),
  )
}

const spread = (one) => (one === undefined ? '-' : `${whole(one.p50)}/${whole(one.p99)}`)

const slowdown = ({ few, many }) => few && many.p99 / few.p99

export function targets(rows) {
  const of = (app) => rows.find((row) => row.app === app) ?? {}
  const stores = ['sallyport, fixed window', 'sallyport, sliding window', 'sallyport, token bucket']
  return [
    ...stores.flatMap((app) => {
      const row = of(app)
      return [
        { what: `${app}: ns hot`, value: row.nanos, most: 300 },
        { what: `${app}: bytes a key at maxKeys 50,000`, value: row.smallBytes, most: 64 },
        { what: `${app}: bytes a key at maxKeys 1,000,000`, value: row.bytes, most: 64 },
        { what: `${app}: MB more under 2 M more keys`, value: row.growthBytes && row.growthBytes / 1e6, most: 1 },
        { what: `${app}: p99 at 1 M keys by p99 at 1,000`, value: slowdown(row), most: 2 },
      ]
    }),
    { what: 'sallyport, three fixed windows: ns hot', value: of('sallyport, three fixed windows').nanos, most: 300 },
  ]
}
