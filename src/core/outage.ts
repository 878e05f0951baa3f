/**
 * What to do when a store does not answer: a deadline per call, a circuit breaker per store, one alarm per outage.
 *
 * **Closed**, every call goes to the store and has `deadline` to be answered. The breaker opens after `failures` failures in
 * a row, and at once where the store is silent: a call has waited out its deadline and no other was answered meanwhile. So a
 * store that hangs costs one request its deadline, not five.
 *
 * **Open**, no request waits for the store: each gets the outage policy. Meanwhile one probe at a time, twice a second at
 * most, asks the store in the background of a request for something harmless; the first answer in time closes the breaker.
 * So a store that is back is used within a second. After `openFor` one request, and only one, tries for itself (**half-open**).
 *
 * No timer outlives a call; nothing here runs without a request.
 */
import type { Context } from './context.ts'
import type { Degraded } from './guard.ts'
import type { MaybePromise } from './handler.ts'
import { isPromise } from './handler.ts'
import type { Log } from './log.ts'
import { consoleLog, safely } from './log.ts'
import type { Duration } from './quantity.ts'
import { count, milliseconds } from './quantity.ts'

/** How long to wait for a store, and when to stop asking it. */
export interface OutageOptions {
  /** How long one answer of the store may take. (`'250ms'`) */
  readonly deadline?: Duration | undefined
  /** When to stop asking: after so many `failures` in a row (5), for `openFor` at most (`'30s'`). */
  readonly breaker?:
    | { readonly failures?: number | undefined; readonly openFor?: Duration | undefined }
    | undefined
  /** Takes the alarm, once per outage, and the all-clear. (`consoleLog`) */
  readonly log?: Log | undefined
}

const PROBE_EVERY = 500

/** What {@link Gate} needs of a request: its context has it. */
export type Circumstance = Pick<Context, 'clock' | 'platform' | 'waitUntil'>

/** The answer in place of a store's. As a decision it is `degraded`. */
export type Outage = Degraded & { readonly '~outage': true }

const SLOW = outage('the store did not answer in time')
const FAILED = outage('the store failed')
const OPEN = outage('the store is out; it is not asked')

function outage(reason: string): Outage {
  return { outcome: 'degraded', reason, '~outage': true }
}

/** Is it an outage, and not the store's answer? */
export function isOutage(answer: unknown): answer is Outage {
  return answer === SLOW || answer === FAILED || answer === OPEN
}

/** What all users of one store know about it. */
interface Breaker {
  failures: number
  /** When it opened, or last let a request try; `undefined` while closed. */
  openedAt: number | undefined
  nextProbe: number
  probing: boolean
  /** One request tries for itself. */
  trying: boolean
  /** When a call was last answered in time. */
  answeredAt: number
  /** When the last outage was over. */
  closedAt: number
  /** When the alarm was raised for an outage that is not over. */
  alarmedAt: number | undefined
}

const breakers = new WeakMap<object, Breaker>()

/** A store's breaker, as operators see it. */
export interface BreakerReport {
  /** `half-open`: nobody waits for the store, and it is being asked just now whether it is back. */
  readonly state: 'closed' | 'open' | 'half-open'
  /** In a row. */
  readonly failures: number
}

/** What is known of a store, the very object that wrappers were given. One that was never asked is `closed`. */
export function breakerOf(store: object): BreakerReport {
  const breaker = breakers.get(store)
  if (breaker?.openedAt === undefined) return { state: 'closed', failures: breaker?.failures ?? 0 }
  return { state: breaker.probing || breaker.trying ? 'half-open' : 'open', failures: breaker.failures }
}

/** One user's way to a store. Users of the same store object share its breaker. */
export class Gate {
  readonly #store: object
  readonly #user: string
  readonly #deadline: number
  readonly #failures: number
  readonly #openFor: number
  readonly #log: Log
  readonly #probe: (circumstance: Circumstance) => unknown

