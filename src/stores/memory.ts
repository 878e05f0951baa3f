/**
 * Counts in memory: fixed tables of numbers, allocated at the first request that needs them, never growing and without a
 * timer. One table for each algorithm in use: 22 bytes a slot for fixed windows, 34 for token buckets, 50 for sliding windows, and
 * a quarter more slots than keys.
 *
 * A key is kept as 64 bits of hash, seeded at random per table, beside its window's numbers, the share of its quota that
 * they are, and when they are over. Each key has two possible sets of eight slots and goes to the emptier one (which
 * keeps the table usable to 85 %; one choice loses 8 % of keys at 75 %, the fuller of two 1 %). When both are full the
 * victim is the smallest share, ties broken by the newcomer's hash. So a flood of new keys pushes out other new keys, not
 * the ones that are blocked, not even by a limit of 5 in a table shared with a limit of 1,000: with "first of equals"
 * every newcomer would push out the previous one, and a client behind a flood would never be counted. Where all sixteen
 * are blocked, the newcomer is not counted and the limiter is told so (`degraded`): no active block ever gives way.
 *
 * In several processes or isolates each counts for itself; share a store to share a limit.
 */
import { warnOnce } from '../core/log.ts'
import { count } from '../core/quantity.ts'
import type { Limit, LimitAlgorithm, LimitSet, Standing, Store, StoreCall, Verdict } from '../core/store.ts'
import type { Window } from '../core/window.ts'
import { WINDOWS } from '../core/window.ts'

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /**
   * How many keys to hold, per algorithm in use and counting each limit for itself, before the least active give way.
   * (50,000)
   */
  readonly maxKeys?: number | undefined
  /** Says that you know: on Workers memory belongs to one isolate, so each counts alone. Silences the warning. (false) */
  readonly acknowledgePerIsolate?: boolean | undefined
}

/** What {@link memoryStore} makes: it answers at once. */
export interface MemoryStore extends Store {
  consume(set: LimitSet, key: string, costs: readonly number[], call: StoreCall): Verdict | undefined
  readonly adjust: (set: LimitSet, key: string, changes: readonly number[], at: number, call: StoreCall) => void
}

const WAYS = 8
const LOAD = 0.8
const BLOCKED = 0xffff
const MOST_KEYS = 50_000_000

/**
 * A bounded {@link Store} in this process's memory. Throws a TypeError if `maxKeys` is no whole number from 8 to 50
 * million.
 */
export function memoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  const maxKeys = count(options.maxKeys ?? 50_000, 'memoryStore: maxKeys', WAYS)
  // Found out at the first request, an impossible size would be an outage, and every request would pass.
  if (maxKeys > MOST_KEYS) throw new TypeError(`memoryStore: maxKeys must be at most ${MOST_KEYS}, got ${maxKeys}`)
  return new Tables(Math.ceil(maxKeys / LOAD / WAYS), options.acknowledgePerIsolate ?? false)
}

class Tables implements MemoryStore {
  readonly #sets: number
  readonly #tables: Partial<Record<LimitAlgorithm, Table>> = {}
  readonly #prefixes = new WeakMap<LimitSet, { readonly a: number; readonly b: number }>()
  #acknowledged: boolean
  #seed = 0
  // The last hash, as two words: kept in fields because an object per request would be garbage.
  #a = 0
  #b = 0

  constructor(sets: number, acknowledged: boolean) {
    this.#sets = sets
    this.#acknowledged = acknowledged
  }

