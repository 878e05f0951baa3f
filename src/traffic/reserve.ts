import type { Context, End } from '../core/context.ts'
import { onEnd } from '../core/context.ts'
import type { HasReservation } from '../core/facts.ts'
import type { Decision } from '../core/guard.ts'
import { guard } from '../core/guard.ts'
import type { Wrapper } from '../core/handler.ts'
import { count } from '../core/quantity.ts'
import type { Claim, LimiterOptions, LimitsOf } from './limiter.ts'
import { limiter } from './limiter.ts'
import type { Cost } from './limits.ts'

/** Options of {@link reserve}. What `key`, `limits` and `estimate` read is inferred from each by itself, and all is needed. */
export interface ReserveOptions<Key, Limits = unknown, Estimate = unknown> extends LimiterOptions<Key> {
  /** See `rateLimit`. A limit with a `cost` of its own takes no part in the reservation: it counts as ever. */
  readonly limits: LimitsOf<NoInfer<Key> & Limits>
  /** Units to hold until the handler knows better: enough for most, since only what is reserved is sure to be there. */
  readonly estimate: Cost<NoInfer<Key> & Estimate>
}

/**
 * Reserves an estimate of what a request will use, and settles what it did use: tokens of a language model, bytes, seconds.
 *
 * The handler says what was used: `reservation.settle(812)` at once, or `reservation.spend(1)` as it goes, and then the sum
 * is settled when the exchange ends: at the end of a stream, when it breaks, or when the client leaves. The difference is
 * given back, or charged, even beyond the limit. Who says nothing has used the estimate.
 *
 * Needs:   what `key`, `estimate` and `limits` read.
 * Adds:    `reservation`: only a handler under this wrapper can settle.
 * Refuses: as `rateLimit`, by the estimate: 429 `rate-limit-exceeded`, 400 `cost-exceeds-limit`, 503 `guard-unavailable`.
 * Throws:  when made: TypeError as `rateLimit`, and if the store cannot adjust.
 * Fails:   as `onOutage` says; a reservation that was let pass in an outage settles nothing. A settlement that the store
 *          does not take is lost: the estimate stays charged.
 * Costs:   one step of the store, and one more to settle, in the background.
 * Source:  draft-ietf-httpapi-ratelimit-headers-10.
 *
 * @example
 * reserve({ key: byPrincipal, limits: [{ name: 'tokens', limit: 100_000, window: '1h', unit: 'tokens' }], estimate: 4_000 })
 */
export function reserve<Key, Limits = unknown, Estimate = unknown>(
  options: ReserveOptions<Key, Limits, Estimate>,
): Wrapper<HasReservation, Key & NoInfer<Limits & Estimate>> {
  const { limits, estimate, refundWhen } = options
  const ask = limiter<Key & Limits & Estimate>('reserve', options, limits, estimate, { adjusts: true })
  return guard<HasReservation, Key & Limits & Estimate>({
    name: 'reserve',
    says: typeof limits === 'function' ? undefined : { limits },
    decide: (request, context) => ask(request, context, (claim) => reserved(claim, context, refundWhen)),
  })
}

function reserved(
  claim: Claim | undefined,
  context: Context,
  refundWhen: ((end: End) => boolean) | undefined,
): Decision<HasReservation> {
  const held = claim === undefined ? 0 : Math.max(0, ...claim.costs.filter((_cost, i) => claim.follows[i]))
  let spent: number | undefined
  let settled = false
  const settle = (units: number): void => {
    if (settled) return
    settled = true
    claim?.adjust(claim.costs.map((cost, i) => claim.follows[i] ? units - cost : 0))
  }
  onEnd(context, (end) => {
    if (spent !== undefined) settle(spent)
    else if (!settled && refundWhen?.(end) === true) {
      settled = true
      claim?.adjust(claim.costs.map((cost) => -cost))
    }
  })
  return {
    outcome: 'allow',
    adds: {
      reservation: {
        reserved: held,
        settle: (units) => settle(count(units, 'reservation.settle: units', 0)),
        spend(units) {
          spent = (spent ?? 0) + count(units, 'reservation.spend: units', 0)
        },
      },
    },
  }
}
