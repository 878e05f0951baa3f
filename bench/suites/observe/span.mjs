// A span with five attributes: what `trace` costs a request beyond the same calls of OpenTelemetry's API written by hand,
// where no SDK is there and where one is.
import { measured } from '../../harness/child.mjs'
import { SERVER_CORE, versionOf } from '../../harness/runtimes.mjs'
import { median } from '../../harness/stats.mjs'
import { printTable, whole } from '../../harness/table.mjs'

const MILLISECONDS = 1_500
const SDKS = ['no SDK', 'SDK']

export async function run({ runtimes, rounds }) {
  console.log(`\nobserve: a span with five attributes, ${rounds} rounds`)
  const rows = []
  for (const runtime of runtimes) {
    const found = []
    for (let round = 0; round < rounds; round++) {
      const nanos = await measured(SERVER_CORE, 'observe/span/measure.mjs', [MILLISECONDS], { runtime })
      if (nanos !== undefined) found.push(nanos)
    }
    rows.push(...SDKS.map((sdk) => rowOf(runtime, sdk, found)))
  }
  print(rows)
  return rows
}

/** The difference is taken within a process, where all ran in turn. */
function rowOf(runtime, sdk, found) {
  const less = (name) => found.map((nanos) => nanos[`${sdk}, ${name}`] - nanos.bare)
  return {
    runtime,
    app: sdk,
    byHand: median(less('by hand')),
    nanos: median(less('trace()')),
    over: median(found.map((nanos) => nanos[`${sdk}, trace()`] - nanos[`${sdk}, by hand`])),
  }
}

function print(rows) {
  printTable(
    ['ns per request', 'by hand', 'trace()', 'over'],
    rows.map(({ runtime, app, byHand, nanos, over }) => [
      `${runtime} ${versionOf(runtime)}, ${app}`,
      whole(byHand),
      whole(nanos),
      whole(over),
    ]),
  )
}

export function targets(rows, { runtimes }) {
  if (!runtimes.includes('node')) return []
  return SDKS.map((sdk) => ({
    what: `a span over OpenTelemetry's own cost, ${sdk}, on Node, µs`,
    value: rows.find((row) => row.runtime === 'node' && row.app === sdk)?.over / 1_000,
    most: 0.5,
  }))
}
