/** The few figures that people ask for first, as JSON: for a status page, an alert, or a look with `curl`. */
import type { End } from '../core/context.ts'
import type { Quantiles } from './quantiles.ts'
import { createQuantiles } from './quantiles.ts'

/** What `metrics.performance()` gives: since the registry was made. Times are in milliseconds; percentiles within 1 %. */
export interface PerformanceFigures {
  readonly requests: {
    /** Ended, however they did. */
    readonly total: number
    /** Going on. */
    readonly active: number
    /** Answered with a 5xx, or broken off by us. */
    readonly errors: number
    /** `errors` of `total`, 0 to 1. */
    readonly errorRate: number
    /** Broken off by the client: no error. */
    readonly aborted: number
    /** Took longer than `slow` of `httpMetrics`. */
    readonly slow: number
  }
  readonly durationMs: {
    readonly average: number
    readonly p50: number
    readonly p95: number
    readonly p99: number
    readonly max: number
  }
  /** How many of each status, e.g. `{ "200": 41, "404": 1 }`. */
  readonly statuses: Readonly<Record<string, number>>
}

/** What is counted for {@link PerformanceFigures}. */
export class Figures {
  active = 0
  /** How long they took, in milliseconds. */
  readonly times: Quantiles = createQuantiles()
  #errors = 0
  #aborted = 0
  #slow = 0
  readonly #statuses = new Float64Array(1_000)

  /** One request that has ended. */
  record(ms: number, { status, outcome }: End, slow: number): void {
    this.times.record(ms)
    if (status >= 0 && status < 1_000) this.#statuses[Math.trunc(status)]! += 1
    if (status >= 500 || outcome === 'failed') this.#errors++
    if (outcome === 'aborted') this.#aborted++
    if (ms > slow) this.#slow++
  }

  report(): PerformanceFigures {
    const times = this.times
    const total = times.count
    const share = (part: number): number => total === 0 ? 0 : part / total
    const statuses: Record<string, number> = {}
    this.#statuses.forEach((count, status) => {
      if (count > 0) statuses[status] = count
    })
    return {
      requests: {
        total,
        active: this.active,
        errors: this.#errors,
        errorRate: rounded(share(this.#errors)),
        aborted: this.#aborted,
        slow: this.#slow,
      },
      durationMs: {
        average: rounded(share(times.sum)),
        p50: rounded(times.quantile(0.5)),
        p95: rounded(times.quantile(0.95)),
        p99: rounded(times.quantile(0.99)),
        max: rounded(times.max),
      },
      statuses,
    }
  }
}

function rounded(value: number): number {
  return Number(value.toPrecision(6))
}
