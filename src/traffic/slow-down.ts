import { compose } from '../core/compose.ts'
import type { Context } from '../core/context.ts'
import { record } from '../core/event.ts'
import type { HasSignal } from '../core/facts.ts'
import type { Decision, Rollout } from '../core/guard.ts'
import { ALLOW, guard, refusal } from '../core/guard.ts'
import type { Handler, Wrapper } from '../core/handler.ts'
import { isPromise } from '../core/handler.ts'
import type { OutageOptions } from '../core/outage.ts'
import { isOutage } from '../core/outage.ts'
import type { Duration } from '../core/quantity.ts'
import { count, milliseconds, show } from '../core/quantity.ts'
import type { LimitSet, Store, Verdict } from '../core/store.ts'
import { limitSet } from '../core/store.ts'
import { memoryStore } from '../stores/memory.ts'
import { gateTo, isVerdict } from './asking.ts'
import { isCounted } from './counted.ts'
import type { KeyOf } from './keys.ts'
import type { Local } from './limiter.ts'

/** Options of {@link slowDown}. */
export interface SlowDownOptions<Needs> extends OutageOptions {
  /** Whom to count, e.g. `byClientIp`. */
  readonly key: KeyOf<Needs>
  /** So many requests of a window do not wait. */
  readonly after: number
  /** A fixed window, which starts with a key's first request. */
  readonly window: Duration
  /** How much longer each further request waits than the one before it. (`'100ms'`) */
  readonly step?: Duration | undefined
  /** The longest wait. (`'2s'`) */
  readonly most?: Duration | undefined
  /** How many may wait at the same time, of all keys together; further ones that should are refused. (100) */
  readonly maxWaiting?: number | undefined
  /** Unique among the limits of a service: it is part of the key. (`'slow-down'`) */
  readonly name?: string | undefined
  /** Where to count. (a `memoryStore()` of its own) */
  readonly store?: Store | undefined
  /**
   * What to do when the store cannot answer: let pass at once, refuse with a 503, or count in this process with a share of
   * `after`. Always with an event `degraded`. (`'allow'`)
   */
  readonly onOutage?: 'allow' | 'refuse' | Local | undefined
  /** `'report'`: nobody waits; how long it would have been is the attribute `slow_down.would_delay_ms`. (`'enforce'`) */
  readonly mode?: Rollout['mode']
}

/**
 * Lets whoever calls too often wait, a little longer each time.
 *
 * Of one window the first `after` requests pass at once, the next one waits one `step`, the one after it two, up to `most`.
 * Who leaves meanwhile stops waiting, and the handler does not run. Mounted twice around one handler, it counts once.
 *
 * Needs:   what `key` reads: `byClientIp` needs `clientIp`, `byPrincipal` needs `principal`.
 * Adds:    nothing to the context; attribute `slow_down.delay_ms` where it lets wait.
 * Refuses: 503 `overloaded` with `Retry-After`, where `maxWaiting` wait already; 503 `guard-unavailable` in an outage, if
 *          `onOutage` says so. Whoever left while waiting has the status 499, without an event.
 * Throws:  when made: TypeError if an option is not usable. Per request: what `key` throws, and a TypeError if it gives
 *          neither text nor `undefined`.
 * Fails:   as `onOutage` says when the store does not answer within `deadline`, or its breaker is open.
 * Costs:   one count; who waits holds a connection, a timer and the request's own signal, and its wait is part of the time
 *          that a `timeout` outside gives. Where time is billed, not work (Durable Objects, functions), refuse instead.
 * Source:  OWASP API4:2023; IANA HTTP problem types, temporary-reduced-capacity.
 *
 * @example
 * slowDown({ key: byClientIp, after: 50, step: '100ms', window: '15m' })
 */
