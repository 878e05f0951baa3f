/** What `rateLimit` and `reserve` share: ask the store, through its gate; tell the client where it stands; refuse. */
import type { Context, End } from '../core/context.ts'
import { record } from '../core/event.ts'
import type { Decision } from '../core/guard.ts'
import { refusal } from '../core/guard.ts'
import type { MaybePromise } from '../core/handler.ts'
import { isPromise } from '../core/handler.ts'
import type { OutageOptions } from '../core/outage.ts'
import { isOutage } from '../core/outage.ts'
import { problem } from '../core/problem.ts'
import type { Limit, LimitSet, Standing, Store, StoreCall, Verdict } from '../core/store.ts'
import { limitSet } from '../core/store.ts'
import { memoryStore } from '../stores/memory.ts'
import { gateTo, isVerdict } from './asking.ts'
import type { KeyOf } from './keys.ts'
import type { Cost, LimitSpec, Prepared } from './limits.ts'
import { costsOf, prepare } from './limits.ts'

/** Count in this process while the store is out. Made by {@link local}. */
export interface Local {
  readonly share: number
  /** Decides with that share of every limit; `undefined`: no room to count. */
  readonly consume: (set: LimitSet, key: string, costs: readonly number[], call: StoreCall) => Verdict | undefined
}

/**
 * An outage policy: while the store does not answer, each process counts for itself, with this share of every limit. With
 * five processes `local(0.2)` keeps the whole about where it was. Throws a TypeError unless `share` is above 0, at most 1.
 */
export function local(share: number): Local {
  if (typeof share !== 'number' || !(share > 0 && share <= 1)) {
    throw new TypeError(`local: share must be a number above 0, at most 1, got ${share}`)
  }
  const store = memoryStore({ acknowledgePerIsolate: true })
  const shares = new WeakMap<LimitSet, LimitSet>()
  return {
    share,
    consume(set, key, costs, call) {
      let scaled = shares.get(set)
      if (scaled === undefined) {
        const quotaOf = ({ quota }: Limit): number => Math.max(1, Math.floor(quota * share))
        shares.set(set, scaled = limitSet(set.limits.map((limit) => ({ ...limit, quota: quotaOf(limit) }))))
      }
      // What costs more than the share is let in alone.
      const within = costs.map((one, i) => Math.min(one, scaled.limits[i]!.quota))
      const verdict = store.consume(scaled, key, within, call)
      return verdict && { ...verdict, standings: verdict.standings.map((one, i) => beside(one, within[i]!, costs[i]!)) }
    },
  }
}

/** What is left, by what was asked for and not by the share of it. */
function beside(standing: Standing, within: number, cost: number): Standing {
  return standing.remaining < within ? standing : { ...standing, remaining: Math.max(standing.remaining, cost) }
}

/** Options of everything that limits. */
export interface LimiterOptions<Needs> extends OutageOptions {
  /** Whom to count, e.g. `byClientIp`. */
  readonly key: KeyOf<Needs>
  /** Where to count. (a `memoryStore()` of its own) */
  readonly store?: Store | undefined
  /**
   * What to do when the store cannot answer: let pass, refuse with a 503, or count in this process with a share of each
   * limit. Always with an event `degraded`, never with `RateLimit` fields. (`'allow'`)
   */
  readonly onOutage?: 'allow' | 'refuse' | Local | undefined
  /**
   * Gives back what was consumed if this is true of how the exchange ended: `({ status }) => status !== 401` counts only
   * failed sign-ins, `({ outcome }) => outcome === 'aborted'` lets off who left. Needs a store that can `adjust`. (never)
   */
  readonly refundWhen?: ((end: End) => boolean) | undefined
  /** Also send the three `X-RateLimit-*` headers of old, of the limit that is nearest its end. (false) */
  readonly legacyHeaders?: boolean | undefined
  /** The sentence of the 429. (`'Too many requests. Please try again later.'`) */
  readonly detail?: string | undefined
}

/** Limits, or what gives them for a request: by plan, or from a variable that changes while running. */
export type LimitsOf<Needs> =
  | readonly LimitSpec<Needs>[]
  | ((context: Context & Needs, request: Request) => readonly LimitSpec<NoInfer<Needs>>[])

/** What one request has consumed, to be corrected later. */
export interface Claim {
  /** By limit. */
  readonly costs: readonly number[]
  /** Which limits have no cost of their own. */
  readonly follows: readonly boolean[]
  /** Corrects it in the background. */
  adjust(changes: readonly number[]): void
}

/** Decides with the limiter; `allowed` gives the decision where there is room, with the claim unless nothing was counted. */
export type Limiter<Needs> = <Adds>(
  request: Request,
  context: Context & Needs,
  allowed: (claim: Claim | undefined) => Decision<Adds>,
) => MaybePromise<Decision<Adds>>

/** What differs between the users of a limiter. */
interface Manner {
  /** Sends no fields. */
  readonly silent?: boolean
  /** Corrects what was consumed. */
  readonly adjusts?: boolean
  /** What the limits are called in errors: `''` where there is but one, spelled out. */
  readonly option?: string
}

