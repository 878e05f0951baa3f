// What input costs: JSON of every size and intent, uploads, and the types of a handler that gets it all.
import { runParts } from '../harness/parts.mjs'

export function run(options) {
  return options.apps !== undefined ? [] : runParts('input', options)
}
