// Run by series.mjs with an app and how many requests, in a process of its own: garbage collection is exposed.
import { createContext, ended } from '../../../../src/core/context.ts'
import { httpMetrics } from '../../../../src/telemetry/http-metrics.ts'
import { metricsText } from '../../../../src/telemetry/openmetrics.ts'
import { createMetrics } from '../../../../src/telemetry/registry.ts'

const [app, count] = [process.argv[2], Number(process.argv[3])]
const END = { status: 404, bytes: 9, outcome: 'complete' }
const LETTERS = 'abcdefghijklmnopqrstuvwxyz'

/** The same for both: drawn from a seed. */
let seed = 42
const draw = (below) => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0) % below
const word = (length) => Array.from({ length }, () => LETTERS[draw(26)]).join('')

/** A scanner's: no two alike. */
const nextRequest = (i) => new Request(`https://api.example/${word(8)}/${i}.php`, { method: word(6).toUpperCase() })

const APPS = {
  sallyport() {
    const metrics = createMetrics()
    const handler = httpMetrics({ metrics })(() => undefined)
    return {
      answer(request) {
        const context = createContext()
        handler(request, context)
        ended(context, END)
      },
      page: () => metricsText(metrics),
    }
  },
  // As its guides and most middleware have it: a histogram by method, path and status.
  async 'prom-client'() {
    const { default: prom } = await import('prom-client')
    const register = new prom.Registry()
    const seconds = new prom.Histogram({
      name: 'http_request_duration_seconds',
      help: 'Duration of HTTP requests.',
      labelNames: ['method', 'path', 'status'],
      registers: [register],
    })
    return {
      answer(request) {
        const end = seconds.startTimer()
        end({ method: request.method, path: new URL(request.url).pathname, status: 404 })
      },
      page: () => register.metrics(),
    }
  },
}

const { answer, page } = await APPS[app]()
const seriesOf = (text) =>
  new Set(
    text.split('\n').filter((line) => line !== '' && line[0] !== '#' && !/_(bucket|sum)\b/.test(line))
      .map((line) => line.slice(0, line.lastIndexOf(' '))),
  ).size

// What any server has: one path, one method.
for (let i = 0; i < 1_000; i++) answer(new Request('https://api.example/'))
const before = { series: seriesOf(await page()), heap: await heap() }
const half = Math.floor(count / 2)
for (let i = 0; i < half; i++) answer(nextRequest(i))
const middle = await heap()
for (let i = half; i < count; i++) answer(nextRequest(i))
const after = await heap()
const text = await page()
console.log(JSON.stringify({
  series: seriesOf(text) - before.series,
  grown: after - before.heap,
  slope: (after - middle) / (count - half),
  page: text.length,
}))
process.exit()

/** What is still held, buffers included. */
async function heap() {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    globalThis.gc()
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
