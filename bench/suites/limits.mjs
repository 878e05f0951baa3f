// What limits cost: in memory, in Redis, over REST, and when the store does not answer. On Node.
import { runParts } from '../harness/parts.mjs'

export function run(options) {
  return options.apps !== undefined || !options.runtimes.includes('node') ? [] : runParts('limits', options)
}
