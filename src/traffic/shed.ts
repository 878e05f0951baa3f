/**
 * Load shedding: what this process cannot do in time it had better refuse at once.
 *
 * Three signs of overload, each with a bound of its own. *In flight* is counted. *Delay* is how late the event loop is:
 * handlers compute too much. *Latency* is how long responses take: handlers wait for something overloaded. It alone is
 * measured on what passes, so above its bound one request in sixteen still does.
 *
 * Tried and dropped: refusing a share that grows with the distance to the bound. The measure lags behind by as long as
 * requests queue, and so does the share: latencies came out half as high again, for 3 % more throughput at best.
 */
import type { Clock } from '../core/clock.ts'
import { compose } from '../core/compose.ts'
import type { Context } from '../core/context.ts'
import { onEnd } from '../core/context.ts'
import type { HasSignal } from '../core/facts.ts'
import type { Rollout } from '../core/guard.ts'
import { ALLOW, guard, refusal } from '../core/guard.ts'
import type { Handler, MaybePromise, Wrapper } from '../core/handler.ts'
import { isPromise } from '../core/handler.ts'
import { warnOnce } from '../core/log.ts'
import type { Duration } from '../core/quantity.ts'
import { count, milliseconds } from '../core/quantity.ts'
import type { Test } from '../core/when.ts'
import { exemption } from '../core/when.ts'

/** Options of {@link shed}: at least one of `maxInFlight`, `maxDelay` and `maxLatency`. */
export interface ShedOptions extends Rollout {
  /** Requests at the same time. (no bound) */
  readonly maxInFlight?: number | undefined
  /** How late the event loop may be; at least `'20ms'`. (no bound) */
  readonly maxDelay?: Duration | undefined
  /** How long the handler may take to the head of its response, as an exponentially weighted mean. (no bound) */
  readonly maxLatency?: Duration | undefined
  /** Until when a request is in flight: `'head'`, where streams are long and idle. (`'end'`, of the response) */
  readonly until?: 'end' | 'head' | undefined
  /** Requests that are neither refused nor counted nor measured, e.g. `onPath('/health/*')`. (none) */
  readonly exempt?: Test | undefined
  /** What `Retry-After` says, in whole seconds, rounded up. (`'1s'`) */
  readonly retryAfter?: Duration | undefined
}

/**
 * Refuses requests while this process is overloaded.
 *
 * A request is in flight from here until its handler has settled *and* its response has ended, so a client that leaves
 * does not make room while its work goes on. A stream counts to its last byte (`until: 'head'` lets go of it when it
 * begins), a WebSocket to its handshake. Mounted around several handlers, one `shed` counts and measures all of them
 * together; mounted twice around one handler, it counts a request once.
 *
 * The event loop is looked at while requests are in flight, by one timer of 10 ms, which runs out at most 10 ms after
 * them. Its lateness counts at once and is halved every `maxDelay`, so shedding ends at most twice `maxDelay` after the
 * loop is in time again. The mean latency refuses fifteen requests of sixteen, none that finds the process idle, and is
 * forgotten 5 seconds after the last response. What is beyond four times a bound counts as four times, so a few very
 * slow requests (uploads that trickle in while a handler waits) cannot shed the many that are quick.
 *
 * Does nothing on Cloudflare Workers, and warns of it once: a request whose client leaves vanishes there without a
 * word, so counts would only grow, and the platform starts as many isolates as it needs.
 *
 * Needs:   nothing.
 * Adds:    nothing to the context; attribute `shed.by` (`in-flight`, `delay` or `latency`) where it refuses, or would.
 * Refuses: 503 `overloaded`, with `Retry-After`.
 * Throws:  when made: TypeError if there is no bound, or an option is not usable. Per request: what `exempt` throws.
 * Fails:   open: what is not measured is not overload.
 * Costs:   on Node 0.1 µs, with `maxDelay` 0.2 and with `maxLatency` 0.3 µs; at most 100 timers a second in all.
 * Source:  RFC 9110 §15.6.4; draft-ietf-httpapi-ratelimit-headers-10 (temporary-reduced-capacity).
 *
 * @example
 * shed({ maxInFlight: 500, maxDelay: '200ms' })
 */
