// The same as sallyport.mjs, and all of it seen: a log line, metrics and a span that is exported for every request.
import { createMetrics, httpMetrics, metricsText, policy } from '../../dist/src/index.js'
import { openTelemetry, trace } from '../../dist/src/telemetry/otel.js'
import * as job from './shared/job.mjs'
import { announce, HOST, PORT } from './shared/lifecycle.mjs'
import { COLLECTOR, METRICS_PATH, RATIO } from './shared/observed.mjs'
import { slots, validItem } from './shared/sallyport.mjs'
import { runtime } from './shared/serve.mjs'

const JSON_TYPE = { 'content-type': 'application/json' }

const metrics = createMetrics()
const telemetry = openTelemetry({ url: COLLECTOR, service: 'bench', ratio: RATIO })
const route = () => job.PATH

const list = () => new Response(JSON.stringify(job.ITEMS), { headers: JSON_TYPE })
const create = validItem((request, { input }) =>
  new Response(JSON.stringify(job.createItem(input.body)), { status: 201, headers: JSON_TYPE })
)

const app = policy({
  ...slots,
  trace: trace({ tracer: telemetry.tracer, flush: telemetry.flush, route }),
  metrics: httpMetrics({ metrics, route }),
})((request, context) => {
  if (request.method === 'POST') return create(request, context)
  if (request.url.endsWith(job.CRASH_PATH)) throw new Error(job.CRASH_DETAIL)
  if (request.url.endsWith(METRICS_PATH)) return new Response(metricsText(metrics))
  return list()
})

const { serve } = await import(`../../dist/adapters/${runtime}.js`)
const { url } = await serve(app, { hostname: HOST, port: PORT })
announce(new URL(url).port)
