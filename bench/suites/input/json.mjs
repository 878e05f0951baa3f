// A small JSON body: what it costs to look at it before the schema does, and what the whole wrapper costs.
import { printRatios, ratios } from './ratios.mjs'

const MILLISECONDS = 120

export async function run(options) {
  console.log(`\ninput: JSON of 281 bytes and five fields, against JSON.parse and the schema, ${options.rounds} rounds`)
  const rows = await ratios('json', options, MILLISECONDS)
  printRatios(rows, ['ns', 1])
  return rows
}

export function targets(rows) {
  return rows
    .filter(({ app, runtime }) => app === 'sallyport, guard and schema' && runtime === 'node')
    .map(({ ratio }) => ({
      what: '281 bytes: guard and schema by JSON.parse and schema',
      value: ratio,
      most: 1.3,
    }))
}
