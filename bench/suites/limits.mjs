// What limits cost: in memory, in Redis, over REST, and when the store does not answer. On Node.
import { printTargets } from './limits/print.mjs'

export async function run(options) {
  if (options.apps !== undefined || !options.runtimes.includes('node')) return []
  const rows = []
  const reached = []
  for (const part of options.parts) {
    const { run: runPart, targets } = await import(`./limits/${part}.mjs`)
    const found = await runPart(options)
    rows.push(...found)
    reached.push(...targets(found))
  }
  const judged = reached.map((one) => ({ suite: 'limits', part: 'target', ...one, met: isMet(one) }))
  printTargets(judged)
  return [...rows, ...judged]
}

/** What was not measured is not met. */
function isMet({ value, least = -Infinity, most = Infinity }) {
  return value >= least && value <= most
}
