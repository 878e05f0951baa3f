/**
 * Quantiles of a stream of numbers, in memory that does not grow.
 *
 * A logarithmic histogram (DDSketch, Masson et al., VLDB 2019): bucket `i` holds the values from γ^(i-1) to γ^i, so whatever
 * stands for a bucket is within 1 % of all that is in it. An average hides the slow requests; a list of the last thousand
 * forgets them.
 */

/** What {@link createQuantiles} makes. */
export interface Quantiles {
  /** How many values were recorded. */
  readonly count: number
  /** Their sum. */
  readonly sum: number
  /** The largest; 0 of none. */
  readonly max: number
  /** Records one value; below 0 it is 0. What is not finite is dropped. Never throws. */
  record(value: number): void
  /** The value below which a share `q` (0 to 1) of all lies, within 1 %; 0 of none. */
  quantile(q: number): number
  /** A copy, to compare with later. */
  snapshot(): Quantiles
  /** What was recorded after `earlier`, a snapshot of this sketch, for figures of a while. Throws a TypeError if it is none. */
  since(earlier: Quantiles): Quantiles
}

const ACCURACY = 0.01
const GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
const SCALE = 1 / /* @__PURE__ */ Math.log(GAMMA)
/** The smallest and the largest value told apart, 10^-3 and 10^8: in milliseconds, a microsecond and a day. */
const LOWEST = 1e-3
const HIGHEST = 1e8
const FIRST = /* @__PURE__ */ Math.ceil(/* @__PURE__ */ Math.log(LOWEST) * SCALE)
const LAST = /* @__PURE__ */ Math.ceil(/* @__PURE__ */ Math.log(HIGHEST) * SCALE)

/**
 * Makes an empty sketch: 10 kB, whatever is recorded. Values between 0.001 and 100,000,000 are told apart to 1 %; smaller
 * ones count as at most 0.001, larger ones as the largest seen.
 */
export function createQuantiles(): Quantiles {
  return new LogBuckets()
}

class LogBuckets implements Quantiles {
  count = 0
  sum = 0
  max = 0
  #min = Infinity
  readonly #buckets = new Float64Array(LAST - FIRST + 1)

  record(value: number): void {
    if (!Number.isFinite(value)) return
    const one = value > 0 ? value : 0
    const index = one <= LOWEST ? 0 : one >= HIGHEST ? LAST - FIRST : Math.ceil(Math.log(one) * SCALE) - FIRST
    this.#buckets[index]! += 1
    this.count++
    this.sum += one
    if (one > this.max) this.max = one
    if (one < this.#min) this.#min = one
  }

  quantile(q: number): number {
    if (this.count === 0 || !(q >= 0 && q <= 1)) return 0
    const rank = Math.floor(q * (this.count - 1))
    if (rank === this.count - 1) return this.max
    let seen = 0
    let index = 0
    for (; index < this.#buckets.length - 1; index++) {
      seen += this.#buckets[index]!
      if (seen > rank) break
    }
    // In the outer buckets lies all that is beyond them, too.
    if (index === 0) return Math.min(this.#min, LOWEST)
    if (index === this.#buckets.length - 1) return this.max
    return Math.max(this.#min, Math.min(this.max, middle(index)))
  }

  snapshot(): Quantiles {
    return this.#less(new LogBuckets())
  }

  since(earlier: Quantiles): Quantiles {
    if (!(earlier instanceof LogBuckets) || earlier.count > this.count) {
      throw new TypeError('quantiles: since takes an earlier snapshot of the same sketch')
    }
    return this.#less(earlier)
  }

  #less(earlier: LogBuckets): LogBuckets {
    const rest = new LogBuckets()
    const buckets = rest.#buckets
    for (let at = 0; at < buckets.length; at++) buckets[at] = this.#buckets[at]! - earlier.#buckets[at]!
    rest.count = this.count - earlier.count
    if (rest.count === 0) return rest
    rest.sum = Math.max(0, this.sum - earlier.sum)
    // It only bounds, and may be older. So may the maximum, if it has not moved: then the last bucket in use says it, to 1 %.
    rest.#min = this.#min
    const last = buckets.findLastIndex((count) => count > 0)
    rest.max = this.max > earlier.max || last === buckets.length - 1 ? this.max : Math.min(this.max, middle(last))
    return rest
  }
}

/** What is within 1 % of all that is in a bucket, if it is no outer one. */
function middle(index: number): number {
  return 2 * GAMMA ** (index + FIRST) / (GAMMA + 1)
}
