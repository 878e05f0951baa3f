/**
 * Series: one number, or one histogram, per combination of label values; and the family that holds them, within its budget.
 *
 * Values are looked up level by level, one Map per label, so that a series that exists is found without making a string.
 * What the budget has no room for is counted in one overflow series: a client that invents routes, methods or codes makes
 * a number wrong, and cannot fill memory or the time-series database.
 */
import type { Clock } from '../core/clock.ts'
import type { MetricKind } from './names.ts'
import { escaped, labelValue, OVERFLOW } from './names.ts'

/** A label's value; absent is as good as empty. */
export type LabelValue = string | number | boolean | undefined

/** Values of a metric's labels, by name. */
export type Labels<Name extends string> = { readonly [name in Name]?: LabelValue }

/** One series of a counter. */
export interface CounterSeries {
  /** Counts. Less than nothing, and what is not finite, is dropped. (1) */
  add(amount?: number): void
}

/** One series of a gauge. */
export interface GaugeSeries {
  /** Sets the value. What is not finite is dropped. */
  set(value: number): void
  /** Changes it, down with a negative number. (1) */
  add(amount?: number): void
}

/** One series of a histogram. */
export interface HistogramSeries {
  /** Takes one value; below 0 it is 0. What is not finite is dropped. A trace id (32 hex digits) is kept as its example. */
  observe(value: number, traceId?: string): void
}

/** A number that only grows. */
export class Count implements CounterSeries {
  value = 0
  readonly labels: string

  constructor(labels: string) {
    this.labels = labels
  }

  add(amount: number = 1): void {
    if (Number.isFinite(amount) && amount > 0) this.value += amount
  }
}

/** A number that goes up and down. */
export class Level implements GaugeSeries {
  value = 0
  readonly labels: string

  constructor(labels: string) {
    this.labels = labels
  }

  set(value: number): void {
    if (Number.isFinite(value)) this.value = value
  }

  add(amount: number = 1): void {
    if (Number.isFinite(amount)) this.value += amount
  }
}

/** What one bucket saw last that belongs to a trace. */
export interface Exemplar {
  readonly traceId: string
  readonly value: number
  /** Milliseconds since 1970. */
  readonly time: number
}

/** Counts per bucket. */
export class Buckets implements HistogramSeries {
  sum = 0
  readonly labels: string
  /** Upper bounds, included, ascending; beyond the last is one bucket more. */
  readonly bounds: Float64Array
  readonly counts: Float64Array
  exemplars: (Exemplar | undefined)[] | undefined
  readonly #clock: Clock

  constructor(labels: string, bounds: Float64Array, clock: Clock) {
    this.labels = labels
    this.bounds = bounds
    this.counts = new Float64Array(bounds.length + 1)
    this.#clock = clock
  }

  observe(value: number, traceId?: string): void {
    if (!Number.isFinite(value)) return
    const one = value > 0 ? value : 0
    const { bounds } = this
    let low = 0
    let high = bounds.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (one <= bounds[middle]!) high = middle
      else low = middle + 1
    }
    this.counts[low]! += 1
    this.sum += one
    if (traceId !== undefined && isTraceId(traceId)) {
      this.exemplars ??= Array<Exemplar | undefined>(bounds.length + 1).fill(undefined)
      this.exemplars[low] = { traceId, value: one, time: this.#clock.now() }
    }
  }
}

/** As W3C Trace Context has it: nothing else gets into the page. */
function isTraceId(id: unknown): boolean {
  return typeof id === 'string' && /^[\da-f]{32}$/.test(id) && !/^0+$/.test(id)
}

/** How many series there is still room for, in all families of one registry. */
export interface Budget {
  left: number
}

/** What a family is made of. */
export interface FamilySpec<Series> {
  readonly kind: MetricKind
  /** As written: see {@link familyName}. */
  readonly name: string
  /** As a word; `''`: none. */
  readonly unit: string
  readonly help: string
  /** As the program names it, and its unit as UCUM has it. */
  readonly otel: { readonly name: string; readonly unit: string | undefined }
  /** As the program names them. */
  readonly labels: readonly string[]
  /** As they are written. */
  readonly written: readonly string[]
  /** A value without what looks like a secret. Asked for what was not seen before. */
  readonly hide: (value: string) => string
  /** At most so many series, the overflow included. */
  readonly most: number
  readonly budget: Budget
  readonly make: (labels: string) => Series
}

type Level1<Series> = Map<string, Series | Level1<Series>>

/** A metric and its series. */
export class Family<Series> {
  readonly spec: FamilySpec<Series>
  readonly all: Series[] = []
  readonly #root: Level1<Series> = new Map()
  readonly #values: string[]
  readonly #only: Series | undefined
  #overflow: Series | undefined

  /** Takes one series of the budget: its only one, or that of the overflow. */
  constructor(spec: FamilySpec<Series>) {
    this.spec = spec
    this.#values = spec.labels.map(() => '')
    spec.budget.left--
    if (spec.labels.length === 0) this.all.push(this.#only = spec.make(''))
  }

  /** The series of these values. Never throws: what cannot be read as labels, or is too much, goes to the overflow. */
  of(labels: Readonly<Record<string, LabelValue>> | undefined): Series {
    if (this.#only !== undefined) return this.#only
    try {
      const names = this.spec.labels
      const values = this.#values
      for (let at = 0; at < names.length; at++) {
        const value = labels?.[names[at]!]
        values[at] = typeof value === 'string' ? value : value === undefined || value === null ? '' : String(value)
      }
      const { hide } = this.spec
      return this.#find(values) ?? this.#add(values.map((value) => labelValue(hide(value))))
    } catch {
      return this.#beyond()
    }
  }

  #find(values: readonly string[]): Series | undefined {
    let found: Series | Level1<Series> | undefined = this.#root
    for (let at = 0; at < values.length; at++) {
      found = (found as Level1<Series>).get(values[at]!)
      if (found === undefined) return undefined
    }
    return found as Series
  }

  #add(values: readonly string[]): Series {
    const known = this.#find(values)
    if (known !== undefined) return known
    const { budget, most, written, make } = this.spec
    const own = this.#overflow === undefined ? this.all.length + 1 : this.all.length
    if (budget.left <= 0 || own >= most) return this.#beyond()
    let level = this.#root
    for (const value of values.slice(0, -1)) {
      let next = level.get(value) as Level1<Series> | undefined
      if (next === undefined) level.set(value, next = new Map())
      level = next
    }
    const shown = written.map((name, at) => values[at] === '' ? '' : `${name}="${escaped(values[at]!)}"`)
    const series = make(shown.filter((one) => one !== '').join(','))
    level.set(values.at(-1)!, series)
    budget.left--
    this.all.push(series)
    return series
  }

  #beyond(): Series {
    if (this.#overflow === undefined) this.all.push(this.#overflow = this.spec.make(OVERFLOW))
    return this.#overflow
  }
}
