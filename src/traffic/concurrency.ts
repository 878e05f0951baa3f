import { compose } from '../core/compose.ts'
import type { Context } from '../core/context.ts'
import { onEnd } from '../core/context.ts'
import { record } from '../core/event.ts'
import { sfInteger, sfString } from '../core/fields.ts'
import type { Decision, Rollout } from '../core/guard.ts'
import { ALLOW, guard, refusal } from '../core/guard.ts'
import type { Handler, MaybePromise, Wrapper } from '../core/handler.ts'
import { isPromise } from '../core/handler.ts'
import type { OutageOptions } from '../core/outage.ts'
import { Gate, isOutage } from '../core/outage.ts'
import { problem } from '../core/problem.ts'
import type { Duration } from '../core/quantity.ts'
import { count, milliseconds, show } from '../core/quantity.ts'
import type { Lease, LeaseStore } from '../core/store.ts'
import { memoryLeases } from '../stores/memory-leases.ts'
import { isCounted } from './counted.ts'
import type { KeyOf } from './keys.ts'
import type { Local } from './limiter.ts'

/** Options of {@link concurrency}. */
export interface ConcurrencyOptions<Needs> extends Rollout, OutageOptions {
  /** Whom to count, e.g. `byPrincipal`. */
  readonly key: KeyOf<Needs>
  /** Requests of one key at the same time. */
  readonly limit: number
  /** Unique among the limits of a service: it is part of the key, and the name in the `RateLimit` field. (`'concurrent'`) */
  readonly name?: string | undefined
  /** Where to count. (a `memoryLeases()` of its own) */
  readonly store?: LeaseStore | undefined
  /**
   * For how long a request counts at most: after that, one whose process died no longer does. Make it longer than your
   * longest stream. (`'5m'`)
   */
  readonly lease?: Duration | undefined
  /**
   * What to do when the store cannot answer: let pass, refuse with a 503, or count in this process with a share of the
   * limit. Always with an event `degraded`, never with `RateLimit` fields. (`'allow'`)
   */
  readonly onOutage?: 'allow' | 'refuse' | Local | undefined
  /** The sentence of the 429. (`'Too many requests at the same time. Please try again later.'`) */
  readonly detail?: string | undefined
}

/**
 * Limits how many requests of one key are in flight.
 *
 * A request counts from here until its handler has settled *and* its response has ended: a stream to its last byte, and a
 * client that leaves makes no room while its work goes on. Every response tells the client where it stands (`RateLimit`,
 * `RateLimit-Policy`), save redirects and 304. Mounted twice around one handler, it counts a request once.
 *
 * Needs:   what `key` reads: `byClientIp` needs `clientIp`, `byPrincipal` needs `principal`.
 * Adds:    nothing to the context.
 * Refuses: 429 `concurrency-exceeded` with `Retry-After` (1 second, also `retryAfter` in the body: when one of the others
 *          will end, nobody knows); 503 `guard-unavailable` in an outage, if `onOutage` says so.
 * Throws:  when made: TypeError if `limit` is not a positive whole number, `lease` not a duration, or `name` not visible
 *          ASCII. Per request: what `key` throws, and a TypeError if it gives neither text nor `undefined`.
 * Fails:   as `onOutage` says when the store does not answer within `deadline`, or its breaker is open. A lease that comes
 *          too late is given back at once. What could not be given back is, once the store answers again; beyond 1,000
 *          of them, and when the process dies, they run out after `lease`.
 * Costs:   in memory a UUID and two small objects; with a shared store one round trip, and one more in the background.
 * Source:  RFC 6585 §4; draft-ietf-httpapi-ratelimit-headers-10.
 *
 * @example
 * concurrency({ key: byPrincipal, limit: 10 })
 */
