/** Whom not to serve for a while: lists of bans, and the wrapper that adds to one by itself. */
import { compose } from '../core/compose.ts'
import type { Context } from '../core/context.ts'
import type { SecurityEvent } from '../core/event.ts'
import type { HasRequestId } from '../core/facts.ts'
import type { Decision, Rollout } from '../core/guard.ts'
import { ALLOW, guard, refusal } from '../core/guard.ts'
import type { Handler, MaybePromise, Wrapper } from '../core/handler.ts'
import { isPromise } from '../core/handler.ts'
import { consoleLog, safely, warnOnce } from '../core/log.ts'
import type { OutageOptions } from '../core/outage.ts'
import { Gate, isOutage } from '../core/outage.ts'
import { problem } from '../core/problem.ts'
import type { Duration } from '../core/quantity.ts'
import { count, milliseconds, show } from '../core/quantity.ts'
import type { LeaseStore, Store, StoreCall } from '../core/store.ts'
import { limitSet, storeKey } from '../core/store.ts'
import { memoryLeases } from '../stores/memory-leases.ts'
import { memoryStore } from '../stores/memory.ts'
import { gateTo } from './asking.ts'
import { isCounted } from './counted.ts'
import type { KeyOf } from './keys.ts'

/** One ban, as listed. */
export interface Ban {
  /** Who is banned: what `key` gave, or a hash of it beyond 128 characters. */
  readonly key: string
  /** Milliseconds. */
  readonly expiresIn: number
}

/** Options of {@link banList}. */
export interface BanListOptions {
  /** Where it is kept: share it, and all processes ban together. (a `memoryLeases()` of its own) */
  readonly store?: LeaseStore | undefined
  /** Keeps lists in one store apart. (`'bans'`) */
  readonly name?: string | undefined
}

/**
 * Who is banned. `call` is the context of the request in which you ask, such as one to an admin's route. What the store
 * throws or rejects with comes through.
 */
export interface BanList {
  readonly name: string
  readonly store: LeaseStore
  /** Bans `key` from now on for this long, whatever it was before. False: the list is full (100,000). */
  add(key: string, duration: Duration, call: StoreCall): MaybePromise<boolean>
  /** Ends a ban. Was there one? What was counted towards the next one stays. */
  lift(key: string, call: StoreCall): MaybePromise<boolean>
  /** For how many more milliseconds `key` is banned; 0 if it is not. */
  until(key: string, call: StoreCall): MaybePromise<number>
  /** All bans, at most 10,000, the ones that end first in front. */
  entries(call: StoreCall): MaybePromise<readonly Ban[]>
}

const MOST = 100_000
const LONGEST = 128

/**
 * Makes a list of bans, to share between {@link bans} and the routes of an admin.
 *
 * Throws a TypeError if `store` is no LeaseStore or `name` no visible ASCII.
 *
 * @example
 * const list = banList({ store: redisStore(client) })
 * const listed: Handler = async (_request, context) => Response.json(await list.entries(context))
 */
export function banList(options: BanListOptions = {}): BanList {
  const { store = memoryLeases(), name = 'bans' } = options
  if (typeof store?.lease !== 'function' || typeof store.held !== 'function') {
    throw new TypeError('banList: store must be a LeaseStore such as memoryLeases()')
  }
  if (typeof name !== 'string' || !/^[\x20-\x7e]+$/.test(name)) {
    throw new TypeError(`banList: name must be visible ASCII, got ${show(name)}`)
  }
  // A stranger must not be able to make an entry long. What is listed is short, so it names the same member.
  const member = (key: string): MaybePromise<string> => key.length <= LONGEST ? key : storeKey('long', 'ban', '', key)
  return {
    name,
    store,
    add(key, duration, call) {
      const ttl = Math.ceil(milliseconds(duration, 'banList.add: duration'))
      return then(member(key), (one) => then(store.lease(name, one, ttl, MOST, call), ({ granted }) => granted))
    },
    lift: (key, call) => then(member(key), (one) => store.release(name, one, call)),
    until: (key, call) => then(member(key), (one) => store.held(name, one, call)),
    entries: (call) =>
      then(store.members(name, call), (all) => all.map(({ member, expiresIn }) => ({ key: member, expiresIn }))),
  }
}

