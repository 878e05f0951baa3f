// The hono app with @hono/otel and @hono/prometheus in front, set up as their READMEs do; spans go out in batches.
import { prometheus } from '@hono/prometheus'
import { httpInstrumentationMiddleware } from '@hono/otel'
import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { honoApp } from './shared/hono.mjs'
import { COLLECTOR, METRICS_PATH } from './shared/observed.mjs'
import { serveFetch } from './shared/serve.mjs'

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
trace.setGlobalTracerProvider(
  new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'bench' }),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `${COLLECTOR}/v1/traces` }))],
  }),
)

const { printMetrics, registerMetrics } = prometheus()
const app = honoApp(httpInstrumentationMiddleware({ serviceName: 'bench' }), registerMetrics)
app.get(METRICS_PATH, printMetrics)

await serveFetch(app.fetch)
