/** OpenTelemetry's SDK with an exporter that keeps what it gets, and a context manager as servers have one. */
import type { Context as Surroundings, ContextManager, Tracer } from '@opentelemetry/api'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import type { ReadableSpan, Sampler } from '@opentelemetry/sdk-trace-base'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { AsyncLocalStorage } from 'node:async_hooks'

/** What was recorded, and the tracer that records it. */
export interface Recorder {
  readonly tracer: Tracer
  readonly provider: BasicTracerProvider
  /** The spans that have ended, in that order. */
  readonly spans: () => readonly ReadableSpan[]
}

export function recording(sampler?: Sampler): Recorder {
  const exporter = new InMemorySpanExporter()
  const spanProcessors = [new SimpleSpanProcessor(exporter)]
  const provider = new BasicTracerProvider(sampler === undefined ? { spanProcessors } : { spanProcessors, sampler })
  return { tracer: provider.getTracer('test'), provider, spans: () => exporter.getFinishedSpans() }
}

/** As `@opentelemetry/context-async-hooks` has it. */
export function contextManager(): ContextManager {
  const storage = new AsyncLocalStorage<Surroundings>()
  const manager: ContextManager = {
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (surroundings, run, self, ...args) => storage.run(surroundings, () => run.call(self, ...args)),
    bind: (_surroundings, target) => target,
    enable: () => manager,
    disable: () => manager,
  }
  return manager
}
