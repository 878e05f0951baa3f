/**
 * Optimistic transactions on Deno KV: read, decide, and commit on condition that nobody else has written meanwhile; if
 * somebody has, all over again. What is wanted of one key within this process waits in line, so that only other processes
 * can get in the way.
 */
import type { Clock } from '../core/clock.ts'
import type { MaybePromise } from '../core/handler.ts'

/** A key: its parts. */
export type KvKey = readonly (string | number)[]

/** What is at a key; without a value, the `versionstamp` is null. */
export interface KvEntryLike {
  readonly key: readonly unknown[]
  readonly value: unknown
  readonly versionstamp: string | null
}

/** A transaction in the making. */
export interface KvAtomicLike {
  check(...checks: { readonly key: readonly unknown[]; readonly versionstamp: string | null }[]): KvAtomicLike
  set(key: KvKey, value: unknown, options: { readonly expireIn: number }): KvAtomicLike
  delete(key: KvKey): KvAtomicLike
  commit(): Promise<{ readonly ok: boolean }>
}

/** What `Deno.openKv()` gives. */
export interface KvLike {
  get(key: KvKey, options?: { readonly consistency: 'strong' }): Promise<KvEntryLike>
  list(
    selector: { readonly prefix: KvKey },
    options?: { readonly consistency: 'strong'; readonly batchSize: number },
  ): AsyncIterable<KvEntryLike>
  atomic(): KvAtomicLike
}

/** The answer of an attempt that another process got ahead of. */
export const CONFLICT: unique symbol = Symbol('somebody else has written')

const MOST_ATTEMPTS = 100
const LONGEST_PAUSE = 64
const MOST_WAITING = 10_000
/** All reads. */
export const STRONG = { consistency: 'strong', batchSize: 500 } as const

/** How far the clocks of processes may be apart, in milliseconds. */
const SKEW = 5_000
/** KV's own expiry goes by yet another clock, and must not come first. */
const GRACE = 2 * SKEW
/** Some thousand years. KV does not take what no calendar has. */
const FOR_EVER = 1e14

/** The database, what is waiting for it, and how to try again. */
export class Transactions {
  readonly #open: () => MaybePromise<KvLike>
  #kv: Promise<KvLike> | undefined
  /** By key: the last in line. */
  readonly #lines = new Map<string, Promise<unknown>>()
  #waiting = 0

  constructor(open: () => MaybePromise<KvLike>) {
    this.#open = open
  }

  /** Repeats what conflicts, behind everything that is already waiting for the same key. */
  run<T>(key: string, attempt: (kv: KvLike) => Promise<T | typeof CONFLICT>): Promise<T> {
    if (this.#waiting >= MOST_WAITING) return Promise.reject(new Error(BUSY))
    this.#waiting++
    const turn = (this.#lines.get(key) ?? Promise.resolve()).then(() => this.#repeat(attempt))
    const done = turn.then(() => {}, () => {}).then(() => {
      this.#waiting--
      if (this.#lines.get(key) === done) this.#lines.delete(key)
    })
    this.#lines.set(key, done)
    return turn
  }

  async #repeat<T>(attempt: (kv: KvLike) => Promise<T | typeof CONFLICT>): Promise<T> {
    const kv = await this.kv()
    for (let i = 1; i <= MOST_ATTEMPTS; i++) {
      const answer = await attempt(kv).catch(conflictIfLocked)
      if (answer !== CONFLICT) return answer
      // Jitter over the whole range: those who were turned away together do not come back together.
      const pause = Math.random() * Math.min(LONGEST_PAUSE, 2 ** i)
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
    throw new Error('denoKvStore: too many others are writing')
  }

  /** The database, opened by whoever needs it first; and again, if that has failed. */
  kv(): Promise<KvLike> {
    return this.#kv ??= Promise.resolve().then(this.#open).catch((error: unknown) => {
      this.#kv = undefined
      throw error
    })
  }
}

/** SQLite's way to say that another process is at it, and KV's to the rest of the same batch: nothing was written. */
function conflictIfLocked(error: unknown): typeof CONFLICT {
  if (error instanceof Error && /database (?:table )?is locked|batch transaction failed/.test(error.message)) {
    return CONFLICT
  }
  throw error
}

/**
 * The time by this process's clock, but not before `at`, when something was last written: the clock of the process that
 * did so may be a little ahead. If it is far ahead it was wrong, or this one has been set back: then it does not count.
 */
export function timeSince(at: number, clock: Clock): number {
  const now = Math.floor(clock.now())
  return at > now && at - now <= SKEW ? at : now
}

/** For `set`: nothing is kept without it. */
export function until(end: number, now: number): { readonly expireIn: number } {
  return { expireIn: Math.min(Math.max(0, Math.ceil(end - now)), FOR_EVER) + GRACE }
}

/** The fields of a value, if it is an object. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? value as Readonly<Record<string, unknown>> : {}
}

export const UNEXPECTED = 'denoKvStore: unexpected value'
export const BUSY = 'denoKvStore: too many calls are waiting'
