/** Runs the service on Node, with OpenTelemetry's SDK unless told `none`: `node serve.ts 5000 [none]`. */
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import process from 'node:process'
import { serve } from '../../../adapters/node.ts'
import { service } from './service.ts'

const [port = '5000', sdk = 'sdk'] = process.argv.slice(2)
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(new InMemorySpanExporter())] })
const { url } = await serve(service(sdk === 'none' ? undefined : provider.getTracer('w3c')), { port: Number(port) })
console.log(url)