/** Options of {@link bans}. */
export interface BansOptions<Needs> extends Rollout, OutageOptions {
  /** Whom to ban, e.g. `byClientIp`. Must be known where this is mounted: before the request is signed in, mostly. */
  readonly key: KeyOf<Needs>
  /** The list, to see and to change it. (a `banList()` of its own) */
  readonly list?: BanList | undefined
  /** So many violations (10) ... */
  readonly after?: number | undefined
  /** ... within a fixed window that starts with the first ... (`'10m'`) */
  readonly within?: Duration | undefined
  /** ... are a ban for so long. (`'15m'`) */
  readonly for?: Duration | undefined
  /**
   * Which events are violations. (what any guard but this one refused with a 4xx, save 409: a 5xx is not the client's
   * fault, and a 409 is told to one that tries again as it should)
   */
  readonly counts?: ((event: SecurityEvent) => boolean) | undefined
  /** Where violations are counted. (a `memoryStore()` of its own) */
  readonly store?: Store | undefined
  /** What to do with requests when the list's store cannot answer: let pass, or refuse with a 503. (`'allow'`) */
  readonly onOutage?: 'allow' | 'refuse' | undefined
  /** The sentence of the 429. (`'Too many of your requests were refused. Please try again later.'`) */
  readonly detail?: string | undefined
}

/**
 * Bans for a while whoever is refused again and again, by whichever guard inside it.
 *
 * A request that was refused is one violation, however many events it has. The one that makes it `after` within `within`
 * imposes the ban; what is refused because of a ban is none, so a ban ends when it was said to, however hard the client
 * knocks. Guards outside of this one do not count. To count what a handler refuses, such as a wrong password, let it
 * `record(context, { kind: 'refused', guard: 'login', code: 'password-wrong', status: 401 })`.
 *
 * Operators get a line in `log` for each ban, `ban-imposed`, with who is banned, for how many seconds and the code of the
 * last violation; on the requests of the banned there is the event `refused` with the code `banned`. Behind a proxy, set
 * `clientIp` first: else all its clients are one. Clients without any address, whom `byClientIp` counts as
 * `unidentified`, are not banned by themselves, since they cannot be told apart.
 *
 * Needs:   what `key` reads: `byClientIp` needs `clientIp`.
 * Adds:    nothing to the context.
 * Refuses: 429 `banned` with `Retry-After` (seconds, also `retryAfter` in the body); 503 `guard-unavailable` in an outage,
 *          if `onOutage` says so.
 * Throws:  when made: TypeError if an option is not usable. Per request: what `key` throws, and a TypeError if it gives
 *          neither text nor `undefined`.
 * Fails:   open, unless `onOutage` is `'refuse'`, always with an event. A violation that cannot be counted is lost. A full
 *          list takes no further ban (warned of once) and loses none. What `counts` throws is logged.
 * Costs:   one look-up per request; where one was refused, one count in the background.
 * Source:  IANA HTTP problem types, abnormal-usage-detected; RFC 6585 §4; OWASP API4:2023.
 *
 * @example
 * bans({ key: byClientIp, after: 10, within: '10m', for: '15m' })
 */
