// A megabyte of JSON rows: what it costs beside parsing and validating them, and how much of a large body is in memory.
import { measured } from '../../harness/child.mjs'
import { SERVER_CORE } from '../../harness/runtimes.mjs'
import { median, shuffled } from '../../harness/stats.mjs'
import { decimal, printTable } from '../../harness/table.mjs'
import { printRatios, ratios } from './ratios.mjs'

const MILLISECONDS = 300
const OF_THE_HEAP = ['--expose-gc', '--max-semi-space-size=1', '--max-old-space-size=4096']
const MEMORY_ROUNDS = 2 // they hardly differ
const BODIES = ['rows', 'texts']
const ARRIVALS = ['with its length', 'chunked']
const SIDES = ['bare', 'guarded']

export async function run(options) {
  console.log(
    `\ninput: a megabyte of JSON, 20,000 rows of five fields, against the same by hand, ${options.rounds} rounds`,
  )
  const rows = await ratios('rows', options, MILLISECONDS)
  printRatios(rows, ['ms', 1e6])
  return options.runtimes.includes('node') ? [...rows, ...(await memory(options))] : rows
}

async function memory({ rounds }) {
  console.log(
    '\ninput: 16 MB of JSON, MB of heap and buffers beyond what was there, against request.text() and JSON.parse',
  )
  const rows = BODIES.flatMap((body) =>
    ARRIVALS.map((arrival) => ({ app: `16 MB of ${body}, ${arrival}`, body, arrival }))
  )
  for (const row of rows) for (const side of SIDES) row[side] = []
  for (let round = 0; round < Math.min(rounds, MEMORY_ROUNDS); round++) {
    for (const row of shuffled(rows)) {
      for (const side of shuffled(SIDES)) {
        row[side].push(
          await measured(SERVER_CORE, 'input/rows/memory.mjs', [row.body, row.arrival, side], { flags: OF_THE_HEAP }),
        )
      }
    }
  }
  const found = rows.map(({ app, bare, guarded }) => {
    const of = (side, figure) => median(side.map((one) => one?.[figure]))
    const peak = { bare: of(bare, 'peak'), guarded: of(guarded, 'peak') }
    const held = { bare: of(bare, 'held'), guarded: of(guarded, 'held') }
    return { app, peak, held, peakRatio: peak.guarded / peak.bare, heldRatio: held.guarded / held.bare }
  })
  const megabytes = (value) => decimal(value && value / 1e6, 1)
  printTable(
    ['body', 'peak by hand', 'validate', 'ratio', 'in the handler by hand', 'validate', 'ratio'],
    found.map(({ app, peak, held, peakRatio, heldRatio }) => [
      app,
      megabytes(peak.bare),
      megabytes(peak.guarded),
      decimal(peakRatio, 2),
      megabytes(held.bare),
      megabytes(held.guarded),
      decimal(heldRatio, 2),
    ]),
  )
  return found
}

export function targets(rows) {
  return [
    ...rows
      .filter(({ app, runtime }) => app === 'sallyport, guard and schema' && runtime === 'node')
      .map(({ ratio }) => (
        { what: 'a megabyte of rows: guard and schema by JSON.parse and schema', value: ratio, most: 1.25 }
      )),
    ...rows
      .filter(({ peakRatio }) => peakRatio !== undefined)
      .map(({ app, peakRatio }) => ({ what: `${app}: peak of memory by that by hand`, value: peakRatio, most: 1.1 })),
  ]
}
