/** What to watch: a rule is a number and the threshold that it should not be beyond. Nothing is read before it is asked. */
import type { MaybePromise } from '../../core/handler.ts'
import type { Duration } from '../../core/quantity.ts'
import { count, milliseconds, show } from '../../core/quantity.ts'
import type { StoreCall } from '../../core/store.ts'
import { createQuantiles } from '../quantiles.ts'
import type { Metrics } from '../registry.ts'
import type { AlertSeverity } from './notice.ts'

/** Fires while its value is above its threshold. */
export interface AlertRule {
  /** Letters, digits, spaces, `.`, `_`, `:`, `/` and `-`, from a letter on; at most 64. */
  readonly name: string
  readonly threshold: number
  /**
   * Asked at each look, with a deadline of 10 seconds. `undefined` is nothing to judge by just now; what throws or is no
   * number is complained of. Either way the rule stays as it was.
   */
  readonly value: (signal: AbortSignal, call: StoreCall) => MaybePromise<number | undefined>
  /** Of both, e.g. `'%'`. (none) */
  readonly unit?: string | undefined
  /** Above it for so long before it fires. (at the first look) */
  readonly for?: Duration | undefined
  /** Whatever the value. (by how far it is above: to 20 % medium, to 50 % high, then critical) */
  readonly severity?: AlertSeverity | undefined
}

/** Options of the rules about requests. */
export interface RequestRuleOptions {
  /** What `httpMetrics` fills. */
  readonly metrics: Metrics
  /** What to call it, where there are several. (`'error-rate'`, `'latency'`) */
  readonly name?: string | undefined
  /** How far to look back; up to a quarter more. (`'5m'`) */
  readonly window?: Duration | undefined
  /** So many requests must have ended in it before the rule fires. (20) */
  readonly minimum?: number | undefined
  /** Above the threshold for so long before it fires. (at the first look) */
  readonly for?: Duration | undefined
}

/** Options of {@link errorRateRule}. */
export interface ErrorRateRuleOptions extends RequestRuleOptions {
  /** The share of requests, 0 to 1. (0.05) */
  readonly threshold?: number | undefined
}

/**
 * The share of requests that were answered with a 5xx or broken off by us, in per cent, over the last minutes. Without
 * requests it tells nothing; a few can show that all is well, but not that it is not.
 *
 * @example
 * createAlerts({ rules: [errorRateRule({ metrics, threshold: 0.01 })] })
 */
export function errorRateRule(options: ErrorRateRuleOptions): AlertRule {
  const { name = 'error-rate', threshold = 0.05 } = options
  if (!(threshold >= 0 && threshold <= 1)) {
    throw new TypeError(`errorRateRule: threshold must be a share from 0 to 1, got ${show(threshold)}`)
  }
  const { metrics, window, minimum } = requestOptions(options, 'errorRateRule')
  const marks = new Marks(window, (): Total => {
    const { total, errors } = metrics.performance().requests
    return { total, errors }
  }, { total: 0, errors: 0 })
  const percent = round(threshold * 100)
  return {
    name,
    threshold: percent,
    unit: '%',
    for: options.for,
    value(_signal, { clock }) {
      const [before, now] = marks.look(clock.monotonic())
      const total = now.total - before.total
      return total === 0 ? undefined : judged(100 * (now.errors - before.errors) / total, percent, total >= minimum)
    },
  }
}

interface Total {
  readonly total: number
  readonly errors: number
}

/** Which figure of {@link latencyRule}. */
export type LatencyFigure = 'average' | 'p50' | 'p95' | 'p99'

/** Options of {@link latencyRule}. */
export interface LatencyRuleOptions extends RequestRuleOptions {
  /** (`'5s'`) */
  readonly threshold?: Duration | undefined
  /** Which figure of all their times. (`'p95'`: an average hides the slow ones) */
  readonly of?: LatencyFigure | undefined
}

const QUANTILES = { p50: 0.5, p95: 0.95, p99: 0.99 } as const

/**
 * How long requests took over the last minutes, in milliseconds. On Workers time passes only while they wait for others.
 *
 * @example
 * createAlerts({ rules: [latencyRule({ metrics, threshold: '500ms' })] })
 */
export function latencyRule(options: LatencyRuleOptions): AlertRule {
  const { name = 'latency', of = 'p95' } = options
  const threshold = milliseconds(options.threshold ?? '5s', 'latencyRule: threshold')
  if (of !== 'average' && !Object.hasOwn(QUANTILES, of)) {
    throw new TypeError(`latencyRule: of must be 'average', 'p50', 'p95' or 'p99', got ${show(of)}`)
  }
  const { metrics, window, minimum } = requestOptions(options, 'latencyRule')
  const { times } = metrics['~figures']
  const marks = new Marks(window, () => times.snapshot(), createQuantiles())
  return {
    name,
    threshold,
    unit: 'ms',
    for: options.for,
    value(_signal, { clock }) {
      const [before, now] = marks.look(clock.monotonic())
      const recent = now.since(before)
      if (recent.count === 0) return undefined
      const value = of === 'average' ? recent.sum / recent.count : recent.quantile(QUANTILES[of])
      return judged(value, threshold, recent.count >= minimum)
    },
  }
}

