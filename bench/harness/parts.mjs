// A suite in parts: each measures, prints its tables, and says what it was to reach. That is the last table.
import { decimal, printTable } from './table.mjs'

export async function runParts(suite, options) {
  const rows = []
  const reached = []
  for (const part of options.parts[suite]) {
    const { run, targets } = await import(`../suites/${suite}/${part}.mjs`)
    const found = await run(options)
    rows.push(...found.map((row) => ({ suite, part, ...row })))
    reached.push(...targets(found, options))
  }
  if (reached.length === 0) return rows
  const judged = reached.map((one) => ({ suite, part: 'target', ...one, met: isMet(one) }))
  print(suite, judged)
  return [...rows, ...judged]
}

/** What was not measured is not met. `most` and `least` are bounds. */
function isMet({ value, least = -Infinity, most = Infinity }) {
  return value >= least && value <= most
}

function print(suite, rows) {
  console.log(`\n${suite}: what it must reach`)
  printTable(
    ['what', 'measured', 'target', ''],
    rows.map(({ what, value, most, least, met }) => [
      what,
      decimal(value, 2),
      least === most ? `= ${most}` : most === undefined ? `>= ${least}` : `<= ${most}`,
      met ? 'met' : 'MISSED',
    ]),
  )
}
