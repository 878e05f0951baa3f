/**
 * Counts in memory: a fixed table of numbers, allocated at the first request, never growing and without a timer.
 *
 * A key is kept as 64 bits of hash, seeded at random per table, beside a count, the share of its quota that this is, and
 * the end of its window: 24 bytes a slot. Each key has two possible sets of eight slots and goes to the emptier one (which
 * keeps the table usable to 85 %; one choice loses 8 % of keys at 75 %, the fuller of two 1 %). When both are full the
 * victim is the smallest share, ties broken by the newcomer's hash. So a flood of new keys pushes out other new keys, not
 * the ones that are blocked, not even by a limit of 5 in a table shared with a limit of 1,000: with "first of equals"
 * every newcomer would push out the previous one, and a client behind a flood would never be counted.
 *
 * In several processes or isolates each counts for itself; share a store to share a limit.
 */
import { warnOnce } from '../core/log.ts'
import { count } from '../core/quantity.ts'
import type { Limit, Standing, Store, StoreCall } from '../core/store.ts'

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /** How many keys to hold before the least active give way. Rounded up to a power of two slots, 24 bytes each. (50,000) */
  readonly maxKeys?: number | undefined
  /** Says that you know: on Workers memory belongs to one isolate, so each counts alone. Silences the warning. (false) */
  readonly acknowledgePerIsolate?: boolean | undefined
}

const WAYS = 8
const MOST_KEYS = 50_000_000

/**
 * A bounded {@link Store} in this process's memory. Throws a TypeError if `maxKeys` is no whole number from 8 to 50
 * million.
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  const maxKeys = count(options.maxKeys ?? 50_000, 'memoryStore: maxKeys', WAYS)
  // Found out at the first request, an impossible size would be an outage, and every request would pass.
  if (maxKeys > MOST_KEYS) throw new TypeError(`memoryStore: maxKeys must be at most ${MOST_KEYS}, got ${maxKeys}`)
  let slots = WAYS
  while (slots * 0.8 < maxKeys) slots *= 2
  let table: Table | undefined
  return {
    consume(limit, key, cost, call) {
      if (table === undefined) {
        table = new Table(slots)
        if (call.platform.ephemeral && !options.acknowledgePerIsolate) {
          warnOnce(
            call,
            'memory-store-per-isolate',
            'memoryStore counts per isolate here; use a shared store, or acknowledgePerIsolate',
          )
        }
      }
      return table.consume(limit, key, cost, call)
    },
  }
}

class Table {
  readonly #tagsA: Uint32Array
  readonly #tagsB: Uint32Array
  readonly #counts: Uint32Array
  readonly #shares: Float32Array
  readonly #ends: Float64Array
  readonly #mask: number
  readonly #seed: number
  readonly #prefixes = new WeakMap<Limit, { readonly a: number; readonly b: number }>()
  // The last hash, as two words: returned in fields because an object per request would be garbage.
  #a = 0
  #b = 0

  constructor(slots: number) {
    this.#tagsA = new Uint32Array(slots)
    this.#tagsB = new Uint32Array(slots)
    this.#counts = new Uint32Array(slots)
    this.#shares = new Float32Array(slots)
    this.#ends = new Float64Array(slots)
    this.#mask = slots / WAYS - 1
    this.#seed = crypto.getRandomValues(new Uint32Array(1))[0]!
  }

  consume(limit: Limit, key: string, cost: number, { clock }: StoreCall): Standing {
    const now = clock.monotonic()
    this.#hash(limit, key)
    const first = (this.#a & this.#mask) * WAYS
    const second = (Math.imul(this.#a ^ 0x9e3779b9, 0x85ebca6b) >>> 7 & this.#mask) * WAYS
    const held = this.#find(first, second, now)
    const used = held < 0 ? 0 : this.#counts[held]!
    const end = held < 0 ? now + limit.window : this.#ends[held]!
    const allowed = used + cost <= limit.quota
    if (allowed) {
      const slot = held < 0 ? this.#victim(first, second, now) : held
      this.#tagsA[slot] = this.#a
      this.#tagsB[slot] = this.#b
      this.#counts[slot] = used + cost
      this.#shares[slot] = (used + cost) / limit.quota
      this.#ends[slot] = end
    }
    return { allowed, remaining: Math.max(0, limit.quota - used - (allowed ? cost : 0)), resetIn: end - now }
  }

  /** The slot that holds the hashed key in a window that is not over, or -1. */
  #find(first: number, second: number, now: number): number {
    for (let way = 0; way < WAYS; way++) if (this.#holds(first + way, now)) return first + way
    for (let way = 0; way < WAYS; way++) if (this.#holds(second + way, now)) return second + way
    return -1
  }

  #holds(slot: number, now: number): boolean {
    return this.#tagsA[slot] === this.#a && this.#tagsB[slot] === this.#b && this.#ends[slot]! > now
  }

  /** The slot to take for a new key. */
  #victim(first: number, second: number, now: number): number {
    let victim = -1
    let least = Infinity
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

  /** Two seeded 32-bit lanes over the limit's name (once) and the key; the name's length keeps `a:b`,`c` from `a`,`b:c`. */
  #hash(limit: Limit, key: string): void {
    let prefix = this.#prefixes.get(limit)
    if (prefix === undefined) {
      this.#mix(this.#seed, ~this.#seed, `${limit.name.length}:${limit.name}`)
      prefix = { a: this.#a, b: this.#b }
      this.#prefixes.set(limit, prefix)
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