function requestOptions(
  { metrics, window, minimum }: RequestRuleOptions,
  rule: string,
): { metrics: Metrics; window: number; minimum: number } {
  if (typeof metrics?.performance !== 'function' || metrics['~figures'] === undefined) {
    throw new TypeError(`${rule}: metrics must be what createMetrics makes`)
  }
  return {
    metrics,
    window: milliseconds(window ?? '5m', `${rule}: window`),
    minimum: count(minimum ?? 20, `${rule}: minimum`),
  }
}

/** Few requests can clear a rule; to accuse takes enough of them. */
function judged(value: number, threshold: number, isEnough: boolean): number | undefined {
  const rounded = round(value)
  return isEnough || rounded <= threshold ? rounded : undefined
}

function round(value: number): number {
  return Number(value.toPrecision(12))
}

/** Marks per window: each may be 10 kB. */
const PER_WINDOW = 4

/** What a total was some time ago, from looks at it that come when they come. */
class Marks<Mark> {
  readonly #window: number
  readonly #read: () => Mark
  readonly #marks: { readonly at: number; readonly mark: Mark }[]

  /** `start` is what the total began with. */
  constructor(window: number, read: () => Mark, start: Mark) {
    this.#window = window
    this.#read = read
    this.#marks = [{ at: -Infinity, mark: start }]
  }

  /** The last mark from before the window, and the total as it is. */
  look(now: number): readonly [before: Mark, now: Mark] {
    const marks = this.#marks
    while (marks.length > 1 && now - marks[1]!.at >= this.#window) marks.shift()
    const before = marks[0]!.mark
    const mark = this.#read()
    if (now - marks.at(-1)!.at >= this.#window / PER_WINDOW) marks.push({ at: now, mark })
    return [before, mark]
  }
}

/** Options of {@link probeRule}. */
export interface ProbeRuleOptions {
  readonly threshold: number
  /** Looks at what was observed in this unit only. (`'%'`) */
  readonly unit?: string | undefined
  /** Looks at this measurement only, where there are several, e.g. `'heap'`. (the largest of all) */
  readonly measurement?: string | undefined
  /** Above it for so long before it fires. (at the first look) */
  readonly for?: Duration | undefined
}

/**
 * Watches what a health check observes: `memoryProbe()`, `cpuProbe()`, `diskProbe()` of `sallyport/probes`, `countProbe`, or
 * any function that gives `{ observedValue, observedUnit }`, or a list of them. Its own levels do not matter. Give it a probe
 * of its own where that measures from look to look, as `cpuProbe` does.
 *
 * @example
 * createAlerts({ rules: [probeRule('disk', diskProbe('uploads'), { threshold: 90 })] })
 */
export function probeRule(
  name: string,
  check: (signal: AbortSignal, call: StoreCall) => unknown,
  options: ProbeRuleOptions,
): AlertRule {
  if (typeof check !== 'function') throw new TypeError(`probeRule: the check of '${name}' must be a function`)
  const { threshold, unit = '%', measurement } = options
  return {
    name,
    threshold,
    unit,
    for: options.for,
    async value(signal, call) {
      const given: unknown = await check(signal, call)
      const values = [given].flat().map((one) => one as Partial<Observed> | null | undefined).filter((one) =>
        one?.observedUnit === unit && (measurement === undefined || one.measurement === measurement)
      ).map((one) => one?.observedValue)
      if (values.length === 0) throw new Error(`its check observed nothing in ${unit}`)
      return Math.max(...values.map((value) => typeof value === 'number' ? value : Number.NaN))
    },
  }
}

interface Observed {
  readonly measurement: unknown
  readonly observedValue: unknown
  readonly observedUnit: unknown
}

/** Options of {@link standardRules}. */
export interface StandardRulesOptions {
  /** What `httpMetrics` fills. */
  readonly metrics: Metrics
  /** `memoryProbe()`, on servers. (memory is not watched) */
  readonly memory?: ((signal: AbortSignal, call: StoreCall) => unknown) | undefined
  /** `cpuProbe()`, on servers. (the processor is not watched) */
  readonly cpu?: ((signal: AbortSignal, call: StoreCall) => unknown) | undefined
}

/**
 * The four that every service needs: memory above 80 %, processor above 80 % for a minute, more than 5 % errors, and a 95th
 * percentile above 5 seconds.
 *
 * @example
 * createAlerts({ rules: [...standardRules({ metrics, memory: memoryProbe(), cpu: cpuProbe() }), mine] })
 */
export function standardRules({ metrics, memory, cpu }: StandardRulesOptions): readonly AlertRule[] {
  return [
    ...(memory === undefined ? [] : [probeRule('memory', memory, { threshold: 80 })]),
    ...(cpu === undefined ? [] : [probeRule('cpu', cpu, { threshold: 80, for: '1m' })]),
    errorRateRule({ metrics }),
    latencyRule({ metrics }),
  ]
}
