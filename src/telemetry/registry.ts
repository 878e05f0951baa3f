/** The registry: where a service's numbers are, made by the service, so that two of them (or two tests) share nothing. */
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { isPromise } from '../core/handler.ts'
import { count, show } from '../core/quantity.ts'
import type { Redaction } from '../core/redact.ts'
import { standardRedaction } from '../core/redact.ts'
import type { MetricKind, MetricUnit } from './names.ts'
import { familyName, labelNames, sampleNames, unitWord } from './names.ts'
import type { PerformanceFigures } from './performance.ts'
import { Figures } from './performance.ts'
import type { Budget, CounterSeries, GaugeSeries, HistogramSeries, Labels } from './series.ts'
import { Buckets, Count, Family, Level } from './series.ts'

/** Options of {@link createMetrics}. */
export interface MetricsOptions {
  /** At most so many series in all, the overflow of each metric included. (2,000) */
  readonly maxSeries?: number | undefined
  /** Times `timed` and dates exemplars. (the runtime's) */
  readonly clock?: Clock | undefined
  /** What may not be in the value of a label: what looks like a secret; names are yours. (`standardRedaction`) */
  readonly redaction?: Redaction | undefined
}

/** Options of every metric. */
export interface MetricOptions<Label extends string = never> {
  /** What it counts, in a sentence. */
  readonly help: string
  /** Names of its labels, with dots or underscores. (none) */
  readonly labels?: readonly Label[] | undefined
  /** In UCUM: becomes the end of the name. (none) */
  readonly unit?: MetricUnit | undefined
  /** At most so many series of this metric, its overflow included. (1,000) */
  readonly maxSeries?: number | undefined
}

/** Options of a gauge. */
export interface GaugeOptions<Label extends string = never> extends MetricOptions<Label> {
  /** Read when the metrics are: for a gauge without labels. What it throws leaves the gauge as it was. (none) */
  readonly read?: (() => number) | undefined
}

/** Options of a histogram. */
export interface HistogramOptions<Label extends string = never> extends MetricOptions<Label> {
  /** Upper bounds, ascending; one for all beyond is added. (OpenTelemetry's for seconds, 0.005 to 10) */
  readonly buckets?: readonly number[] | undefined
}

/** Counts what happens. Recording never throws. */
export interface Counter<Label extends string = never> {
  /** Counts. Less than nothing, and what is not finite, is dropped. (1) */
  add(amount?: number, labels?: Labels<Label>): void
  /** The series of these labels, to keep where one is counted often. */
  series(labels: Labels<Label>): CounterSeries
}

/** Says how much there is. Recording never throws. */
export interface Gauge<Label extends string = never> {
  /** Sets the value. What is not finite is dropped. */
  set(value: number, labels?: Labels<Label>): void
  /** Changes it, down with a negative number. (1) */
  add(amount?: number, labels?: Labels<Label>): void
  /** The series of these labels, to keep where one is set often. */
  series(labels: Labels<Label>): GaugeSeries
}

/** Says how values are spread. Recording never throws. */
export interface Histogram<Label extends string = never> {
  /** Takes one value; below 0 it is 0. What is not finite is dropped. A trace id (32 hex digits) is kept as its example. */
  observe(value: number, labels?: Labels<Label>, traceId?: string): void
  /** The series of these labels, to keep where one is observed often. */
  series(labels: Labels<Label>): HistogramSeries
}