export function shed(options: ShedOptions): Wrapper {
  const { maxInFlight, maxDelay, maxLatency, until = 'end', exempt } = options
  if (maxInFlight === undefined && maxDelay === undefined && maxLatency === undefined) {
    throw new TypeError('shed: needs at least one of maxInFlight, maxDelay and maxLatency')
  }
  const most = maxInFlight === undefined ? Infinity : count(maxInFlight, 'shed: maxInFlight')
  const delay = maxDelay === undefined ? undefined : new LoopDelay(milliseconds(maxDelay, 'shed: maxDelay'))
  const latency = maxLatency === undefined ? undefined : new Latency(milliseconds(maxLatency, 'shed: maxLatency'))
  if (until !== 'end' && until !== 'head') throw new TypeError(`shed: until must be 'end' or 'head'`)
  if (exempt !== undefined && typeof exempt !== 'function') {
    throw new TypeError('shed: exempt must be a test such as onPath(…)')
  }
  const exempts = exempt && exemption(exempt)
  const seconds = Math.ceil(milliseconds(options.retryAfter ?? '1s', 'shed: retryAfter') / 1_000)
  const no = refusal({
    status: 503,
    code: 'overloaded',
    type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
    title: 'Service Unavailable',
    detail: 'The service is overloaded. Please try again later.',
    headers: { 'retry-after': String(seconds) },
  })
  /** Marks the requests that this door has counted, or let off. */
  const seen = Symbol('shed')
  interface Seen {
    [seen]?: true
  }
  const measures = delay !== undefined || latency !== undefined
  let inFlight = 0
  /** How many were too many for the latency. */
  let turn = 0

  /** By what this process is overloaded, if it is. */
  const overload = ({ clock }: Context): string | undefined => {
    if (inFlight >= most) return 'in-flight'
    if (!measures) return undefined
    const now = clock.monotonic()
    if (delay?.isOver(now)) return 'delay'
    return inFlight > 0 && latency?.isOver(now) && ++turn % PASSES !== 0 ? 'latency' : undefined
  }

  const door = guard({
    name: 'shed',
    mode: options.mode,
    share: options.share,
    decide(request, context: Context & Seen) {
      if (context[seen] === true) return ALLOW
      if (isWorker(context) || exempts?.(request, context) === true) {
        context[seen] = true
        return ALLOW
      }
      const by = overload(context)
      if (by === undefined) return ALLOW
      context.attributes['shed.by'] = by
      return no
    },
  })

  /** What passed the door, counted and measured until it is over. */
  const counted = <Outer>(next: Handler<Outer>): Handler<Outer> => (request, context: Context & Outer & Seen) => {
    if (context[seen] === true) return next(request, context)
    context[seen] = true
    const { clock } = context
    const started = measures ? clock.monotonic() : 0
    if (delay !== undefined && inFlight === 0) delay.busy(started, clock)
    inFlight++
    // Under a deadline that has passed the exchange may be over, and its end never told again.
    const toEnd = until === 'end' && (context as Partial<HasSignal>).signal?.aborted !== true
    let holds = toEnd ? 2 : 1
    const release = (): void => {
      if (--holds !== 0) return
      inFlight--
      if (delay !== undefined && inFlight === 0) delay.idle(clock.monotonic())
    }
    const settle = latency === undefined ? release : (): void => {
      latency.observe(started, clock.monotonic())
      release()
    }
    if (toEnd) onEnd(context, release)
    let response: MaybePromise<Response>
    try {
      response = next(request, context)
      if (isPromise(response)) {
        response.then(settle, settle)
        return response
      }
    } catch (error) {
      settle()
      throw error
    }
    settle()
    return response
  }

  return compose(door, counted)
}