  /** `probe` asks the store for something harmless that exercises what `call` does. Throws a TypeError for bad options. */
  constructor(
    store: object,
    user: string,
    options: OutageOptions,
    probe: (circumstance: Circumstance) => unknown,
  ) {
    const { failures = 5, openFor = '30s' } = options.breaker ?? {}
    this.#store = store
    this.#user = user
    this.#deadline = milliseconds(options.deadline ?? '250ms', `${user}: deadline`)
    if (this.#deadline > 2_147_483_647) throw new TypeError(`${user}: deadline must be at most 24 days`)
    this.#failures = count(failures, `${user}: breaker.failures`)
    this.#openFor = milliseconds(openFor, `${user}: breaker.openFor`)
    this.#log = options.log ?? consoleLog
    this.#probe = probe
  }

  /** Asks the store, or says that it is out. Synchronous where the store is; never rejects, never throws. */
  call<T>(circumstance: Circumstance, ask: () => MaybePromise<T>): MaybePromise<T | Outage> {
    const breaker = this.#breaker()
    if (breaker.openedAt !== undefined && !this.#mayTry(breaker, circumstance)) return OPEN
    try {
      const answer = ask()
      if (isPromise(answer)) return this.#timed(answer, breaker, circumstance)
      this.#answered(breaker, circumstance)
      return answer
    } catch (error) {
      this.#failed(breaker, circumstance, error)
      return FAILED
    }
  }

  #breaker(): Breaker {
    let breaker = breakers.get(this.#store)
    if (breaker === undefined) {
      breaker = {
        failures: 0,
        openedAt: undefined,
        nextProbe: 0,
        probing: false,
        trying: false,
        answeredAt: -Infinity,
        closedAt: -Infinity,
        alarmedAt: undefined,
      }
      breakers.set(this.#store, breaker)
    }
    return breaker
  }

  /** While open: one request may try when its time has come; else, at most, a probe goes out in the background. */
  #mayTry(breaker: Breaker, circumstance: Circumstance): boolean {
    const now = circumstance.clock.monotonic()
    if (now - breaker.openedAt! >= this.#openFor) {
      breaker.openedAt = now
      breaker.trying = true
      breaker.probing = false // one that is still out was cut off with its request
      return true
    }
    if (!breaker.probing && now >= breaker.nextProbe) {
      breaker.probing = true
      breaker.nextProbe = now + PROBE_EVERY
      const done = (): void => {
        breaker.probing = false
      }
      const { waitUntil } = circumstance
      // After this request has gone its way: a store that fails synchronously must not cost it anything.
      waitUntil(
        Promise.resolve().then(() => this.#raced(Promise.resolve(this.#probe(circumstance)))).then(
          (answer) => {
            done()
            if (answer === SLOW) return
            breaker.answeredAt = circumstance.clock.monotonic()
            this.#answered(breaker, circumstance)
          },
          done,
        ),
      )
    }
    return false
  }

  #timed<T>(answer: Promise<T>, breaker: Breaker, circumstance: Circumstance): Promise<T | Outage> {
    const asked = circumstance.clock.monotonic()
    return this.#raced(answer).then(
      (one) => {
        if (one === SLOW) {
          this.#failed(breaker, circumstance, 'no answer in time', breaker.answeredAt < asked)
        } else {
          breaker.answeredAt = circumstance.clock.monotonic()
          this.#answered(breaker, circumstance)
        }
        return one
      },
      (error: unknown) => {
        this.#failed(breaker, circumstance, error)
        return FAILED
      },
    )
  }

  /** The answer, or SLOW at the deadline; what comes later is dropped. */
  #raced<T>(answer: Promise<T>): Promise<T | typeof SLOW> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => resolve(SLOW), this.#deadline)
      answer.then(
        (one) => {
          clearTimeout(timer)
          resolve(one)
        },
        (error: unknown) => {
          clearTimeout(timer)
          reject(error)
        },
      )
    })
  }

  #answered(breaker: Breaker, { clock }: Circumstance): void {
    breaker.failures = 0
    breaker.trying = false
    if (breaker.openedAt === undefined) return
    const now = clock.monotonic()
    breaker.openedAt = undefined
    breaker.closedAt = now
    if (breaker.alarmedAt === undefined) return
    const seconds = Math.round((now - breaker.alarmedAt) / 1_000)
    breaker.alarmedAt = undefined
    const message = `${this.#user}: the store answers again after ${seconds} s`
    safely(this.#log, { level: 'warn', message, code: 'store-recovered', seconds })
  }

  #failed(breaker: Breaker, { clock }: Circumstance, cause: unknown, silent = false): void {
    breaker.failures++
    breaker.trying = false
    const now = clock.monotonic()
    if (breaker.openedAt === undefined) {
      if (!silent && breaker.failures < this.#failures) return
      breaker.nextProbe = now
    }
    breaker.openedAt = now
    // A store that comes and goes is one outage, not one per minute of it; if it stays away, that is said.
    if (breaker.alarmedAt !== undefined || now - breaker.closedAt < this.#openFor) return
    breaker.alarmedAt = now
    const message = `${this.#user}: the store is out; requests get the outage policy until it answers`
    safely(this.#log, { level: 'error', message, code: 'store-outage', cause })
  }
}
