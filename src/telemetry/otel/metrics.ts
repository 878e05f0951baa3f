/**
 * A registry's metrics as OTLP: cumulative, because that is what the registry counts. Written by hand: the transformer's
 * serializer takes the metrics SDK's own data, which ours would first have to be turned into, and it drops exemplars.
 */
import type { Attributes } from '@opentelemetry/api'
import { systemClock } from '../../core/clock.ts'
import { OVERFLOW } from '../names.ts'
import type { AnyFamily, Metrics } from '../registry.ts'
import type { Count, Exemplar, Level } from '../series.ts'
import { Buckets } from '../series.ts'
import type { Circumstance } from './batches.ts'
import type { Exporter } from './exporter.ts'
import { timerOf } from './exporter.ts'

/** `AGGREGATION_TEMPORALITY_CUMULATIVE`. */
const CUMULATIVE = 2
/** Milliseconds that one export may take, with all its tries. */
const PATIENCE = 20_000

/** A list of attributes, as OTLP has it. */
type KeyValues = readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[]

/** Exports a registry, over and over. */
export class MetricsExport {
  readonly #metrics: Metrics
  readonly #exporter: Exporter
  readonly #resource: () => Attributes
  readonly #every: number
  /** Milliseconds since 1970 from which it counts: no clock may be read before there is a request. */
  #started: number | undefined
  #next = -Infinity
  #timer: ReturnType<typeof setTimeout> | undefined
  #ephemeral = false
  #closed = false

  constructor(metrics: Metrics, exporter: Exporter, resource: () => Attributes, every: number) {
    this.#metrics = metrics
    this.#exporter = exporter
    this.#resource = resource
    this.#every = every
  }

  /** A request has ended. On the edge it takes the metrics along if it is time; elsewhere the first one starts the timer. */
  flush({ platform, waitUntil }: Circumstance): void {
    this.#ephemeral = platform.ephemeral
    // When the process began; an isolate does not know.
    this.#started ??= systemClock.now() - (platform.ephemeral ? 0 : systemClock.monotonic())
    if (!platform.ephemeral) return this.#wait()
    const now = systemClock.monotonic()
    if (now < this.#next) return
    this.#next = now + this.#every
    waitUntil(this.export())
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#timer)
    this.#exporter.hurry()
    await this.export()
  }

  /** Nothing that is not exported is lost: the next export has it. */
  async export(): Promise<void> {
    if (this.#started === undefined) return
    try {
      const { text, points } = metricsJson(this.#metrics, this.#resource(), this.#started, systemClock.now())
      if (points === 0) return
      const lost = await this.#exporter.send(text, points, PATIENCE)
      if (lost === 0) this.#exporter.recovered()
    } catch (error) {
      this.#exporter.complain(`they could not be written (${error instanceof Error ? error.name : typeof error})`)
    }
  }

  #wait(): void {
    if (this.#closed || this.#ephemeral || this.#timer !== undefined) return
    this.#timer = timerOf(() => {
      void this.export().then(() => {
        this.#timer = undefined
        this.#wait()
      })
    }, this.#every)
  }
}

/** An ExportMetricsServiceRequest, and how many points are in it. Times are milliseconds since 1970. */
export function metricsJson(
  metrics: Pick<Metrics, '~families'>,
  resource: Attributes,
  started: number,
  now: number,
): { readonly text: string; readonly points: number } {
  const times = { startTimeUnixNano: nanoseconds(started), timeUnixNano: nanoseconds(Math.max(started, now)) }
  let points = 0
  const families = []
  for (const family of metrics['~families']()) {
    points += family.all.length
    if (family.all.length > 0) families.push(metricOf(family, times))
  }
  const resourceMetrics = [{
    resource: { attributes: keyValues(resource) },
    scopeMetrics: [{ scope: { name: 'sallyport' }, metrics: families }],
  }]
  return { text: JSON.stringify({ resourceMetrics }), points }
}

interface Times {
  readonly startTimeUnixNano: string
  readonly timeUnixNano: string
}

function metricOf({ spec, all }: AnyFamily, times: Times): object {
  const { kind, help, otel } = spec
  const dataPoints = (all as readonly (Count | Level | Buckets)[]).map((series) => {
    const attributes = attributesOf(series.labels, spec)
    return series instanceof Buckets
      ? { attributes, ...times, ...distribution(series) }
      : { attributes, ...times, asDouble: series.value }
  })
  const about = { name: otel.name, unit: otel.unit ?? '', description: help }
  if (kind === 'gauge') return { ...about, gauge: { dataPoints } }
  const aggregationTemporality = CUMULATIVE
  return kind === 'counter'
    ? { ...about, sum: { dataPoints, aggregationTemporality, isMonotonic: true } }
    : { ...about, histogram: { dataPoints, aggregationTemporality } }
}

function distribution({ counts, bounds, sum, exemplars }: Buckets): object {
  return {
    count: String(counts.reduce((total, count) => total + count, 0)),
    sum,
    bucketCounts: Array.from(counts, String),
    explicitBounds: [...bounds],
    ...(exemplars && { exemplars: exemplars.filter((one) => one !== undefined).map(exemplarOf) }),
  }
}

function exemplarOf({ traceId, value, time }: Exemplar): object {
  return { timeUnixNano: nanoseconds(time), asDouble: value, traceId }
}

const LABEL = /([A-Za-z]\w*)="((?:[^"\\]|\\.)*)"/gs

/** A series keeps its labels as Prometheus writes them: back to the names and values that the program gave. */
function attributesOf(labels: string, { labels: names, written }: AnyFamily['spec']): KeyValues {
  if (labels === OVERFLOW) return [{ key: 'otel.metric.overflow', value: { boolValue: true } }]
  return Array.from(labels.matchAll(LABEL), ([, name = '', escaped = '']) => {
    const key = names[written.indexOf(name)] ?? name
    const text = escaped.replace(/\\(.)/gs, (_, char: string) => char === 'n' ? '\n' : char)
    // The one label whose type the conventions need: a label is kept as text.
    const isNumber = key === 'http.response.status_code' && /^\d{3}$/.test(text)
    return { key, value: isNumber ? { intValue: text } : { stringValue: text } }
  })
}

function keyValues(attributes: Attributes): KeyValues {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }))
}

function anyValue(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value }
  }
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } }
  return { stringValue: String(value ?? '') }
}

/** Milliseconds as OTLP writes times: a double cannot hold nanoseconds since 1970. */
function nanoseconds(ms: number): string {
  const whole = Math.floor(ms)
  return `${whole}${String(Math.floor((ms - whole) * 1_000_000)).padStart(6, '0')}`
}