/** A registry. Its functions may be detached. Asking for a metric again, in the same way, gives the same one. */
export interface Metrics {
  /** A number that only grows. Throws a TypeError for a name, label, unit or limit that cannot be. */
  readonly counter: <const Label extends string = never>(name: string, options: MetricOptions<Label>) => Counter<Label>
  /** A number that goes up and down. Throws as `counter` does. */
  readonly gauge: <const Label extends string = never>(name: string, options: GaugeOptions<Label>) => Gauge<Label>
  /** Values by size. Throws as `counter` does, and for buckets that do not ascend. */
  readonly histogram: <const Label extends string = never>(
    name: string,
    options: HistogramOptions<Label>,
  ) => Histogram<Label>
  /**
   * The same function, its calls counted and timed in a histogram in seconds, with the label `outcome`: `ok`, or `failed`
   * where it throws or rejects. A promise is timed to its end.
   */
  readonly timed: <F extends (...given: never[]) => unknown>(name: string, fn: F, options?: TimedOptions) => F
  /** Totals, error rate, percentiles and statuses of the requests that `httpMetrics` has seen. */
  readonly performance: () => PerformanceFigures
  /** For the page. */
  readonly '~families': () => Iterable<AnyFamily>
  /** For `httpMetrics`. */
  readonly '~figures': Figures
}

/** Options of `timed`. */
export interface TimedOptions extends Pick<HistogramOptions, 'buckets'> {
  /** What it does, in a sentence. (`'Duration of calls.'`) */
  readonly help?: string | undefined
}

/** A family of any kind. */
export type AnyFamily = Family<Count> | Family<Level> | Family<Buckets>

/** OpenTelemetry's advice for durations in seconds (HTTP semantic conventions). */
const SECONDS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

interface Known {
  readonly metric: Counter | Gauge | Histogram
  readonly family: AnyFamily
  /** How it was asked for. */
  readonly terms: string
}

