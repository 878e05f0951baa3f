// Run by span.mjs, with the milliseconds to take: nanoseconds per request, as JSON, of what `trace` does, and of the same
// calls of OpenTelemetry written by hand: a server span with the five attributes that all have, the active context, the
// status, the end. What the attributes say is written down there: finding it out is our part.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createContext, ended } from '../../../../src/core/context.ts'
import { trace } from '../../../../src/telemetry/otel/trace.ts'
import { TOP } from '../../../harness/paths.mjs'
import { shuffled } from '../../../harness/stats.mjs'
import { quartile } from '../../input/timing.mjs'

// The copies that the sources use: with two of the API each call would be measured on half-warm code.
const require = createRequire(join(TOP, 'package.json'))
const { context: active, ROOT_CONTEXT, SpanKind, trace: tracing } = require('@opentelemetry/api')
const { BasicTracerProvider } = require('@opentelemetry/sdk-trace-base')

const WARMUP_MS = 300
/** Shorter than what a scheduler gives at once, so that most batches are undisturbed. */
const BATCH = 50
const milliseconds = Number(process.argv[2])

const REQUEST = new Request('https://api.example/api/items', { headers: { accept: '*/*' } })
const RESPONSE = new Response('{}', { headers: { 'content-type': 'application/json' } })
const PEER = {
  connection: { address: '203.0.113.7', port: 50_000, encrypted: true },
  platform: { name: 'fetch', framed: true, ephemeral: false, draining: false },
}
const END = { status: 200, bytes: 2, outcome: 'complete' }
const answer = () => RESPONSE

/** The same span, by hand. */
const byHand = (tracer) => () => {
  const span = tracer.startSpan('GET', {
    kind: SpanKind.SERVER,
    attributes: {
      'http.request.method': 'GET',
      'url.scheme': 'https',
      'url.path': '/api/items',
      'server.address': 'api.example',
      'server.port': 443,
    },
  }, ROOT_CONTEXT)
  const response = active.with(tracing.setSpan(ROOT_CONTEXT, span), answer)
  span.setAttribute('http.response.status_code', 200)
  span.end()
  return response
}

function exchange(handler) {
  return () => {
    const context = createContext(PEER)
    handler(REQUEST, context)
    ended(context, END)
  }
}

const nothing = { onStart() {}, onEnd() {}, forceFlush: () => Promise.resolve(), shutdown: () => Promise.resolve() }
const sdk = new BasicTracerProvider({ spanProcessors: [nothing] }).getTracer('bench')
const none = tracing.getTracer('bench')

const jobs = [
  { name: 'bare', call: exchange(answer) },
  { name: 'no SDK, by hand', call: exchange(byHand(none)) },
  { name: 'no SDK, trace()', call: exchange(trace()(answer)) },
  { name: 'SDK, by hand', call: exchange(byHand(sdk)) },
  { name: 'SDK, trace()', call: exchange(trace({ tracer: sdk })(answer)) },
].map((job) => ({ ...job, nanos: [] }))

const began = performance.now()
let warm = false
while (performance.now() - began < WARMUP_MS + milliseconds) {
  if (!warm && performance.now() - began > WARMUP_MS) {
    warm = true
    for (const job of jobs) job.nanos = []
  }
  for (const job of shuffled(jobs)) {
    const started = performance.now()
    for (let i = 0; i < BATCH; i++) job.call()
    job.nanos.push((performance.now() - started) * 1e6 / BATCH)
  }
}
const nanos = Object.fromEntries(jobs.map((job) => [job.name, quartile(job.nanos)]))
console.log(JSON.stringify(nanos))
process.exit()