/** Checks the options and makes the limiter. */
export function limiter<Needs>(
  user: string,
  options: LimiterOptions<Needs>,
  limits: LimitsOf<Needs>,
  cost: Cost<Needs>,
  { silent = false, adjusts = false, option = 'limits' }: Manner = {},
): Limiter<Needs> {
  const { key, store = memoryStore(), onOutage = 'allow', legacyHeaders = false, refundWhen } = options
  const { detail = 'Too many requests. Please try again later.' } = options
  if (typeof key !== 'function') throw new TypeError(`${user}: key must be a function such as byClientIp`)
  if (typeof store?.consume !== 'function') {
    throw new TypeError(`${user}: store must be a Store such as memoryStore()`)
  }
  if (onOutage !== 'allow' && onOutage !== 'refuse' && typeof onOutage?.consume !== 'function') {
    throw new TypeError(`${user}: onOutage must be 'allow', 'refuse' or local(0.2)`)
  }
  if (typeof cost !== 'number' && typeof cost !== 'function') {
    throw new TypeError(`${user}: cost must be a whole number or a function`)
  }
  const tracked = adjusts || refundWhen !== undefined
  if (tracked && typeof store.adjust !== 'function') {
    throw new TypeError(`${user}: store cannot adjust what was consumed`)
  }
  const gate = gateTo(store, user, options)
  const tooCostly = refusal(problem('cost-exceeds-limit'))

  const made = (specs: readonly LimitSpec<Needs>[]): Prepared<Needs> => {
    const one = prepare(specs, cost, user, option, typeof limits === 'function')
    store.check?.(one.set, one.costs)
    return one
  }
  const fixed = typeof limits === 'function' ? undefined : made(limits)
  const known = new WeakMap<readonly LimitSpec<Needs>[], Prepared<Needs>>()
  const preparedFor = (request: Request, context: Context & Needs): Prepared<Needs> => {
    if (fixed !== undefined) return fixed
    const specs = (limits as Exclude<LimitsOf<Needs>, readonly unknown[]>)(context, request)
    let one = known.get(specs)
    if (one === undefined) known.set(specs, one = made(specs))
    return one
  }

  const announce = (
    { set, names, policy }: Prepared<Needs>,
    { allowed, standings }: Verdict,
    costs: readonly number[],
    context: Context,
  ): void => {
    context.head.appendTransient('ratelimit-policy', policy)
    let nearest = 0
    for (let i = 0; i < standings.length; i++) {
      const { remaining, resetIn } = standings[i]!
      // Beside Retry-After stand only the limits that it is about: it must not be earlier than their `t`.
      if (allowed || remaining < costs[i]!) {
        context.head.appendTransient('ratelimit', `${names[i]};r=${remaining};t=${seconds(resetIn)}`)
      }
      if (remaining / set.limits[i]!.quota < standings[nearest]!.remaining / set.limits[nearest]!.quota) nearest = i
    }
    if (!legacyHeaders) return
    context.head.transient('x-ratelimit-limit', String(set.limits[nearest]!.quota))
    context.head.transient('x-ratelimit-remaining', String(standings[nearest]!.remaining))
    context.head.transient('x-ratelimit-reset', String(seconds(standings[nearest]!.resetIn)))
  }

  const refused = ({ limits }: LimitSet, { standings }: Verdict, costs: readonly number[]): Decision<never> => {
    const violated = limits.filter((_limit, i) => standings[i]!.remaining < costs[i]!)
    const wait = Math.max(...standings.map(({ remaining, resetIn }, i) => remaining < costs[i]! ? seconds(resetIn) : 1))
    return refusal(problem('rate-limit-exceeded', {
      detail,
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Too Many Requests',
      headers: { 'retry-after': String(wait) },
      members: { 'violated-policies': violated.map(({ name }) => name), retryAfter: wait },
    }))
  }

  return (request, context, allowed) => {
    const partition = key(context, request)
    if (partition === undefined) return allowed(undefined)
    if (typeof partition !== 'string') throw new TypeError(`${user}: key must give text, or undefined`)
    const prepared = preparedFor(request, context)
    const { set } = prepared
    const costs = costsOf(prepared, cost, request, context, user)
    for (let i = 0; i < costs.length; i++) if (costs[i]! > set.limits[i]!.quota) return tooCostly

    const decided = (verdict: unknown): ReturnType<typeof allowed> => {
      if (!isVerdict(verdict, set)) {
        const reason = isOutage(verdict) ? verdict.reason : 'the store gave no usable answer'
        if (onOutage === 'refuse') return { outcome: 'degraded', reason }
        record(context, {
          kind: 'degraded',
          guard: user === 'rateLimit' ? 'rate-limit' : user,
          code: 'guard-unavailable',
          reason,
        })
        const own = onOutage === 'allow' ? undefined : onOutage.consume(set, partition, costs, context)
        return own === undefined || own.allowed ? allowed(undefined) : refused(set, own, costs)
      }
      if (!silent) announce(prepared, verdict, costs, context)
      if (!verdict.allowed) return refused(set, verdict, costs)
      if (!tracked) return allowed(undefined)
      return allowed({
        costs,
        follows: prepared.specs.map((spec) => spec.cost === undefined),
        adjust(changes) {
          if (changes.every((change) => change === 0)) return
          const adjusting = gate.call(context, () => store.adjust?.(set, partition, changes, verdict.at, context))
          if (isPromise(adjusting)) context.waitUntil(adjusting)
        },
      })
    }
    const known = store.recall?.(set, partition, costs, context)
    if (known !== undefined) return decided(known)
    const answer = gate.call(context, () => store.consume(set, partition, costs, context))
    return isPromise(answer) ? answer.then(decided) : decided(answer)
  }
}

function seconds(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / 1_000))
}