  consume(set: LimitSet, key: string, costs: readonly number[], call: StoreCall): Verdict | undefined {
    const { limits } = set
    const now = Math.floor(call.clock.monotonic())
    this.#hash(set, key)
    const only = limits.length === 1 ? this.#table(limits[0]!, call) : undefined
    if (only !== undefined) {
      const used = only.find(limits[0]!, 0, this.#a, this.#b, now)
      const allowed = used + costs[0]! <= limits[0]!.quota
      const standing = only.conclude(limits[0]!, now, used, costs[0]!, allowed)
      return standing && { allowed, at: now, standings: [standing] }
    }
    let allowed = true
    const used: number[] = []
    for (let i = 0; i < limits.length; i++) {
      const limit = limits[i]!
      const one = this.#table(limit, call).find(limit, i, this.#a, this.#b, now)
      if (one + costs[i]! > limit.quota) allowed = false
      used.push(one)
    }
    const standings = new Array<Standing>(limits.length)
    // Backwards: the last limit's table still knows where it has looked; for the others it must look again.
    for (let i = limits.length - 1; i >= 0; i--) {
      const limit = limits[i]!
      const table = this.#table(limit, call)
      if (i < limits.length - 1) table.find(limit, i, this.#a, this.#b, now)
      const standing = table.conclude(limit, now, used[i]!, costs[i]!, allowed)
      if (standing === undefined) return undefined
      standings[i] = standing
    }
    return { allowed, at: now, standings }
  }

  readonly adjust = (
    set: LimitSet,
    key: string,
    changes: readonly number[],
    at: number,
    call: StoreCall,
  ): void => {
    const now = Math.floor(call.clock.monotonic())
    this.#hash(set, key)
    set.limits.forEach((limit, i) => this.#table(limit, call).adjust(limit, i, this.#a, this.#b, now, changes[i]!, at))
  }

  #table(limit: Limit, call: StoreCall): Table {
    const table = this.#tables[limit.algorithm]
    if (table !== undefined) return table
    if (call.platform.ephemeral && !this.#acknowledged) {
      this.#acknowledged = true
      warnOnce(
        call,
        'memory-store-per-isolate',
        'memoryStore counts per isolate here; use a shared store, or acknowledgePerIsolate',
      )
    }
    return this.#tables[limit.algorithm] = new Table(this.#sets, WINDOWS[limit.algorithm])
  }

  /** Two seeded 32-bit lanes over the set's id (once) and the key; the id's length keeps `a:b`,`c` from `a`,`b:c`. */
  #hash(set: LimitSet, key: string): void {
    let prefix = this.#prefixes.get(set)
    if (prefix === undefined) {
      if (this.#seed === 0) this.#seed = crypto.getRandomValues(new Uint32Array(1))[0]! || 1
      this.#mix(this.#seed, ~this.#seed, `${set.id.length}:${set.id}`)
      prefix = { a: this.#a, b: this.#b }
      this.#prefixes.set(set, prefix)
    }
    this.#mix(prefix.a, prefix.b, key)
    const a = this.#a
    const b = this.#b
    this.#a = (Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)) >>> 0
    this.#b = (Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(this.#a ^ (this.#a >>> 13), 3266489909)) >>> 0
  }

  #mix(a: number, b: number, text: string): void {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      a = Math.imul(a ^ code, 2654435761)
      b = Math.imul(b ^ code, 1597334677)
      // Without the rotation the low bits of a lane see only the low bits of the text.
      a = (a << 13) | (a >>> 19)
    }
    this.#a = a
    this.#b = b
  }
}

class Table {
  readonly #tagsA: Uint32Array
  readonly #tagsB: Uint32Array
  /** Of the quota, in 65,534ths; {@link BLOCKED} where nothing is left. */
  readonly #shares: Uint16Array
  readonly #ends: Float64Array
  readonly #cells: Uint32Array | Float64Array
  readonly #window: Window
  readonly #width: number
  readonly #sets: number
  // Where the last look went: the hash for the limit at its place in the set, and its slot, or -1.
  #a = 0
  #b = 0
  #slot = -1

