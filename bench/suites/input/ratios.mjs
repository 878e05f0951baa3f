// What a way of getting valid input costs, by the same work done by hand. The rounds are processes of their own.
import { measured } from '../../harness/child.mjs'
import { SERVER_CORE, versionOf } from '../../harness/runtimes.mjs'
import { median } from '../../harness/stats.mjs'
import { decimal, printTable, whole } from '../../harness/table.mjs'

/** Measures a job on the runtimes: one row per runtime and pair. */
export async function ratios(job, { runtimes, rounds }, milliseconds) {
  const found = []
  for (let round = 0; round < rounds; round++) {
    for (const runtime of runtimes) {
      const pairs = (await measured(SERVER_CORE, 'input/measure.mjs', [job, milliseconds], { runtime })) ?? []
      found.push(...pairs.map((pair) => ({ runtime, ...pair })))
    }
  }
  const rows = new Map()
  for (const { runtime, app } of found) rows.set(`${runtime} ${app}`, { runtime, app })
  return [...rows.values()].map(({ runtime, app }) => {
    const own = found.filter((one) => one.runtime === runtime && one.app === app)
    const of = (figure) => median(own.map(figure))
    return {
      runtime,
      app,
      bare: of(({ bare }) => bare),
      guarded: of(({ guarded }) => guarded),
      ratio: of(({ bare, guarded }) => guarded / bare),
    }
  })
}

/** `unit`: its name, and how many nanoseconds it is. */
export function printRatios(rows, [unit, nanos]) {
  const runtimes = [...new Set(rows.map(({ runtime }) => runtime))]
  for (const runtime of runtimes) {
    const own = rows.filter((row) => row.runtime === runtime)
    printTable(
      [`${runtime} ${versionOf(runtime)}`, `by hand, ${unit}`, unit, 'adds', '/by hand'],
      own.map(({ app, bare, guarded, ratio }) => [
        app,
        ...[bare, guarded, guarded - bare].map((value) => nanos === 1 ? whole(value) : decimal(value / nanos, 2)),
        decimal(ratio, 2),
      ]),
    )
  }
}
