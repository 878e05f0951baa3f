/** Limits as users write them, and what is prepared from them once: the set that stores decide on, and the fields' text. */
import { sfInteger, sfString } from '../core/fields.ts'
import type { Context } from '../core/context.ts'
import type { Duration } from '../core/quantity.ts'
import { count, milliseconds, show } from '../core/quantity.ts'
import type { Limit, LimitAlgorithm, LimitSet } from '../core/store.ts'
import { limitSet } from '../core/store.ts'
import { WINDOWS } from '../core/window.ts'

/** What a request uses up: a whole number, or a function of the request. */
export type Cost<Needs> = number | ((request: Request, context: Context & Needs) => number)

/** One limit. */
export interface LimitSpec<Needs = {}> {
  /** Unique among the limits of a service: it is part of the key, and the name in the `RateLimit` field. */
  readonly name: string
  /** Units per window: a whole number below 2 to the 32. */
  readonly limit: number
  readonly window: Duration
  /**
   * `'fixed-window'`: starts with a key's first request; around its end a key may use up to twice the limit.
   * `'sliding-window'`: never more than the limit in any interval as long as the window; a unit comes back up to a seventh
   * of the window late. `'token-bucket'` (GCRA): the limit at once, then one unit every window / limit. (`'fixed-window'`)
   */
  readonly algorithm?: LimitAlgorithm | undefined
  /** What is counted, as `qu` in `RateLimit-Policy`: `'content-bytes'`, or a word of your own. (`'requests'`) */
  readonly unit?: string | undefined
  /** What a request uses of this limit, 0 or more, where it differs from the others'. (`cost` of the whole) */
  readonly cost?: Cost<Needs> | undefined
}

/** Limits that are ready to be asked about. */
export interface Prepared<Needs> {
  readonly set: LimitSet
  /** The `RateLimit-Policy` field. */
  readonly policy: string
  /** The names as structured-field strings. */
  readonly names: readonly string[]
  /** The costs of every request, where none is a function. */
  readonly costs: readonly number[] | undefined
  readonly specs: readonly LimitSpec<Needs>[]
}

/** Checks and prepares. Throws a TypeError that names the option. */
export function prepare<Needs>(
  specs: readonly LimitSpec<Needs>[],
  cost: Cost<Needs>,
  user: string,
  option = 'limits',
  changing = false,
): Prepared<Needs> {
  if (!Array.isArray(specs) || specs.length === 0) throw new TypeError(`${user}: limits must be a list of limits`)
  const limits = specs.map((spec, i) => limitOf(spec, `${user}: ${option === '' ? '' : `${option}[${i}].`}`))
  const known = new Set(limits.map(({ name }) => name))
  if (known.size < limits.length) throw new TypeError(`${user}: each of limits must have a name of its own`)
  const costs = specs.map((spec, i) => {
    const one = constant(spec.cost ?? cost, spec.cost === undefined ? 1 : 0, user)
    // Limits that change may fall below a cost: then each request that asks for more is told so.
    if (one !== undefined && one > limits[i]!.quota && !changing) {
      throw new TypeError(`${user}: cost must not be above limit, for '${limits[i]!.name}'`)
    }
    return one
  })
  const names = limits.map(({ name }) => sfString(name))
  return {
    set: limitSet(limits),
    specs,
    names,
    policy: limits.map(({ quota, window }, i) => {
      const { unit = 'requests' } = specs[i]!
      const qu = unit === 'requests' ? '' : `;qu=${sfString(unit)}`
      return `${names[i]};q=${quota}${qu};w=${sfInteger(window / 1_000)}`
    }).join(', '),
    costs: costs.every((one) => one !== undefined) ? costs : undefined,
  }
}

/** What this request costs, by limit. Throws a TypeError if a function gives no whole number. */
export function costsOf<Needs>(
  { costs, specs }: Prepared<Needs>,
  cost: Cost<Needs>,
  request: Request,
  context: Context & Needs,
  user: string,
): readonly number[] {
  if (costs !== undefined) return costs
  const common = typeof cost === 'number' ? cost : count(cost(request, context), `${user}: cost`)
  return specs.map((spec) =>
    spec.cost === undefined
      ? common
      : typeof spec.cost === 'number'
      ? spec.cost
      : count(spec.cost(request, context), `${user}: cost of '${spec.name}'`, 0)
  )
}

function limitOf<Needs>(spec: LimitSpec<Needs>, at: string): Limit {
  const { name, algorithm = 'fixed-window', unit = 'requests' } = spec
  if (typeof name !== 'string' || !/^[\x20-\x7e]+$/.test(name)) {
    throw new TypeError(`${at}name must be visible ASCII, got ${show(name)}`)
  }
  if (typeof unit !== 'string' || !/^[\x20-\x7e]+$/.test(unit)) {
    throw new TypeError(`${at}unit must be visible ASCII, got ${show(unit)}`)
  }
  if (!Object.hasOwn(WINDOWS, algorithm)) {
    throw new TypeError(`${at}algorithm must be one of ${Object.keys(WINDOWS).join(', ')}, got ${show(algorithm)}`)
  }
  const quota = count(spec.limit, `${at}limit`)
  if (quota > 0xffff_ffff) throw new TypeError(`${at}limit must be below 2 to the 32`)
  const window = Math.ceil(milliseconds(spec.window, `${at}window`))
  // What a bucket owes is counted in units times milliseconds, exactly.
  if (algorithm === 'token-bucket' && quota * window > Number.MAX_SAFE_INTEGER / 2) {
    throw new TypeError(`${at}limit times window is too much for a token bucket`)
  }
  return { name, quota, window, algorithm }
}

function constant<Needs>(cost: Cost<Needs>, least: number, user: string): number | undefined {
  return typeof cost === 'function' ? undefined : count(cost, `${user}: cost`, least)
}