  constructor(sets: number, window: Window) {
    const slots = sets * WAYS
    this.#sets = sets
    this.#window = window
    this.#width = window.width
    this.#tagsA = new Uint32Array(slots)
    this.#tagsB = new Uint32Array(slots)
    this.#shares = new Uint16Array(slots)
    this.#ends = new Float64Array(slots)
    // What a token bucket owes is in units times milliseconds.
    this.#cells = window === WINDOWS['token-bucket']
      ? new Float64Array(slots * this.#width)
      : new Uint32Array(slots * this.#width)
  }

  /** Units in use, and remembers the slot. */
  find(limit: Limit, i: number, a: number, b: number, now: number): number {
    this.#a = i === 0 ? a : Math.imul(a ^ i, 0x9e3779b1) >>> 0
    this.#b = i === 0 ? b : Math.imul(b ^ i, 0x85ebca6b) >>> 0
    const slot = this.#slot = this.#search(now)
    return slot < 0 ? 0 : this.#window.used(limit, this.#cells, slot * this.#width, this.#ends[slot]!, now)
  }

  /** Of the key that was found: consumes if the set is allowed; where the key then stands. `undefined`: no room for it. */
  conclude(limit: Limit, now: number, before: number, cost: number, allowed: boolean): Standing | undefined {
    let used = before
    if (allowed && cost > 0) {
      if (this.#slot < 0 && !this.#take(now)) return undefined
      used += cost
      this.#add(limit, now, cost, now, used)
    }
    const slot = this.#slot
    const target = allowed ? used - 1 : Math.min(used - 1, limit.quota - cost)
    return {
      remaining: Math.max(0, limit.quota - used),
      resetIn: used === 0 || slot < 0
        ? 0
        : this.#window.until(limit, this.#cells, slot * this.#width, this.#ends[slot]!, now, target),
    }
  }

  adjust(limit: Limit, i: number, a: number, b: number, now: number, change: number, then: number): void {
    if (change === 0) return
    const used = this.find(limit, i, a, b, now)
    if (this.#slot < 0 && (change < 0 || !this.#take(now))) return
    this.#add(limit, now, change, then, used + change)
  }

  #add(limit: Limit, now: number, units: number, then: number, used: number): void {
    const slot = this.#slot
    const at = slot * this.#width
    this.#ends[slot] = this.#window.add(limit, this.#cells, at, this.#ends[slot]!, now, units, then)
    this.#shares[slot] = used >= limit.quota ? BLOCKED : Math.max(0, used) / limit.quota * (BLOCKED - 1)
  }

  /** The slot that holds the hash in a window that is not over, or -1. */
  #search(now: number): number {
    const first = this.#first()
    for (let way = 0; way < WAYS; way++) if (this.#holds(first + way, now)) return first + way
    const second = this.#second()
    for (let way = 0; way < WAYS; way++) if (this.#holds(second + way, now)) return second + way
    return -1
  }

  #first(): number {
    return Math.floor(this.#a * this.#sets / 0x1_0000_0000) * WAYS
  }

  #second(): number {
    const other = Math.imul(this.#a ^ 0x9e3779b9, 0x85ebca6b) >>> 0
    return Math.floor(other * this.#sets / 0x1_0000_0000) * WAYS
  }

  #holds(slot: number, now: number): boolean {
    return this.#tagsA[slot] === this.#a && this.#tagsB[slot] === this.#b && this.#ends[slot]! > now
  }

  /** Takes a slot for a new key, if there is one. */
  #take(now: number): boolean {
    const slot = this.#victim(this.#first(), this.#second(), now)
    if (slot < 0) return false
    this.#slot = slot
    this.#tagsA[slot] = this.#a
    this.#tagsB[slot] = this.#b
    this.#ends[slot] = 0
    return true
  }

  /** The slot to take for a new key; -1 where all are blocked. */
  #victim(first: number, second: number, now: number): number {
    let victim = -1
    let least = BLOCKED
    let freeOfFirst = -1
    let freeOfSecond = -1
    let moreFree = 0
    for (let i = 0; i < WAYS * 2; i++) {
      // Where to start is the newcomer's hash: that is what breaks ties.
      const turn = (i + this.#b) & (WAYS * 2 - 1)
      const slot = turn < WAYS ? first + turn : second + turn - WAYS
      if (this.#ends[slot]! > now) {
        if (this.#shares[slot]! < least) {
          least = this.#shares[slot]!
          victim = slot
        }
      } else if (turn < WAYS) {
        moreFree++
        freeOfFirst = slot
      } else {
        moreFree--
        freeOfSecond = slot
      }
    }
    const free = moreFree < 0 ? freeOfSecond : freeOfFirst
    return free < 0 ? victim : free
  }
}
