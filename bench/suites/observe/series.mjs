// A hundred thousand paths and methods that nobody has asked for before: what they leave behind. On Node.
import { measured } from '../../harness/child.mjs'
import { SERVER_CORE } from '../../harness/runtimes.mjs'
import { decimal, printTable, whole } from '../../harness/table.mjs'

const REQUESTS = 100_000
const HEAP = { flags: ['--expose-gc', '--max-old-space-size=6144'] }
const APPS = ['sallyport', 'prom-client']

export async function run({ runtimes }) {
  if (!runtimes.includes('node')) return []
  console.log(`\nobserve: series and memory after ${whole(REQUESTS)} random paths and methods, in one process each`)
  const rows = []
  for (const app of APPS) {
    const found = await measured(SERVER_CORE, 'observe/series/measure.mjs', [app, REQUESTS], HEAP)
    if (found !== undefined) rows.push({ app, ...found })
  }
  printTable(
    ['app', 'new series', 'MB more', 'bytes a request, 2nd half', 'page kB'],
    rows.map(({ app, series, grown, slope, page }) => [
      app,
      whole(series),
      decimal(grown / 1e6, 2),
      decimal(slope, 1),
      whole(page / 1_024),
    ]),
  )
  return rows
}

export function targets(rows, { runtimes }) {
  if (!runtimes.includes('node')) return []
  const { series, grown } = rows.find(({ app }) => app === 'sallyport') ?? {}
  return [
    { what: '100,000 random paths and methods: new series', value: series, most: 10 },
    { what: '100,000 random paths and methods: MB more', value: grown && grown / 1e6, most: 1 },
  ]
}
