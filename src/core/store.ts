/** State, behind an interface: one process needs no server, many share one. Implementations live in `stores/`. */
import type { Clock } from './clock.ts'
import type { Platform } from './context.ts'
import type { MaybePromise } from './handler.ts'

/** One limit on one key. Built once by the limiter, so that a store may compare it by identity. */
export interface Limit {
  /** Unique among the limits of a service: the first part of every key, and the name in the `RateLimit` field. */
  readonly name: string
  /** Units that one key may use per window. */
  readonly quota: number
  /** Milliseconds. */
  readonly window: number
}

/** Where one key stands with one limit, after a decision. */
export interface Standing {
  /** Was it allowed? A refusal consumes nothing. */
  readonly allowed: boolean
  /** Units left in this window. */
  readonly remaining: number
  /** Milliseconds until the window ends; never negative. */
  readonly resetIn: number
}

/** What a store may need to know about the call: the request's context has it. */
export interface StoreCall {
  /** A store inside this process measures by `monotonic`, so that no jump of the wall clock frees or blocks anybody. */
  readonly clock: Clock
  readonly platform: Platform
}

/**
 * Counts. One call decides and consumes in one atomic step, or refuses and changes nothing.
 *
 * A store that cannot answer rejects or throws: the limiter turns that into `degraded`, never into an allow or a 429.
 */
export interface Store {
  consume(limit: Limit, key: string, cost: number, call: StoreCall): MaybePromise<Standing>
}
