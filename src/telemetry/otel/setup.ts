/**
 * OpenTelemetry in one call: a tracer, and spans and metrics to a collector as OTLP/JSON over `fetch`, on every runtime.
 *
 * Made of the SDK's provider and our own way out, because the SDK's knows neither `waitUntil` nor Workers that end a timer
 * with its request. Nothing starts before the first request: it may be made at the top of a module.
 */
import type { Attributes, Tracer, TracerProvider } from '@opentelemetry/api'
import { context as otelContext } from '@opentelemetry/api'
import type { Sampler, TracerConfig } from '@opentelemetry/sdk-trace-base'
import { BasicTracerProvider, ParentBasedSampler, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace-base'
import type { Log } from '../../core/log.ts'
import { consoleLog } from '../../core/log.ts'
import type { Duration } from '../../core/quantity.ts'
import { count, milliseconds, show } from '../../core/quantity.ts'
import type { Redaction } from '../../core/redact.ts'
import { standardRedaction } from '../../core/redact.ts'
import type { Metrics } from '../registry.ts'
import type { Circumstance } from './batches.ts'
import { Batches } from './batches.ts'
import type { ExporterSpec } from './exporter.ts'
import { Exporter } from './exporter.ts'
import { MetricsExport } from './metrics.ts'
import { SDK_LONGEST } from './redacted-span.ts'
import type { StorageLike } from './stored-context.ts'
import { StoredContext } from './stored-context.ts'

/** Options of {@link openTelemetry}. */
export interface OpenTelemetryOptions {
  /** The collector, e.g. `'http://127.0.0.1:4318'`; `/v1/traces` and `/v1/metrics` are added. */
  readonly url: string | URL
  /** Sent along, e.g. a token; a function is asked for each export. Never logged. (none) */
  readonly headers?: ExporterSpec['headers']
  /** `service.name`. */
  readonly service: string
  /** `service.version`. (none) */
  readonly version?: string | undefined
  /** `deployment.environment.name`, e.g. `'production'`. (none) */
  readonly environment?: string | undefined
  /** More about this process, by OpenTelemetry's names. (`service.instance.id`, made at random) */
  readonly resource?: Attributes | undefined
  /** The share of traces that begin here to record, 0 to 1; those that a trusted caller began are recorded if it does. (1) */
  readonly ratio?: number | undefined
  /** Decides instead of `ratio`. (none) */
  readonly sampler?: Sampler | undefined
  /** What `createMetrics` made, to export as well, once requests are traced. (none) */
  readonly metrics?: Metrics | undefined
  /** How often. (`'60s'`) */
  readonly metricsEvery?: Duration | undefined
  /** How long a span may wait for others to be exported with; on the edge none does. (`'1s'`) */
  readonly every?: Duration | undefined
  /** How long the collector may take to answer, and `close` to end. (`'10s'`) */
  readonly timeout?: Duration | undefined
  /** Spans that may wait or be on their way; those beyond are dropped and counted. (2,048) */
  readonly maxQueued?: number | undefined
  /** An `AsyncLocalStorage`, in which spans made inside a handler find their parent. (inner spans are roots) */
  readonly storage?: StorageLike | undefined
  /** What may not be in the texts of spans, whoever made them. (`standardRedaction`) */
  readonly redaction?: Redaction | undefined
  /** Posts. (`fetch`) */
  readonly fetch?: ExporterSpec['fetch'] | undefined
  /** Told once per outage that spans, or metrics, are lost. (`consoleLog`) */
  readonly log?: Log | undefined
}

/** What {@link openTelemetry} makes. Its functions may be detached. */
export interface OpenTelemetry {
  /** For `trace`, and for spans of your own. */
  readonly tracer: Tracer
  /** For instrumentation: `trace.setGlobalTracerProvider(telemetry.provider)`, of `@opentelemetry/api`. */
  readonly provider: TracerProvider & { forceFlush(): Promise<void>; shutdown(): Promise<void> }
  /** For `trace`, after each request: on the edge it exports in `waitUntil`. */
  readonly flush: (context: Circumstance) => void
  /** Resolves when all spans that have ended are exported, or lost. Not for Workers: there a request waits for no other. */
  readonly settled: () => Promise<void>
  /** Exports what waits, in `timeout` at most. What ends later is dropped. */
  readonly close: () => Promise<void>
  /** Spans that were lost: too many waited, or the collector was out, too slow or rejected them. */
  readonly dropped: number
}

/**
 * Sets up tracing with OpenTelemetry's SDK, for `trace`. One per process, made once; call `close` after the server's.
 *
 * On servers spans go in batches, again if the collector is busy or away. On the edge each request's go in its `waitUntil`,
 * in one export. No request waits for a collector, whatever it does; what is lost is counted. Registers nothing globally, but
 * with `storage` a context manager, if there is none.
 *
 * Throws a TypeError for a bad option. On Deno the SDK reads variables of the environment: it needs `--allow-env`.
 *
 * @example
 * const telemetry = openTelemetry({ url: 'http://127.0.0.1:4318', service: 'tts' })
 * policy({ trace: trace({ ...telemetry }) })
 */
export function openTelemetry(options: OpenTelemetryOptions): OpenTelemetry {
  const { service, version, environment, metrics, log = consoleLog, redaction = standardRedaction } = options
  const base = collector(options.url)
  if (typeof service !== 'string' || service === '') throw new TypeError('openTelemetry: service must be a name')
  if (metrics !== undefined && typeof metrics?.['~families'] !== 'function') {
    throw new TypeError('openTelemetry: metrics must be what createMetrics makes')
  }
  if (options.fetch !== undefined && typeof options.fetch !== 'function') {
    throw new TypeError('openTelemetry: fetch must be a function')
  }
  const timeout = timed(options.timeout ?? '10s', 'timeout')
  const every = timed(options.every ?? '1s', 'every')
  const metricsEvery = timed(options.metricsEvery ?? '60s', 'metricsEvery')
  const most = count(options.maxQueued ?? 2_048, 'openTelemetry: maxQueued')
  const sampler = samplerOf(options)

  const resource = new Described({
    'service.name': service,
    ...(version !== undefined && { 'service.version': version }),
    ...(environment !== undefined && { 'deployment.environment.name': environment }),
    ...options.resource,
  })
  const exporter = (path: string, loss: string, code: string): Exporter =>
    new Exporter({
      url: base + path,
      headers: options.headers,
      timeout,
      fetch: options.fetch ?? ((url, init) => fetch(url, init)),
      log,
      loss,
      code,
    })
  const batches = new Batches(exporter('/v1/traces', 'spans are lost', 'spans-lost'), most, every, timeout, redaction)
  const readings = metrics && new MetricsExport(
    metrics,
    exporter('/v1/metrics', 'metrics are not exported', 'metrics-not-exported'),
    () => resource.attributes,
    metricsEvery,
  )
  const provider = new BasicTracerProvider({
    resource,
    sampler,
    spanProcessors: [batches],
    // What is long is cut: the queue is bounded in spans, and this bounds the spans.
    spanLimits: { attributeValueLengthLimit: SDK_LONGEST },
  })
  if (options.storage !== undefined) otelContext.setGlobalContextManager(new StoredContext(options.storage))

  return {
    tracer: provider.getTracer('sallyport'),
    provider,
    flush(context) {
      try {
        batches.flush(context)
        readings?.flush(context)
      } catch {
        // A `waitUntil` that throws must not touch the response; the spans' export counts them itself.
      }
    },
    settled: () => batches.settled(),
    async close() {
      await Promise.all([batches.close(), readings?.close()])
    },
    get dropped() {
      return batches.dropped
    },
  }
}

function collector(url: string | URL): string {
  const base = URL.canParse(url) ? new URL(url) : undefined
  if (base === undefined || !/^https?:$/.test(base.protocol)) {
    throw new TypeError('openTelemetry: url must be an absolute http or https URL')
  }
  // Not shown: it may be a password.
  if (base.username !== '' || base.password !== '' || base.search !== '' || base.hash !== '') {
    throw new TypeError('openTelemetry: url must hold no credentials, query or fragment; send tokens in headers')
  }
  return base.href.replace(/\/$/, '')
}

/** A timer of more than 24 days would run at once. */
function timed(duration: Duration, option: string): number {
  const ms = milliseconds(duration, `openTelemetry: ${option}`)
  if (ms > 2_147_483_647) throw new TypeError(`openTelemetry: ${option} must be at most 24 days`)
  return ms
}

function samplerOf({ ratio = 1, sampler }: OpenTelemetryOptions): Sampler {
  if (!(ratio >= 0 && ratio <= 1)) {
    throw new TypeError(`openTelemetry: ratio must be a number from 0 to 1, got ${show(ratio)}`)
  }
  if (sampler === undefined) return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) })
  if (typeof sampler.shouldSample !== 'function') throw new TypeError('openTelemetry: sampler must be a Sampler')
  return sampler
}

type Resource = NonNullable<TracerConfig['resource']>

/**
 * Says what this process is. The id of the instance, without which the counts of two processes are one series that jumps, is
 * made when it is first exported: on Workers nothing is random while modules are loaded.
 */
class Described implements Resource {
  readonly #given: Attributes
  #attributes: Attributes | undefined

  constructor(given: Attributes) {
    this.#given = given
  }

  get attributes(): Attributes {
    return this.#attributes ??= { 'service.instance.id': crypto.randomUUID(), ...this.#given }
  }

  merge(other: Resource | null): Resource {
    return new Described({ ...this.#given, ...other?.attributes })
  }

  getRawAttributes(): ReturnType<Resource['getRawAttributes']> {
    return Object.entries(this.attributes)
  }
}
