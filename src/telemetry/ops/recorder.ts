/** What the page shows of the recent past. The metrics know how much in all; this, how much lately, and to whom. */
import type { Context } from '../../core/context.ts'
import type { SecurityEvent } from '../../core/event.ts'
import type { HasClientIp, HasPrincipal, HasRequestId } from '../../core/facts.ts'
import type { Quantiles } from '../quantiles.ts'
import type { Metrics } from '../registry.ts'
import { Frequent } from './keys.ts'

/** Requests that ended within one step of time. */
export interface OpsPoint {
  readonly perSecond: number
  readonly errorsPerSecond: number
  /** Milliseconds; absent where no request ended. */
  readonly p50?: number | undefined
  readonly p95?: number | undefined
  readonly p99?: number | undefined
}

/** How often guards have decided one thing. */
export interface OpsDecision extends Pick<SecurityEvent, 'kind' | 'guard' | 'code'> {
  readonly count: number
}

/** One security event of one request. */
export interface OpsEvent extends Pick<SecurityEvent, 'kind' | 'guard' | 'code'> {
  readonly status?: number | undefined
  /** By the wall clock. */
  readonly at: number
  readonly requestId?: string | undefined
}

/** The last minute. */
export interface OpsNow {
  readonly requests: number
  readonly perSecond: number
  /** 0 to 1. */
  readonly errorRate: number
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number }
}

/** A point of the charts is so many milliseconds. */
export const STEP = 10_000
/** And there are so many: ten minutes. */
export const POINTS = 60
const MINUTE = 60_000
const EVENTS = 50
const DECISIONS = 200
const SLOTS = 100
const LONGEST = 64

/** What had been counted when a step began. */
interface Mark {
  readonly times: Quantiles
  readonly errors: number
}

export class Recorder {
  readonly limited: Frequent = new Frequent(SLOTS)
  /** The newest last. */
  readonly events: OpsEvent[] = []
  readonly #figures: Metrics['~figures']
  readonly #decisions = new Map<string, { -readonly [K in keyof OpsDecision]: OpsDecision[K] }>()
  #startedAt: number | undefined
  /** Which step goes on. */
  #number = 0
  /** Of the step that goes on, and of those of the minute before it. */
  readonly #marks: Mark[] = []
  readonly #points: OpsPoint[] = []

  constructor(metrics: Metrics) {
    this.#figures = metrics['~figures']
  }

  /** Closes the steps that are over. Without a timer: each request does it, and whoever looks. */
  tick(now: number): void {
    const number = Math.floor(now / STEP)
    if (number === this.#number && this.#startedAt !== undefined) return
    const mark = this.#mark()
    if (this.#startedAt === undefined) {
      this.#startedAt = now
      this.#marks.push(mark)
    } else {
      // After a night without requests, not the whole night.
      for (let n = Math.max(this.#number, number - POINTS - 1); n < number; n++) {
        this.#points.push(pointOf(this.#marks.at(-1)!, mark, STEP))
        this.#marks.push(mark)
      }
      this.#points.splice(0, this.#points.length - POINTS)
      this.#marks.splice(0, this.#marks.length - MINUTE / STEP - 1)
    }
    this.#number = number
  }

  /** What was recorded of one request. */
  decided(context: Context): void {
    for (const { kind, guard, code, status } of context.events) {
      const event = { kind, guard: short(guard), code: short(code) }
      this.#count(event)
      const { requestId } = context as Partial<HasRequestId>
      this.events.push({ at: context.clock.now(), ...event, status, requestId: requestId && short(requestId) })
      if (this.events.length > EVENTS) this.events.shift()
      if (kind === 'refused' && status === 429) this.limited.add(keyOf(context))
    }
  }

  /** For how long requests have been seen, in milliseconds. */
  uptime(now: number): number {
    return now - (this.#startedAt ?? now)
  }

  decisions(): readonly OpsDecision[] {
    return [...this.#decisions.values()].sort((a, b) => b.count - a.count)
  }

  /** Ten minutes in steps, the one that goes on last. */
  points(now: number): readonly OpsPoint[] {
    this.tick(now)
    const gone = now - this.#number * STEP
    // A rate of the first instant of a step would leap about.
    const current = gone < STEP / 5 ? [] : [pointOf(this.#marks.at(-1)!, this.#mark(), gone)]
    return [...this.#points, ...current].slice(-POINTS)
  }

  now(now: number): OpsNow {
    this.tick(now)
    const [from] = this.#marks as [Mark]
    const to = this.#mark()
    const minute = to.times.since(from.times)
    const begun = (this.#number - this.#marks.length + 1) * STEP
    const seconds = Math.max(1, Math.min(this.uptime(now), now - begun) / 1_000)
    return {
      requests: minute.count,
      perSecond: minute.count / seconds,
      errorRate: minute.count === 0 ? 0 : (to.errors - from.errors) / minute.count,
      latencyMs: {
        p50: minute.quantile(0.5),
        p95: minute.quantile(0.95),
        p99: minute.quantile(0.99),
        max: minute.max,
      },
    }
  }

  #mark(): Mark {
    return { times: this.#figures.times.snapshot(), errors: this.#figures.report().requests.errors }
  }

  #count(event: Pick<SecurityEvent, 'kind' | 'guard' | 'code'>): void {
    const { kind } = event
    let key = `${kind} ${event.guard} ${event.code}`
    let known = this.#decisions.get(key)
    if (known === undefined && this.#decisions.size >= DECISIONS) {
      key = `${kind} other`
      known = this.#decisions.get(key)
      event = { kind, guard: 'other', code: 'other' }
    }
    if (known === undefined) this.#decisions.set(key, { ...event, count: 1 })
    else known.count++
  }
}

function pointOf(from: Mark, to: Mark, ms: number): OpsPoint {
  const times = to.times.since(from.times)
  const quantile = (q: number): number | undefined => times.count === 0 ? undefined : times.quantile(q)
  return {
    perSecond: times.count * 1_000 / ms,
    errorsPerSecond: (to.errors - from.errors) * 1_000 / ms,
    p50: quantile(0.5),
    p95: quantile(0.95),
    p99: quantile(0.99),
  }
}

/** As `byPrincipalOrClientIp` has it. Kept for as long as it is among the most frequent, and shown masked. */
function keyOf(context: Context): string {
  const { principal, clientNetwork } = context as Partial<HasPrincipal & HasClientIp>
  const id: unknown = principal?.id
  const key = typeof id === 'string'
    ? `id:${id}`
    : `ip:${clientNetwork ?? context.connection.address ?? 'unidentified'}`
  return key.slice(0, 256)
}

function short(text: string): string {
  return String(text).slice(0, LONGEST)
}
