// A million requests through a whole policy that is seen in every way: whether memory grows. On Node, in process.
import { measured } from '../../harness/child.mjs'
import { SERVER_CORE } from '../../harness/runtimes.mjs'
import { decimal, printTable, whole } from '../../harness/table.mjs'

const REQUESTS = 1_000_000
const CHECKPOINTS = 10
const HEAP = { flags: ['--expose-gc'] }

export async function run({ runtimes }) {
  if (!runtimes.includes('node')) return []
  console.log(
    `\nobserve: ${whole(REQUESTS)} requests with log, metrics and spans to a collector; heap after collection`,
  )
  const found = await measured(SERVER_CORE, 'observe/heap/measure.mjs', [REQUESTS, CHECKPOINTS], HEAP)
  if (found === undefined) return []
  printTable(
    ['requests', 'heap MB'],
    found.checkpoints.map(({ requests, bytes }) => [whole(requests), decimal(bytes / 1e6, 3)]),
  )
  const { lines, spans, lost, slope, micros } = found
  console.log(`${whole(lines)} lines, ${whole(spans)} spans, ${lost} lost; ${decimal(micros, 1)} µs a request`)
  console.log(`slope: ${decimal(slope, 3)} bytes a request`)
  return [{ app: 'sallyport', ...found }]
}

export function targets([row = {}], { runtimes }) {
  if (!runtimes.includes('node')) return []
  return [
    // Of a leak the smallest is a pointer per request.
    { what: 'a million requests: bytes of heap a request', value: row.slope, most: 1 },
    { what: 'a million requests: lines and spans that are missing', value: row.missing, most: 0 },
  ]
}
