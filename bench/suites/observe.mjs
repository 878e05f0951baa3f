// What it costs to see: a log line, a span, many paths, a million requests, and the whole pipeline with all of it on.
import { runParts } from '../harness/parts.mjs'

export function run(options) {
  return options.apps !== undefined ? [] : runParts('observe', options)
}
