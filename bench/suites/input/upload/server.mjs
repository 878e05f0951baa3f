// Run by ../upload.mjs, with a contender and perhaps a folder: a server that watches its own memory. It prints its port;
// for each line it reads it prints what there is, and the most there was since the line before. From `collect` to the next
// line it collects garbage before it looks.
import { createInterface } from 'node:readline'
import { CONTENDERS } from './contenders.mjs'

const SAMPLE_MS = 20

const [name, folder] = process.argv.slice(2)
console.log(await CONTENDERS[name](folder))

let collects = false
let most = taken()
setInterval(() => note(taken()), SAMPLE_MS).unref()
createInterface({ input: process.stdin })
  .on('line', (line) => {
    note(taken())
    const peak = most
    collects = line === 'collect'
    most = taken()
    console.log(JSON.stringify({ now: most, peak }))
  })
  .on('close', () => process.exit())

function note(now) {
  most = { heap: Math.max(most.heap, now.heap), resident: Math.max(most.resident, now.resident) }
}

function taken() {
  for (let pass = 0; collects && pass < 2; pass++) globalThis.gc()
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage()
  return { heap: heapUsed + arrayBuffers, resident: rss }
}