export function concurrency<Needs>(options: ConcurrencyOptions<Needs>): Wrapper<{}, Needs> {
  const { key, name = 'concurrent', store = memoryLeases(), onOutage = 'allow', mode } = options
  const { detail = 'Too many requests at the same time. Please try again later.' } = options
  if (typeof key !== 'function') throw new TypeError('concurrency: key must be a function such as byClientIp')
  const limit = count(options.limit, 'concurrency: limit')
  if (typeof name !== 'string' || !/^[\x20-\x7e]+$/.test(name)) {
    throw new TypeError(`concurrency: name must be visible ASCII, got ${show(name)}`)
  }
  if (typeof store?.lease !== 'function' || typeof store.release !== 'function') {
    throw new TypeError('concurrency: store must be a LeaseStore such as memoryLeases()')
  }
  const ttl = Math.ceil(milliseconds(options.lease ?? '5m', 'concurrency: lease'))
  if (onOutage !== 'allow' && onOutage !== 'refuse' && typeof onOutage?.share !== 'number') {
    throw new TypeError(`concurrency: onOutage must be 'allow', 'refuse' or local(0.2)`)
  }
  const gate = new Gate(
    store,
    'concurrency',
    options,
    (call) => store.lease('sallyport-probe', 'probe', 1_000, 1, call),
  )
  const quoted = sfString(name)
  const policy = `${quoted};q=${sfInteger(limit)};qu="concurrent-requests"`
  const refused = refusal(problem('concurrency-exceeded', {
    detail,
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
    title: 'Too Many Requests',
    headers: { 'retry-after': '1' },
    members: { 'violated-policies': [name], retryAfter: 1 },
  }))

  /** Leases that the store did not take back, by member: they would keep a key out long after the outage. */
  const unreleased = new Map<string, string>()
  const keep = (set: string, member: string): void => {
    if (unreleased.size < MOST_UNRELEASED) unreleased.set(member, set)
  }
  /** False if the store is out. */
  const giveBack = (set: string, member: string, context: Context): boolean => {
    const done = (one: unknown): boolean => {
      if (!isOutage(one)) return true
      keep(set, member)
      return false
    }
    const answer = gate.call(context, () => store.release(set, member, context))
    if (!isPromise(answer)) return done(answer)
    context.waitUntil(answer.then(done))
    return true
  }
  const catchUp = (context: Context): void => {
    for (const [member, set] of [...unreleased].slice(0, 100)) {
      unreleased.delete(member)
      if (!giveBack(set, member, context)) return
    }
  }

  // Only while the store is out.
  const own = typeof onOutage === 'object'
    ? { leases: memoryLeases(), limit: Math.max(1, Math.floor(limit * onOutage.share)) }
    : undefined
  const withoutStore = (reason: string, set: string, hold: Hold, context: Context): Decision => {
    if (own === undefined) return { outcome: 'degraded', reason }
    record(context, { kind: 'degraded', guard: 'concurrency', code: 'guard-unavailable', reason })
    const { leases } = own
    const { member } = hold
    if (!leases.lease(set, member, ttl, own.limit, context).granted) return refused
    hold.release = () => void leases.release(set, member, context)
    return ALLOW
  }

  const door = guard<{}, Needs>({
    name: 'concurrency',
    mode,
    share: options.share,
    onDegraded: onOutage === 'allow' ? 'allow' : 'refuse',
    says: { limits: [{ name, limit }] },
    decide(request, context) {
      if (isCounted(gate, name, context)) return ALLOW
      const partition = key(context, request)
      if (partition === undefined) return ALLOW
      if (typeof partition !== 'string') throw new TypeError('concurrency: key must give text, or undefined')
      if (unreleased.size > 0) catchUp(context)
      const set = `concurrency:${name.length}:${name}:${partition}`
      const hold = new Hold(context)
      const { member } = hold
      let asked: MaybePromise<Lease> | undefined
      const decided = (lease: unknown): Decision => {
        if (!isLease(lease)) {
          if (isPromise(asked)) {
            // One that comes late, and, if the connection broke, one that may have been granted before it did.
            const late = asked.then((one: Lease | undefined) => one?.granted && store.release(set, member, context))
            context.waitUntil(late.catch(() => keep(set, member)))
          }
          return withoutStore(isOutage(lease) ? lease.reason : 'the store gave no usable answer', set, hold, context)
        }
        if (mode !== 'report') {
          context.head.appendTransient('ratelimit-policy', policy)
          context.head.appendTransient('ratelimit', `${quoted};r=${sfInteger(Math.max(0, limit - lease.held))}`)
        }
        if (!lease.granted) return refused
        hold.release = () => giveBack(set, member, context)
        return ALLOW
      }
      const answer = gate.call(context, () => asked = store.lease(set, member, ttl, limit, context))
      return isPromise(answer) ? answer.then(decided) : decided(answer)
    },
  })
  return compose(door, held)
}

const MOST_UNRELEASED = 1_000

/** A store may be a client of something that answers nonsense: that is no answer. */
function isLease(lease: unknown): lease is Lease {
  const { granted, held } = (lease ?? {}) as Partial<Lease>
  return typeof granted === 'boolean' && held !== undefined && held >= 0 && held < Infinity
}

const HOLD = Symbol('what the guard hands to the handler it lets through')

interface Held {
  [HOLD]?: Hold | undefined
}

/** One request, until nothing of it is left: neither its handler, nor its exchange. */
class Hold {
  readonly member: string = crypto.randomUUID()
  release: (() => void) | undefined
  #left = 2

  constructor(context: Context & Held) {
    context[HOLD] = this
    onEnd(context, () => this.letGo())
  }

  letGo(): void {
    if (--this.#left === 0) this.release?.()
  }
}

/** The handler that the guard lets through to: its request is held until it has settled. */
function held<Outer>(next: Handler<Outer>): Handler<Outer> {
  return (request, context: Context & Outer & Held) => {
    const hold = context[HOLD]
    if (hold === undefined) return next(request, context)
    context[HOLD] = undefined
    const letGo = (): void => hold.letGo()
    let response: MaybePromise<Response> | undefined
    try {
      response = next(request, context)
      return response
    } finally {
      if (isPromise(response)) response.then(letGo, letGo)
      else letGo()
    }
  }
}