export function bans<Needs>(options: BansOptions<Needs>): Wrapper<{}, Needs> {
  const { key, list = banList(), counts = isViolation, store = memoryStore(), onOutage = 'allow' } = options
  const { after = 10, within = '10m', for: duration = '15m', log = consoleLog } = options
  const { detail = 'Too many of your requests were refused. Please try again later.' } = options
  if (typeof key !== 'function') throw new TypeError('bans: key must be a function such as byClientIp')
  if (typeof list?.store?.held !== 'function') throw new TypeError('bans: list must be a BanList: banList()')
  if (typeof store?.consume !== 'function') throw new TypeError('bans: store must be a Store such as memoryStore()')
  if (typeof counts !== 'function') throw new TypeError('bans: counts must be a function')
  if (onOutage !== 'allow' && onOutage !== 'refuse') throw new TypeError(`bans: onOutage must be 'allow' or 'refuse'`)
  if (count(after, 'bans: after') > 0xffff_ffff) throw new TypeError('bans: after must be below 2 to the 32')
  const window = Math.ceil(milliseconds(within, 'bans: within'))
  const seconds = Math.ceil(milliseconds(duration, 'bans: for') / 1_000)
  const violations = limitSet([
    { name: `${list.name}-violations`, quota: after, window, algorithm: 'fixed-window' },
  ])
  store.check?.(violations, [1])
  const banned = new Gate(list.store, 'bans', options, (call) => list.until('sallyport-probe', call))
  const counted = gateTo(store, 'bans', options)

  const keyOf = (request: Request, context: Context & Needs): string | undefined => {
    const partition = key(context, request)
    if (partition === undefined || typeof partition === 'string') return partition
    throw new TypeError('bans: key must give text, or undefined')
  }

  const decided = (left: unknown): Decision => {
    if (isOutage(left)) return left
    if (typeof left !== 'number' || !(left < Infinity)) {
      return { outcome: 'degraded', reason: 'the store gave no usable answer' }
    }
    if (left <= 0) return ALLOW
    const wait = Math.ceil(left / 1_000)
    return refusal(problem('banned', {
      detail,
      type: 'https://iana.org/assignments/http-problem-types#abnormal-usage-detected',
      title: 'Too Many Requests',
      headers: { 'retry-after': String(wait) },
      members: { retryAfter: wait },
    }))
  }

  const impose = (partition: string, violation: SecurityEvent, context: Context): MaybePromise<void> =>
    then(banned.call(context, () => list.add(partition, duration, context)), (added) => {
      if (isOutage(added)) return
      if (added === false) {
        return warnOnce(context, 'ban-list-full', 'bans: the list is full; no further ban is imposed', log)
      }
      const { requestId } = context as Partial<HasRequestId>
      const message = `bans: a client is banned for ${seconds} s`
      const { code } = violation
      safely(log, {
        level: 'warn',
        message,
        code: 'ban-imposed',
        banned: partition,
        seconds,
        violation: code,
        requestId,
      })
    })

  const violated = (partition: string, violation: SecurityEvent, context: Context): MaybePromise<void> =>
    then(counted.call(context, () => store.consume(violations, partition, [1], context)), (verdict) => {
      if (isOutage(verdict) || (verdict?.allowed !== false && verdict?.standings?.[0]?.remaining !== 0)) return
      // Requests that were in flight when the ban was imposed must neither prolong it nor shorten one by hand.
      return then(banned.call(context, () => list.until(partition, context)), (left) => {
        if (!isOutage(left) && !(left > 0)) return impose(partition, violation, context)
      })
    })

  const look = (partition: string, context: Context): void => {
    if (context.events.length === 0) return
    try {
      const violation = context.events.find((event) => counts(event) === true)
      if (violation === undefined || isCounted(violations, '', context)) return
      if (ANYBODY.has(partition)) {
        const message = 'bans: clients without an address cannot be told apart and are not banned; see clientIp'
        return warnOnce(context, 'ban-unidentified', message, log)
      }
      const work = violated(partition, violation, context)
      if (isPromise(work)) context.waitUntil(work)
    } catch (error) {
      safely(log, { level: 'error', message: 'bans: a violation could not be counted', code: 'ban-not-counted', error })
    }
  }

  const door = guard<{}, Needs>({
    name: 'bans',
    mode: options.mode,
    share: options.share,
    onDegraded: onOutage,
    decide(request, context) {
      const partition = keyOf(request, context)
      if (partition === undefined) return ALLOW
      const left = banned.call(context, () => list.until(partition, context))
      return isPromise(left) ? left.then(decided) : decided(left)
    },
  })
  const watched = <Outer extends Needs>(next: Handler<Outer>): Handler<Outer> => (request, context) => {
    // Before the handler: afterwards the context may know more, and the key be another than was looked up.
    const partition = keyOf(request, context)
    if (partition === undefined) return next(request, context)
    // Not at the end of the exchange: whoever leaves before being refused would never be banned.
    const settled = (): void => look(partition, context)
    let response: MaybePromise<Response> | undefined
    try {
      response = next(request, context)
      return response
    } finally {
      if (isPromise(response)) response.then(settled, settled)
      else settled()
    }
  }
  return compose(door, watched)
}

/** What `byClientIp` and `byPrincipalOrClientIp` call those who come without an address. */
const ANYBODY: ReadonlySet<string> = new Set(['unidentified', 'ip:unidentified'])

function isViolation({ kind, guard, status = 400 }: SecurityEvent): boolean {
  return kind === 'refused' && guard !== 'bans' && status < 500 && status !== 409
}

/** Goes on with a value, at once where it is there. */
function then<T, U>(value: MaybePromise<T>, use: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return isPromise(value) ? value.then(use) : use(value)
}