export function slowDown<Needs>(options: SlowDownOptions<Needs>): Wrapper<{}, Needs> {
  const { key, name = 'slow-down', store = memoryStore(), onOutage = 'allow', mode } = options
  if (typeof key !== 'function') throw new TypeError('slowDown: key must be a function such as byClientIp')
  const after = count(options.after, 'slowDown: after', 0)
  const window = Math.ceil(milliseconds(options.window, 'slowDown: window'))
  const step = milliseconds(options.step ?? '100ms', 'slowDown: step')
  const most = milliseconds(options.most ?? '2s', 'slowDown: most')
  if (most > 2_147_483_647) throw new TypeError('slowDown: most must be at most 24 days')
  const maxWaiting = count(options.maxWaiting ?? 100, 'slowDown: maxWaiting')
  if (typeof name !== 'string' || !/^[\x20-\x7e]+$/.test(name)) {
    throw new TypeError(`slowDown: name must be visible ASCII, got ${show(name)}`)
  }
  if (typeof store?.consume !== 'function') throw new TypeError('slowDown: store must be a Store such as memoryStore()')
  if (onOutage !== 'allow' && onOutage !== 'refuse' && typeof onOutage?.share !== 'number') {
    throw new TypeError(`slowDown: onOutage must be 'allow', 'refuse' or local(0.2)`)
  }
  const steps = Math.ceil(most / step)
  if (after + steps > 0xffff_ffff) throw new TypeError('slowDown: after and most / step must be below 2 to the 32')
  // So many are counted: beyond them the wait is `most`, and a store that says "used up" has said enough.
  const counting = (free: number): LimitSet =>
    limitSet([{ name, quota: free + steps, window, algorithm: 'fixed-window' }])
  const set = counting(after)
  store.check?.(set, ONE)
  const gate = gateTo(store, 'slowDown', options)

  let waiting = 0
  const slowed = ({ allowed, standings }: Verdict, context: Context & Delayed): Decision => {
    const beyond = allowed ? steps - standings[0]!.remaining : steps
    if (beyond <= 0) return ALLOW
    const delay = Math.ceil(Math.min(most, beyond * step))
    if (mode === 'report') {
      context.attributes['slow_down.would_delay_ms'] = delay
      return ALLOW
    }
    if (waiting >= maxWaiting) return OVERLOADED
    waiting++ // here, not when the wait begins: many decisions may be made before the first of them is acted on
    context.attributes['slow_down.delay_ms'] = delay
    context[DELAY] = delay
    return ALLOW
  }

  // Only while the store is out.
  const own = typeof onOutage === 'object'
    ? {
      store: memoryStore({ acknowledgePerIsolate: true }),
      set: counting(Math.min(after, Math.max(1, Math.floor(after * onOutage.share)))),
    }
    : undefined
  const withoutStore = (reason: string, partition: string, context: Context): Decision => {
    if (own === undefined) return { outcome: 'degraded', reason }
    record(context, { kind: 'degraded', guard: 'slow-down', code: 'guard-unavailable', reason })
    const verdict = own.store.consume(own.set, partition, ONE, context)
    return verdict === undefined ? ALLOW : slowed(verdict, context)
  }

  const door = guard<{}, Needs>({
    name: 'slow-down',
    mode,
    onDegraded: onOutage === 'allow' ? 'allow' : 'refuse',
    decide(request, context) {
      if (isCounted(gate, name, context)) return ALLOW
      const partition = key(context, request)
      if (partition === undefined) return ALLOW
      if (typeof partition !== 'string') throw new TypeError('slowDown: key must give text, or undefined')
      const decided = (verdict: unknown): Decision => {
        if (isVerdict(verdict, set)) return slowed(verdict, context)
        return withoutStore(isOutage(verdict) ? verdict.reason : 'the store gave no usable answer', partition, context)
      }
      const answer = store.recall?.(set, partition, ONE, context) ??
        gate.call(context, () => store.consume(set, partition, ONE, context))
      return isPromise(answer) ? answer.then(decided) : decided(answer)
    },
  })

  /** The handler that the guard lets through to, after the wait that the guard has found. */
  const delayed = <Outer>(next: Handler<Outer>): Handler<Outer> => (request, context: Context & Outer & Delayed) => {
    const delay = context[DELAY]
    if (delay === undefined) return next(request, context)
    context[DELAY] = undefined
    const signal = (context as Partial<HasSignal>).signal ?? request.signal
    return pause(delay, signal).then((stayed) => {
      waiting--
      return stayed ? next(request, context) : new Response(null, { status: 499 })
    })
  }
  return compose(door, delayed)
}

const ONE = [1]

const OVERLOADED = /* @__PURE__ */ refusal({
  status: 503,
  code: 'overloaded',
  type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
  title: 'Service Unavailable',
  detail: 'Too many requests are waiting. Please try again later.',
  headers: { 'retry-after': '1' },
})

const DELAY = Symbol('what the guard hands to the handler it lets through')

interface Delayed {
  [DELAY]?: number | undefined
}

/** Waits. True if it was to the end, false if the signal came first. */
function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false)
  return new Promise((resolve) => {
    const leave = (): void => {
      clearTimeout(timer)
      resolve(false)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', leave)
      resolve(true)
    }, ms)
    signal.addEventListener('abort', leave, { once: true })
  })
}
