import { onEnd } from '../core/context.ts'
import type { Rollout } from '../core/guard.ts'
import { ALLOW, guard } from '../core/guard.ts'
import type { Wrapper } from '../core/handler.ts'
import type { Duration } from '../core/quantity.ts'
import type { LimitAlgorithm } from '../core/store.ts'
import { isCounted } from './counted.ts'
import type { LimiterOptions, LimitsOf } from './limiter.ts'
import { limiter } from './limiter.ts'
import type { Cost, LimitSpec } from './limits.ts'

/**
 * Options of {@link rateLimit}: one limit, or several that are decided together. What `key`, `cost` and `limits` read is
 * inferred from each by itself, and all of it is needed: inferred together, the needs of one would be taken for all.
 */
export type RateLimitOptions<Key, Costs = unknown, Limits = unknown> =
  & RateLimitCommon<Key, Costs>
  & (OneLimit | SeveralLimits<NoInfer<Key> & Limits>)

/** What {@link rateLimit} takes beside its limits. */
export interface RateLimitCommon<Key, Costs = unknown> extends Rollout, LimiterOptions<Key> {
  /** What one request uses up: a whole number, or a function of the request. (1) */
  readonly cost?: Cost<NoInfer<Key> & Costs> | undefined
}

/** One limit, spelled out among the other options. */
export interface OneLimit {
  /** Requests per window. */
  readonly limit: number
  readonly window: Duration
  /** See {@link LimitSpec}. (`'default'`) */
  readonly name?: string | undefined
  /** See {@link LimitSpec}. (`'fixed-window'`) */
  readonly algorithm?: LimitAlgorithm | undefined
  /** See {@link LimitSpec}. (`'requests'`) */
  readonly unit?: string | undefined
  readonly limits?: undefined
}

/** Several limits on one key, consumed all or nothing in one step. */
export interface SeveralLimits<Needs = {}> {
  /**
   * A list, or a function that gives one: by the principal's plan, or from a variable that is changed while running. Give
   * the same list object for the same plan: what is prepared from it is remembered. A quota that changes keeps the count;
   * another window, algorithm or set of names is another count.
   */
  readonly limits: LimitsOf<Needs>
}

/**
 * Limits how often one key may call.
 *
 * One step of the store decides on all limits and consumes, all or nothing; a refused request uses up nothing. Every
 * response tells the client where it stands (`RateLimit`, `RateLimit-Policy`), save redirects and 304. Mounted twice around
 * one handler, it counts a request once.
 *
 * Needs:   what `key`, `cost` and `limits` read: `byClientIp` needs `clientIp`, `byPrincipal` needs `principal`.
 * Adds:    nothing to the context.
 * Refuses: 429 `rate-limit-exceeded` with `Retry-After` (seconds, also `retryAfter` in the body); 400 `cost-exceeds-limit`
 *          for a cost that can never be met; 503 `guard-unavailable` in an outage, if `onOutage` says so.
 * Throws:  when made: TypeError if `limit` is not a positive whole number, `window` not a duration, `name` not visible
 *          ASCII, or a constant `cost` above `limit`. Per request: what `key`, `cost` and `limits` throw, and a TypeError if
 *          `key` gives neither text nor `undefined`, `cost` no positive whole number, or `limits` no valid limits.
 * Fails:   as `onOutage` says when the store does not answer within `deadline`, or its breaker is open: never as a 429
 *          (save that `local` counts for itself), never with `RateLimit` fields; one alarm per outage.
 * Costs:   in memory 0.5 to 0.7 µs, a fifth of it the count, and 22 to 50 bytes a slot, at most the store's `maxKeys`;
 *          with a shared store one round trip, whatever the number of limits.
 * Source:  RFC 6585 §4; RFC 9110 §10.2.3; draft-ietf-httpapi-ratelimit-headers-10.
 *
 * @example
 * rateLimit({ key: byClientIp, limit: 100, window: '15m' })
 *
 * @example
 * rateLimit({
 *   key: byPrincipal,
 *   limits: [{ name: 'burst', limit: 10, window: '1s' }, { name: 'daily', limit: 5_000, window: '1d' }],
 *   store: redisStore(client),
 * })
 */
export function rateLimit<Key, Costs = unknown, Limits = unknown>(
  options: RateLimitOptions<Key, Costs, Limits>,
): Wrapper<{}, Key & NoInfer<Costs & Limits>> {
  const { cost = 1, mode, share, refundWhen } = options
  const limits = limitsOf(options)
  const option = options.limits === undefined ? '' : 'limits'
  const manner = { silent: mode === 'report', option }
  const ask = limiter<Key & Costs & Limits>('rateLimit', options, limits, cost, manner)
  const names = typeof limits === 'function' ? '' : limits.map(({ name }) => name).join()
  return guard<{}, Key & Costs & Limits>({
    name: 'rate-limit',
    mode,
    share,
    onDegraded: options.onOutage === 'refuse' ? 'refuse' : 'allow',
    says: typeof limits === 'function' ? undefined : { limits },
    decide(request, context) {
      if (isCounted(ask, names, context)) return ALLOW
      return ask(request, context, (claim) => {
        if (claim !== undefined && refundWhen !== undefined) {
          onEnd(context, (end) => {
            if (refundWhen(end) === true) claim.adjust(claim.costs.map((one) => -one))
          })
        }
        return ALLOW
      })
    },
  })
}

function limitsOf<Key, Costs, Limits>(options: RateLimitOptions<Key, Costs, Limits>): LimitsOf<Key & Limits> {
  if (options.limits !== undefined) {
    if ('limit' in options && options.limit !== undefined) {
      throw new TypeError('rateLimit: give limit or limits, not both')
    }
    return options.limits
  }
  const { name = 'default', limit, window, algorithm, unit } = options
  return [{ name, limit, window, algorithm, unit }] satisfies LimitSpec[]
}
