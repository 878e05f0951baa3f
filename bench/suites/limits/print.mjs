import { decimal, printTable, whole } from '../../harness/table.mjs'

/** What Redis and REST have in common. */
export function printDecisions(rows, ratio) {
  const hasFront = rows.some(({ frontMicros }) => frontMicros !== undefined)
  const front = (cell) => (hasFront ? [cell] : [])
  const times = ['client us', ...front('front us'), 'redis us', 'script us', 'alone us', 'p99']
  printTable(
    ['app', 'decisions/s', ratio, ...times, 'scripts'],
    rows.map((row) => [
      row.app,
      whole(row.perSecond),
      decimal(row.ratio, 2),
      decimal(row.clientMicros, 1),
      ...front(decimal(row.frontMicros, 1)),
      decimal(row.redisMicros, 1),
      decimal(row.scriptMicros, 1),
      whole(row.p50Micros),
      whole(row.p99Micros),
      decimal(row.scripts, 4),
    ]),
  )
  const disturbed = rows.reduce((sum, row) => sum + row.disturbed, 0)
  if (disturbed > 0) console.log(`${disturbed} slices were disturbed by other processes even when repeated`)
}
