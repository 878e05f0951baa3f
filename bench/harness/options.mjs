// The command line: `node run.mjs [suite ...] [--json FILE] [--rounds N] [--runtimes node,bun] [--apps a,b]
// [--parts memory,redis]`.
import { parseArgs } from 'node:util'

export const SUITES = ['http', 'wrappers', 'limits', 'input', 'observe']
const RUNTIMES = ['node', 'bun', 'deno']
/** Of the suites that have parts. */
const PARTS = {
  limits: ['memory', 'redis', 'rest', 'outage'],
  input: ['json', 'rows', 'hostile', 'upload', 'types'],
  observe: ['line', 'span', 'series', 'heap', 'pipeline'],
}

/** Reads the arguments; a wrong one throws an Error that says which. */
export function readOptions(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      json: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      warmup: { type: 'string', default: '2' },
      runtimes: { type: 'string', default: RUNTIMES.join(',') },
      apps: { type: 'string' },
      parts: { type: 'string' },
    },
  })
  const suites = positionals.length > 0 ? known(positionals, SUITES, 'suite') : SUITES
  return {
    suites,
    json: values.json,
    rounds: count(values.rounds, '--rounds'),
    warmupSeconds: count(values.warmup, '--warmup'),
    runtimes: known(values.runtimes.split(','), RUNTIMES, 'runtime'),
    apps: values.apps?.split(','),
    parts: partsOf(suites, values.parts?.split(',')),
  }
}

/** By suite: all of its parts, or those that are named. */
function partsOf(suites, names) {
  if (names === undefined) return PARTS
  known(names, suites.flatMap((suite) => PARTS[suite] ?? []), 'part')
  const named = Object.entries(PARTS).map(([suite, parts]) => [suite, parts.filter((part) => names.includes(part))])
  return Object.fromEntries(named)
}

function known(names, all, what) {
  for (const name of names) {
    if (!all.includes(name)) throw new Error(`unknown ${what} '${name}': there are ${all.join(', ') || 'none'}`)
  }
  return names
}

function count(text, option) {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1) throw new Error(`${option} must be a positive integer, got '${text}'`)
  return number
}
