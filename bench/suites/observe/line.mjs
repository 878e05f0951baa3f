// One line in the access log: eight headers, two of them secret, written by each logger to a sink that only counts.
import { measured } from '../../harness/child.mjs'
import { SERVER_CORE, versionOf } from '../../harness/runtimes.mjs'
import { median } from '../../harness/stats.mjs'
import { decimal, printTable, whole } from '../../harness/table.mjs'

const MILLISECONDS = 750
const OURS = 'sallyport accessLog'

export async function run({ runtimes, rounds }) {
  console.log(`\nobserve: a line of the access log, eight headers, two of them redacted, ${rounds} rounds`)
  const found = []
  for (let round = 0; round < rounds; round++) {
    for (const runtime of runtimes) {
      const lines = (await measured(SERVER_CORE, 'observe/line/measure.mjs', [MILLISECONDS], { runtime })) ?? []
      found.push(...lines.map((line) => ({ runtime, ...line })))
    }
  }
  const rows = runtimes.flatMap((runtime) => rowsOf(runtime, found.filter((one) => one.runtime === runtime)))
  print(rows)
  return rows
}

/** Ratios are taken within a process, where all ran in turn, and only then put together. */
function rowsOf(runtime, found) {
  const ours = found.filter(({ app }) => app === OURS)
  const apps = [...new Set(found.map(({ app }) => app))]
  return apps.map((app) => {
    const own = found.filter((one) => one.app === app)
    return {
      runtime,
      app,
      nanos: median(own.map(({ nanos }) => nanos)),
      bytes: own[0].bytes,
      ratio: median(own.map(({ nanos }, round) => nanos / ours[round].nanos)),
    }
  })
}

function print(rows) {
  for (const runtime of new Set(rows.map((row) => row.runtime))) {
    printTable(
      [`${runtime} ${versionOf(runtime)}`, 'ns', 'bytes', '/sallyport'],
      rows.filter((row) => row.runtime === runtime).map(({ app, nanos, bytes, ratio }) => [
        app,
        whole(nanos),
        whole(bytes),
        decimal(ratio, 1),
      ]),
    )
  }
}

export function targets(rows, { runtimes }) {
  if (!runtimes.includes('node')) return []
  const of = (app) => rows.find((row) => row.runtime === 'node' && row.app === app) ?? {}
  return [
    { what: 'a line of eight headers, on Node, µs', value: of(OURS).nanos / 1_000, most: 1.5 },
    { what: 'a line: pino-http by sallyport', value: of('pino-http').ratio, least: 3 },
    { what: 'a line: winston by sallyport', value: of('winston').ratio, least: 8 },
  ]
}