/**
 * Makes a registry of metrics, which `httpMetrics` fills and `metricsPage` shows.
 *
 * The number of series is bounded, whatever becomes a label: beyond its budget a metric counts in one series marked
 * `otel_metric_overflow="true"`. Values of labels are cut at 128 characters. Memory of one instance: each isolate of a
 * Worker has its own.
 *
 * Throws a TypeError if `maxSeries` is no whole number, and, when a metric is made, if its name, labels, unit or buckets are
 * not usable, if another has its name, or if no series is left.
 *
 * @example
 * const metrics = createMetrics()
 * const jobs = metrics.counter('video.jobs', { help: 'Videos done.', labels: ['result'] })
 * jobs.add(1, { result: 'ok' })
 */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  const { clock = systemClock, redaction = standardRedaction } = options
  if (typeof redaction?.text !== 'function') {
    throw new TypeError('createMetrics: redaction must be what redaction() makes')
  }
  const hide = (value: string): string => value === '' ? '' : redaction.text(value)
  const budget: Budget = { left: count(options.maxSeries ?? 2_000, 'createMetrics: maxSeries') }
  const known = new Map<string, Known>()
  const taken = new Set<string>()
  const readers: (() => void)[] = []
  const figures = new Figures()

  /** The metric of this name: as it is if it was asked for before in the same way, else a new one. */
  const metric = <Series extends Count | Level | Buckets, M>(
    kind: MetricKind,
    name: string,
    { help, labels = [], unit, maxSeries = 1_000 }: MetricOptions<string>,
    more: string,
    make: (labels: string) => Series,
    surface: (family: Family<Series>) => M,
  ): M => {
    const before = known.get(name)
    const terms = JSON.stringify([kind, labels, unit, maxSeries, more])
    if (before?.terms === terms) return before.metric as M
    if (before !== undefined) throw new TypeError(`metrics: '${name}' is there already, in another form`)
    const word = unitWord(kind, unit, name)
    const family = familyName(name, kind, word)
    const written = labelNames(labels, name)
    if (typeof help !== 'string' || help === '') throw new TypeError(`${name}: help must be a sentence`)
    const most = count(maxSeries, `${name}: maxSeries`)
    const clash = sampleNames(family, kind).find((one) => taken.has(one))
    if (clash !== undefined) throw new TypeError(`metrics: '${name}' would write '${clash}', as another metric does`)
    if (budget.left <= 0) throw new TypeError(`metrics: no series is left for '${name}'`)
    for (const one of sampleNames(family, kind)) taken.add(one)
    const otel = { name, unit }
    const spec = { kind, name: family, unit: word, help, otel, labels: [...labels], written, hide, most, budget, make }
    const made = new Family<Series>(spec)
    const out = surface(made)
    known.set(name, { metric: out as Counter, family: made as AnyFamily, terms })
    return out
  }

  const counter: Metrics['counter'] = (name, options) =>
    metric('counter', name, options, '', (labels) => new Count(labels), (family) => ({
      add: (amount, labels) => family.of(labels).add(amount),
      series: (labels) => family.of(labels),
    }))

  const gauge: Metrics['gauge'] = (name, options) => {
    const { read, labels } = options
    if (read !== undefined && (typeof read !== 'function' || (labels ?? []).length > 0)) {
      throw new TypeError(`${name}: read must be a function, of a gauge without labels`)
    }
    // Differs each time, so that a second source for one gauge is refused and not ignored.
    const more = read === undefined ? '' : String(readers.length)
    return metric('gauge', name, options, more, (labels) => new Level(labels), (family) => {
      if (read !== undefined) readers.push(() => family.of(undefined).set(read()))
      return {
        set: (value, labels) => family.of(labels).set(value),
        add: (amount, labels) => family.of(labels).add(amount),
        series: (labels) => family.of(labels),
      }
    })
  }

  const histogram: Metrics['histogram'] = (name, options) => {
    const bounds = boundsOf(options.buckets ?? SECONDS, name)
    const make = (labels: string): Buckets => new Buckets(labels, bounds, clock)
    return metric('histogram', name, options, bounds.join(), make, (family) => ({
      observe: (value, labels, traceId) => family.of(labels).observe(value, traceId),
      series: (labels) => family.of(labels),
    }))
  }

  const timed: Metrics['timed'] = (name, fn, options = {}) => {
    if (typeof fn !== 'function') throw new TypeError(`${name}: timed takes a function`)
    const { help = 'Duration of calls.', buckets } = options
    const calls = histogram(name, { help, buckets, unit: 's', labels: ['outcome'] })
    const ok = calls.series({ outcome: 'ok' })
    const failed = calls.series({ outcome: 'failed' })
    return timing(fn, clock, ok, failed)
  }

  return {
    counter,
    gauge,
    histogram,
    timed,
    performance: () => figures.report(),
    '~figures': figures,
    '~families': () => {
      for (const read of readers) {
        try {
          read()
        } catch {
          // The gauge stays as it was: one broken source must not hide all the others.
        }
      }
      return [...known.values()].map(({ family }) => family)
    },
  }
}

function boundsOf(buckets: readonly number[], name: string): Float64Array {
  const ascend = Array.isArray(buckets) && buckets.length > 0 && buckets.length <= 200 &&
    buckets.every((bound: unknown, at) => Number.isFinite(bound) && (at === 0 || buckets[at]! > buckets[at - 1]!))
  if (!ascend) throw new TypeError(`${name}: buckets must be 1 to 200 ascending numbers, got ${show(buckets)}`)
  return Float64Array.from(buckets)
}

function timing<F extends (...given: never[]) => unknown>(
  fn: F,
  clock: Clock,
  ok: HistogramSeries,
  failed: HistogramSeries,
): F {
  return function (this: unknown, ...given: never[]): unknown {
    const started = clock.monotonic()
    const end = (series: HistogramSeries): void => series.observe((clock.monotonic() - started) / 1_000)
    let result: unknown
    try {
      result = fn.apply(this, given)
    } catch (error) {
      end(failed)
      throw error
    }
    if (!isPromise(result)) {
      end(ok)
      return result
    }
    // What `then` gives, not the promise itself: a lazy one, such as a query, must be started once only.
    return result.then((value: unknown) => {
      end(ok)
      return value
    }, (error: unknown) => {
      end(failed)
      throw error
    })
  } as unknown as F
}