function isWorker(context: Context): boolean {
  if (context.platform.name !== 'workerd') return false
  warnOnce(context, 'shed-on-workers', 'shed does nothing on Workers; leave it out there')
  return true
}

/** Of so many requests that the latency speaks against, one passes: there must be something to measure. */
const PASSES = 16

/** What is beyond so many times a bound counts as this: more says nothing new, and would take longer to forget. */
const MOST = 4

/** Milliseconds between two looks at the event loop. */
const LOOK_EVERY = 10

/**
 * How late the event loop is: by how much a timer is overdue, when it comes or when somebody asks before. After the
 * last request it is left to run out, not cleared and set anew for the next: synchronous handlers keep it from coming,
 * and of a hundred in one turn of the loop each would be over before it, none of them late.
 */
class LoopDelay {
  readonly #bound: number
  #timer: ReturnType<typeof setTimeout> | undefined
  #due = 0
  /** Since when no request is in flight; `undefined` while one is. */
  #idleSince: number | undefined = 0
  /** Until when what was seen counts. */
  #until = -Infinity

  constructor(bound: number) {
    if (bound < 20) throw new TypeError(`shed: maxDelay must be at least '20ms': timers are no more exact than that`)
    this.#bound = bound
  }

  isOver(now: number): boolean {
    if (this.#idleSince === undefined) this.#look(now)
    // Another clock (two servers in one process) may be far behind.
    return now < this.#until && this.#until - now <= MOST * this.#bound
  }

  /** A first request is in flight. */
  busy(now: number, clock: Clock): void {
    const idle = now - (this.#idleSince ?? now)
    this.#idleSince = undefined
    // What went on meanwhile (a frozen process, work of others) is not this service being late.
    if (this.#timer !== undefined && idle >= 0 && idle <= LOOK_EVERY) this.#due += idle
    else this.#set(now, clock)
  }

  /** No request is in flight. */
  idle(now: number): void {
    this.#look(now)
    this.#idleSince = now
  }

  #set(now: number, clock: Clock): void {
    clearTimeout(this.#timer)
    this.#due = now + LOOK_EVERY
    this.#timer = setTimeout(() => this.#tick(clock), LOOK_EVERY)
  }

  #tick(clock: Clock): void {
    this.#timer = undefined
    if (this.#idleSince !== undefined) return
    const now = clock.monotonic()
    this.#look(now)
    this.#set(now, clock)
  }

  /** What is four times the bound is within it after halving twice. */
  #look(now: number): void {
    const times = Math.min((now - this.#due) / this.#bound, MOST)
    if (times > 1) this.#until = Math.max(this.#until, now + this.#bound * Math.log2(times))
  }
}

/** Of the mean, what one more response changes. */
const WEIGHT = 1 / 16

/** Milliseconds without a response after which the mean says nothing about now. */
const FORGET = 5_000

/**
 * The mean time to the head of a response. It starts at 0 and rises by many responses, never by one. Where few pass,
 * because most are refused, it falls by few, too: what came before a pause of a second counts for half.
 */
class Latency {
  readonly #bound: number
  #mean = 0
  #at = -Infinity

  constructor(bound: number) {
    this.#bound = bound
  }

  isOver(now: number): boolean {
    return this.#mean > this.#bound && this.#stands(now)
  }

  observe(started: number, now: number): void {
    const took = Math.min(Math.max(0, now - started), MOST * this.#bound)
    if (!this.#stands(now)) this.#mean = 0
    const pause = now - this.#at
    const weight = took < this.#mean ? Math.max(WEIGHT, pause / (pause + 1_000)) : WEIGHT
    this.#mean += weight * (took - this.#mean)
    this.#at = now
  }

  #stands(now: number): boolean {
    const age = now - this.#at
    return age >= 0 && age <= FORGET
  }
}
