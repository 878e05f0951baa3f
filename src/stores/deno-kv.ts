/**
 * Counts, leases and records in Deno KV: on Deno Deploy for the whole world, elsewhere for the processes on one machine
 * that share a file, or through a `denokv` server.
 *
 * Calls about one key that come together are decided together, in one transaction. So a key that all want costs a
 * process two round trips for the lot.
 *
 * Time is each process's own, and they may differ by five seconds: nobody's time runs before what another has written.
 * Beyond that a clock counts as wrong, or as set back, and what was written in its future starts anew.
 */
import type { Clock } from '../core/clock.ts'
import type { MaybePromise } from '../core/handler.ts'
import type { SharedStore, Verdict } from '../core/store.ts'
import { storeKey } from '../core/store.ts'
import type { WindowState } from '../core/window.ts'
import { correct, decide } from '../core/window.ts'
import { kvLeases } from './deno-kv-leases.ts'
import { kvRecords } from './deno-kv-records.ts'
import type { KvEntryLike, KvLike } from './deno-kv-transactions.ts'
import { BUSY, CONFLICT, fieldsOf, STRONG, timeSince, Transactions, UNEXPECTED, until } from './deno-kv-transactions.ts'
import type { PackedStates } from './window-states.ts'
import { endOf, pack, unpack } from './window-states.ts'

/** Options of {@link denoKvStore}. */
export interface DenoKvStoreOptions {
  /** Put before every key, so that services may share a database. (`'sallyport'`) */
  readonly prefix?: string | undefined
}

/**
 * A {@link SharedStore} over Deno KV, which needs `--unstable-kv`. Takes the database, a promise of it, or a function that
 * opens it at the first call and, should that fail, at the next.
 *
 * Guarantees: atomic and exact, for all who share the database. Everything is written with `expireIn`. A set of leases
 *             holds 10,000 members at most, and beyond a hundred its `held` may count members that are just over; `freeIn`
 *             may be too early. A record holds 390,000 characters at most.
 * Costs:      one strong read and, unless it is a refusal, one commit of one value; for leases two of each. A record takes
 *             one more value for every 30,000 characters beyond the first. On one file, processes shut one another out:
 *             there it is for some hundreds of decisions a second, not for thousands.
 * Fails:      rejects with what KV says; with `too many others are writing` after a hundred attempts, some three seconds;
 *             with `too many calls are waiting` beyond 10,000; with `unexpected value` where something else is at a key.
 * Throws:     when made: TypeError for something that is no database.
 *
 * @example
 * const store = denoKvStore(() => Deno.openKv())
 */
export function denoKvStore(
  kv: KvLike | Promise<KvLike> | (() => MaybePromise<KvLike>),
  options: DenoKvStoreOptions = {},
): SharedStore {
  if (typeof kv !== 'function' && typeof (kv as Partial<KvLike & Promise<KvLike>> | undefined)?.then !== 'function') {
    if (typeof (kv as Partial<KvLike> | undefined)?.atomic !== 'function') {
      throw new TypeError('denoKvStore: kv must be a Deno KV database, a promise of one, or a function that opens one')
    }
  }
  const { prefix = 'sallyport' } = options
  const opened = typeof kv === 'function' ? kv : (): MaybePromise<KvLike> => kv
  // Whoever calls will be told; until then it is nobody's unhandled rejection.
  if (typeof kv !== 'function') Promise.resolve(kv).catch(() => {})
  const transactions = new Transactions(opened)
  const counts = new Counts(transactions)

  return {
    ...kvLeases(transactions, prefix),
    ...kvRecords(transactions, prefix),
    async consume(set, text, costs, { clock }) {
      const key = await storeKey(prefix, 'c', set.id, text)
      let verdict: Verdict | undefined
      await counts.change(key, clock, (states, now) => {
        const decision = decide(set, states, costs, now)
        verdict = decision.verdict
        return decision.states
      })
      return verdict
    },
    async adjust(set, text, changes, at, { clock }) {
      const key = await storeKey(prefix, 'c', set.id, text)
      await counts.change(key, clock, (states, now) => correct(set, states, changes, now, at))
    },
  }
}

/** A change of one key's states: what to write, or `undefined`. Made again, on other states, if somebody gets ahead. */
type Change = (states: readonly WindowState[], now: number) => readonly WindowState[] | undefined

interface Job {
  readonly clock: Clock
  readonly change: Change
}

/** What is wanted of one key, until its turn comes. */
interface Batch {
  readonly jobs: Job[]
  readonly done: Promise<void>
}

const MOST_JOBS = 10_000

class Counts {
  readonly #transactions: Transactions
  readonly #open = new Map<string, Batch>()
  #jobs = 0

  constructor(transactions: Transactions) {
    this.#transactions = transactions
  }

  /** Resolves when what `change` gave last is written. */
  change(key: string, clock: Clock, change: Change): Promise<void> {
    if (this.#jobs >= MOST_JOBS) return Promise.reject(new Error(BUSY))
    const batch = this.#open.get(key) ?? this.#begin(key)
    batch.jobs.push({ clock, change })
    this.#jobs++
    return batch.done
  }

  #begin(key: string): Batch {
    const jobs: Job[] = []
    const close = (): void => {
      if (this.#open.get(key)?.jobs === jobs) this.#open.delete(key)
    }
    const done = this.#transactions.run(key, (kv) => {
      // Before it reads: who comes later must not be told what was true earlier.
      close()
      return attempt(kv, key, jobs)
    }).finally(() => {
      close()
      this.#jobs -= jobs.length
    })
    const batch = { jobs, done }
    this.#open.set(key, batch)
    return batch
  }
}

async function attempt(kv: KvLike, key: string, jobs: readonly Job[]): Promise<void | typeof CONFLICT> {
  const entry = await kv.get([key], STRONG)
  let { at, states } = keptOf(entry)
  let changed = false
  for (const { clock, change } of jobs) {
    const now = timeSince(at, clock)
    const next = change(states, now)
    if (next === undefined) continue
    changed = true
    at = now
    states = next
  }
  const end = endOf(states)
  if (!changed || (end <= at && entry.value === null)) return
  const atomic = kv.atomic().check(entry)
  if (end <= at) atomic.delete([key])
  else atomic.set([key], { at, states: pack(states) } satisfies Kept, until(end, at))
  return (await atomic.commit()).ok ? undefined : CONFLICT
}

/** What is at a key. */
interface Kept {
  /** When it was written. */
  readonly at: number
  readonly states: PackedStates
}

function keptOf({ value }: KvEntryLike): { readonly at: number; readonly states: readonly WindowState[] } {
  if (value === null) return { at: 0, states: [] }
  const { at, states } = fieldsOf(value)
  const unpacked = unpack(states)
  if (!Number.isFinite(at) || unpacked === undefined) throw new Error(UNEXPECTED)
  return { at: Number(at), states: unpacked }
}
