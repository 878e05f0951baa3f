import { sfInteger, sfString } from '../core/fields.ts'
import type { Context } from '../core/context.ts'
import type { Decision, Rollout } from '../core/guard.ts'
import { ALLOW, guard, refusal } from '../core/guard.ts'
import type { Wrapper } from '../core/handler.ts'
import { isPromise } from '../core/handler.ts'
import { warnOnce } from '../core/log.ts'
import { problem } from '../core/problem.ts'
import type { Duration } from '../core/quantity.ts'
import { count, milliseconds } from '../core/quantity.ts'
import type { Limit, Standing, Store } from '../core/store.ts'
import { memoryStore } from '../stores/memory.ts'
import type { KeyOf } from './keys.ts'

/** Options of {@link rateLimit}. */
export interface RateLimitOptions<Needs> extends Rollout {
  /** Whom to count, e.g. `byClientIp`. */
  readonly key: KeyOf<Needs>
  /** Requests per window. */
  readonly limit: number
  /** From a key's first request. */
  readonly window: Duration
  /** Unique among the limits of a service: it is part of the key, and the name in the `RateLimit` field. (`'default'`) */
  readonly name?: string | undefined
  /** What one request uses up: a whole number, or a function of the request. (1) */
  readonly cost?: number | ((request: Request, context: Context & Needs) => number) | undefined
  /** Where to count. (a `memoryStore()` of its own) */
  readonly store?: Store | undefined
  /** What to do when the store cannot answer. (`'allow'`, with an event `degraded`) */
  readonly onOutage?: 'allow' | 'refuse' | undefined
  /** Also send the three `X-RateLimit-*` headers of old. (false) */
  readonly legacyHeaders?: boolean | undefined
  /** The sentence of the 429. (`'Too many requests. Please try again later.'`) */
  readonly detail?: string | undefined
}

/**
 * Limits how often one key may call.
 *
 * Counts in a fixed window that starts with a key's first request. One step decides and counts; a refused request uses up
 * nothing. Every response tells the client where it stands (`RateLimit`, `RateLimit-Policy`), save redirects and 304.
 * Mounted twice around one handler, it counts a request once.
 *
 * Needs:   what `key` and `cost` read: `byClientIp` needs `clientIp`, `byPrincipal` needs `principal`.
 * Adds:    nothing to the context.
 * Refuses: 429 `rate-limit-exceeded` with `Retry-After` (seconds, also `retryAfter` in the body); 400 `cost-exceeds-limit`
 *          for a cost that can never be met.
 * Throws:  when made: TypeError if `limit` is not a positive whole number, `window` not a duration, `name` not visible
 *          ASCII, or a constant `cost` above `limit`. Per request: what `key` and `cost` throw, and a TypeError if `key`
 *          gives neither text nor `undefined`, or `cost` no positive whole number.
 * Fails:   as `onOutage` says when the store cannot answer: never as a 429, never with `RateLimit` fields.
 * Costs:   in memory 0.5 to 0.7 µs, a fifth of it the count, and 24 bytes a slot, at most the store's `maxKeys`.
 * Source:  RFC 6585 §4; RFC 9110 §10.2.3; draft-ietf-httpapi-ratelimit-headers-10.
 *
 * @example
 * rateLimit({ key: byClientIp, limit: 100, window: '15m' })
 */
export function rateLimit<Needs>(options: RateLimitOptions<Needs>): Wrapper<{}, Needs> {
  const {
    key,
    cost = 1,
    store = memoryStore(),
    onOutage = 'allow',
    legacyHeaders = false,
    detail = 'Too many requests. Please try again later.',
    mode,
  } = options
  if (typeof key !== 'function') throw new TypeError('rateLimit: key must be a function such as byClientIp')
  if (typeof cost !== 'function') count(cost, 'rateLimit: cost')
  if (typeof store?.consume !== 'function') {
    throw new TypeError('rateLimit: store must be a Store such as memoryStore()')
  }
  if (onOutage !== 'allow' && onOutage !== 'refuse') {
    throw new TypeError(`rateLimit: onOutage must be 'allow' or 'refuse'`)
  }
  const limit: Limit = {
    name: options.name ?? 'default',
    quota: count(options.limit, 'rateLimit: limit'),
    window: milliseconds(options.window, 'rateLimit: window'),
  }
  if (limit.quota > 0xffff_ffff) throw new TypeError('rateLimit: limit must be below 2 to the 32')
  if (typeof cost === 'number' && cost > limit.quota) throw new TypeError('rateLimit: cost must not be above limit')
  const name = fieldText(limit.name)
  const policy = `${name};q=${limit.quota};w=${sfInteger(limit.window / 1_000)}`
  const tooCostly = refusal(problem('cost-exceeds-limit'))

  const decided = (standing: Standing, context: Context): Decision => {
    if (!isStanding(standing)) return OUTAGE
    const { allowed, remaining, resetIn } = standing
    const seconds = Math.max(1, Math.ceil(resetIn / 1_000))
    if (mode !== 'report') {
      context.head.appendTransient('ratelimit-policy', policy)
      context.head.appendTransient('ratelimit', `${name};r=${remaining};t=${seconds}`)
      if (legacyHeaders) {
        context.head.transient('x-ratelimit-limit', String(limit.quota))
        context.head.transient('x-ratelimit-remaining', String(remaining))
        context.head.transient('x-ratelimit-reset', String(seconds))
      }
    }
    return allowed ? ALLOW : refusal(problem('rate-limit-exceeded', {
      detail,
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Too Many Requests',
      headers: { 'retry-after': String(seconds) },
      members: { 'violated-policies': [limit.name], retryAfter: seconds },
    }))
  }

  return guard<{}, Needs>({
    name: 'rate-limit',
    mode,
    share: options.share,
    onDegraded: onOutage,
    decide(request, context) {
      if (isCounted(limit, context)) return ALLOW
      const partition = key(context, request)
      if (partition === undefined) return ALLOW
      if (typeof partition !== 'string') throw new TypeError('rateLimit: key must give text, or undefined')
      const units = typeof cost === 'number' ? cost : count(cost(request, context), 'rateLimit: cost')
      if (units > limit.quota) return tooCostly
      try {
        const standing = store.consume(limit, partition, units, context)
        return isPromise(standing)
          ? standing.then((one) => decided(one, context), () => OUTAGE)
          : decided(standing, context)
      } catch {
        return OUTAGE
      }
    },
  })
}

const OUTAGE: Decision = { outcome: 'degraded', reason: 'the store cannot answer' }

/** A store may be a client of something that answers nonsense: that is no answer. */
function isStanding(standing: Standing | undefined): boolean {
  return typeof standing?.allowed === 'boolean' && standing.remaining >= 0 && Number.isFinite(standing.resetIn)
}

function fieldText(name: string): string {
  if (typeof name === 'string' && /^[\x20-\x7e]+$/.test(name)) return sfString(name)
  throw new TypeError('rateLimit: name must be visible ASCII')
}

const COUNTED = Symbol('the limits that have counted this request')

interface Counted {
  [COUNTED]?: Limit[]
}

/** Has this limit counted this request before: is it mounted twice? Warns where another has its name. */
function isCounted(limit: Limit, context: Context & Counted): boolean {
  const before = context[COUNTED]
  if (before === undefined) {
    context[COUNTED] = [limit]
    return false
  }
  if (before.includes(limit)) return true
  if (before.some((one) => one.name === limit.name)) {
    const message = `rateLimit: two limits of one request are named '${limit.name}'; give each a name of its own`
    warnOnce(context, 'rate-limit-name', message)
  }
  before.push(limit)
  return false
}
