/**
 * State, behind interfaces: one process needs no server, many share one. Implementations live in `stores/`.
 *
 * Three small ones, because not everything that counts can also keep: {@link Store} counts units against limits,
 * {@link LeaseStore} holds members of a set for a while (requests in flight, bans), {@link RecordStore} keeps short texts
 * (idempotency). A store for a fleet is all three: {@link SharedStore}.
 *
 * All of them measure time by a clock of their own where they are shared, and each call is one atomic step. What cannot
 * answer rejects or throws: never an answer made up.
 */
import type { Clock } from './clock.ts'
import type { Platform } from './context.ts'
import type { MaybePromise } from './handler.ts'

/** How a limit counts. See `core/window.ts` for what each guarantees. */
export type LimitAlgorithm = 'fixed-window' | 'sliding-window' | 'token-bucket'

/** One limit on one key. */
export interface Limit {
  /** Unique among the limits of a service: part of every key, and the name in the `RateLimit` field. */
  readonly name: string
  /** Units that one key may use per window: a whole number below 2 to the 32. */
  readonly quota: number
  /** Milliseconds, a whole number. */
  readonly window: number
  readonly algorithm: LimitAlgorithm
}

/** Limits that are decided together on one key, all or nothing. Made once by `limitSet`, so stores compare by identity. */
export interface LimitSet {
  /**
   * Names, algorithms and windows, but not quotas: the first part of every key. So a quota may be raised or lowered
   * while running and the count goes on; another window or algorithm is another count.
   */
  readonly id: string
  readonly limits: readonly Limit[]
}

/** Where a key stands with one limit, after a decision. */
export interface Standing {
  /** Units left. */
  readonly remaining: number
  /**
   * Milliseconds until there are more: until this cost fits, where it was refused. Never negative; 0 only where nothing
   * is used.
   */
  readonly resetIn: number
}

/** What a store decided about one request. */
export interface Verdict {
  /** Did all limits have room? If not, nothing was consumed, on any of them. */
  readonly allowed: boolean
  /** When, by the store's own clock: what {@link Store.adjust} needs to find the window again. */
  readonly at: number
  /** In the order of the limits. */
  readonly standings: readonly Standing[]
}

/** What a store may need to know about the call: the request's context has it. */
export interface StoreCall {
  /** A store inside this process measures by `monotonic`, so that no jump of the wall clock frees or blocks anybody. */
  readonly clock: Clock
  readonly platform: Platform
  /** For work that may outlive the request. */
  readonly waitUntil: (work: Promise<unknown>) => void
}

/** Counts. */
export interface Store {
  /** Throws a TypeError if this store cannot serve such limits: asked once, when the limiter is made. */
  readonly check?: ((set: LimitSet, costs: readonly number[] | undefined) => void) | undefined
  /** A refusal that is known without asking, from an earlier one: asked first, even while the store is out. */
  readonly recall?:
    | ((set: LimitSet, key: string, costs: readonly number[], call: StoreCall) => Verdict | undefined)
    | undefined
  /**
   * Decides and consumes in one atomic step, on all limits of the set or on none. `costs` has one per limit, 0 or more.
   * `undefined`: there is no room to count this key; others are not affected.
   */
  consume(set: LimitSet, key: string, costs: readonly number[], call: StoreCall): MaybePromise<Verdict | undefined>
  /**
   * Corrects what was consumed at `at`: a negative change gives back, to the window it was taken from if that is not over;
   * a positive one is charged now, even beyond the quota. Missing where the store behind cannot.
   */
  readonly adjust?:
    | ((set: LimitSet, key: string, changes: readonly number[], at: number, call: StoreCall) => MaybePromise<void>)
    | undefined
}

/** What became of a wish to hold a lease. */
export interface Lease {
  readonly granted: boolean
  /** Members now in the set, this one included if granted. */
  readonly held: number
  /** Where it was not granted: milliseconds until the next member leaves by itself. */
  readonly freeIn: number
}

/** One member of a set, as listed. */
export interface Leased {
  readonly member: string
  /** Milliseconds. */
  readonly expiresIn: number
}

/** Holds members of sets, each for its own time. */
export interface LeaseStore {
  /** Adds `member` for `ttl` ms, unless `most` others are in the set. One that is there already is renewed. */
  lease(set: string, member: string, ttl: number, most: number, call: StoreCall): MaybePromise<Lease>
  /** Takes a member out. Was it there? */
  release(set: string, member: string, call: StoreCall): MaybePromise<boolean>
  /** For how many more milliseconds a member is in the set; 0 if it is not. */
  held(set: string, member: string, call: StoreCall): MaybePromise<number>
  /** All members, at most 10,000, the ones that leave first in front. */
  members(set: string, call: StoreCall): MaybePromise<readonly Leased[]>
}

/** Keeps short texts, each for its own time. Values may hold any character. */
export interface RecordStore {
  /** Puts `value` for `ttl` ms unless the key has one, and gives the one that was there; `undefined`: it is yours. */
  claim(key: string, value: string, ttl: number, call: StoreCall): MaybePromise<string | undefined>
  /** Replaces `expected` by `value` for `ttl` ms. False if something else, or nothing, was there. */
  replace(key: string, expected: string, value: string, ttl: number, call: StoreCall): MaybePromise<boolean>
  /** Removes `expected`. False if something else, or nothing, was there. */
  remove(key: string, expected: string, call: StoreCall): MaybePromise<boolean>
}

/** Everything: what a fleet shares. */
export interface SharedStore extends Store, LeaseStore, RecordStore {
  readonly adjust: NonNullable<Store['adjust']>
}

/** Puts limits together. The order counts: it is part of the id. */
export function limitSet(limits: readonly Limit[]): LimitSet {
  const id = limits.map(({ name, algorithm, window }) => `${name.length}:${name}${algorithm[0]}${window}`).join()
  return { id, limits }
}

const LONGEST_KEY = 128
const ASCII = /^[ -~]*$/

/**
 * The key under which a shared store keeps something: length-prefixed, so that no two pairs run into one another; with the
 * version of the format; and as a SHA-256 beyond 128 bytes, so that a stranger cannot make it long.
 */
export function storeKey(prefix: string, kind: string, set: string, key: string): MaybePromise<string> {
  const plain = `${prefix}:1${kind}:${set.length}:${set}:${key}`
  // A code unit is at most three bytes, and one where it is ASCII.
  if (plain.length * 3 <= LONGEST_KEY || (plain.length <= LONGEST_KEY && ASCII.test(plain))) return plain
  const bytes = new TextEncoder().encode(plain)
  if (bytes.byteLength <= LONGEST_KEY) return plain
  return crypto.subtle.digest('SHA-256', bytes).then((hash) => {
    const hex = Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('')
    return `${prefix}:1${kind}:#${hex}`
  })
}
