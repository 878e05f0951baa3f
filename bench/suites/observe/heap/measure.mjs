// Run by heap.mjs with how many requests and checkpoints, in a process of its own: garbage collection is exposed.
import { toFetch } from '../../../../adapters/fetch.ts'
import { accessLog, api, byClientIp, createMetrics, httpMetrics, policy, rateLimit } from '../../../../src/index.ts'
import { openTelemetry, trace } from '../../../../src/telemetry/otel.ts'

const [requests, checkpoints] = process.argv.slice(2).map(Number)
/** Spans of the SDK wait in a queue: now and then it must be let run, as a server's event loop would. */
const TURN = 500

const metrics = createMetrics()
let lines = 0
let spans = 0
const telemetry = openTelemetry({
  url: 'http://collector.test',
  service: 'bench',
  metrics,
  metricsEvery: '1s',
  every: '10ms',
  maxQueued: 8_192,
  fetch(url, { body }) {
    if (url.endsWith('/v1/traces')) spans += new TextDecoder().decode(body).split('"spanId"').length - 1
    return Promise.resolve(new Response('{}'))
  },
})
const app = toFetch(
  policy({
    ...api,
    trace: trace({ ...telemetry }),
    metrics: httpMetrics({ metrics }),
    accessLog: accessLog({ write: () => void lines++ }),
    rateLimit: rateLimit({ key: byClientIp, limit: 1_000_000_000, window: '60s' }),
  })(() => Response.json({ hello: 'world' })),
  { connection: { address: '203.0.113.7', port: 50_000, encrypted: true } },
)

// The engine drops what it has made of code that no longer runs, some collections later: what is left is what requests hold.
for (let i = 0; i < 2; i++) {
  await batch(0, requests / checkpoints)
  for (let rest = 0; rest < 3; rest++) await heap()
}
const [linesBefore, began] = [lines, performance.now()]
let resting = 0
const found = [{ requests: 0, bytes: await heap() }]
for (let i = 1; i <= checkpoints; i++) {
  const [from, to] = [i - 1, i].map((at) => Math.floor((requests * at) / checkpoints))
  await batch(from, to)
  const rested = performance.now()
  found.push({ requests: to, bytes: await heap() })
  resting += performance.now() - rested
}
const micros = ((performance.now() - began - resting) * 1_000) / requests
await telemetry.close()
const missing = requests - (lines - linesBefore) + telemetry.dropped
console.log(JSON.stringify({
  checkpoints: found,
  slope: slopeOf(found),
  lines,
  spans,
  lost: telemetry.dropped,
  missing,
  micros,
}))
process.exit()

async function batch(from, to) {
  for (let i = from; i < to; i++) {
    const response = await app(
      new Request(`https://api.example/notes/${i}?page=${i % 7}`, { headers: { 'user-agent': 'bench' } }),
    )
    if (response.status !== 200) throw new Error(`Error: ${response.status}`)
    await response.text()
    if (i % TURN === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}

/** What is still held when all spans have gone, buffers included. */
async function heap() {
  await telemetry.settled()
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    globalThis.gc()
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** By least squares. */
function slopeOf(points) {
  const mean = (figure) => points.reduce((sum, one) => sum + figure(one), 0) / points.length
  const [x, y] = [mean((one) => one.requests), mean((one) => one.bytes)]
  const over = points.reduce((sum, one) => sum + (one.requests - x) * (one.bytes - y), 0)
  return over / points.reduce((sum, one) => sum + (one.requests - x) ** 2, 0)
}
