/**
 * Members of sets in Deno KV: an entry for each, and one for the set that counts them. Every change of a member changes the
 * set's entry in the same commit, on condition that it is as it was read. So the count is never too low; it is too high
 * where members are over that nobody has looked for, and then they are counted again.
 */
import type { Clock } from '../core/clock.ts'
import type { Leased, LeaseStore } from '../core/store.ts'
import { storeKey } from '../core/store.ts'
import type { KvAtomicLike, KvEntryLike, KvLike, Transactions } from './deno-kv-transactions.ts'
import { CONFLICT, fieldsOf, STRONG, timeSince, UNEXPECTED, until } from './deno-kv-transactions.ts'

const MOST_MEMBERS = 10_000
/** To count so many again costs little. */
const FEW = 100
const MOST_MENDED = 500

/** What is known of a set. */
interface Count {
  /** When it was last written. */
  readonly at: number
  readonly held: number
  /** No member leaves by itself before ... */
  readonly first: number
  /** ... and all have left by themselves at ... */
  readonly last: number
}

interface Member {
  readonly member: string
  readonly end: number
  readonly ttl: number
}

/** A set as read, and a commit in the making. */
interface Opened {
  readonly count: Count
  readonly own: KvEntryLike
  readonly now: number
  readonly atomic: KvAtomicLike
  readonly mended: boolean
}

const NOBODY: Count = { at: 0, held: 0, first: Infinity, last: 0 }

export function kvLeases(transactions: Transactions, prefix: string): LeaseStore {
  const keysOf = (name: string, member: string): Promise<readonly [string, string]> =>
    Promise.all([storeKey(prefix, 'l', '', name), storeKey('', 'm', '', member)])

  return {
    async lease(name, member, ttl, most, { clock }) {
      const [set, one] = await keysOf(name, member)
      const limit = Math.min(most, MOST_MEMBERS)
      return transactions.run(set, async (kv) => {
        const opened = await open(kv, set, one, clock, limit)
        if (opened === CONFLICT) return CONFLICT
        const { count, own, now, atomic, mended } = opened
        const renewed = (memberOf(own)?.end ?? 0) > now
        if (!renewed && count.held >= limit) {
          if (mended && !(await written(keep(atomic, set, count, now)))) return CONFLICT
          return { granted: false, held: count.held, freeIn: Math.min(count.first, now + ttl) - now }
        }
        const end = now + Math.ceil(ttl)
        const held = renewed ? count.held : count.held + 1
        const kept = { held, first: Math.min(count.first, end), last: Math.max(count.last, end) }
        atomic.check(own).set([set, one], { member, end, ttl: end - now } satisfies Member, until(end, now))
        return await written(keep(atomic, set, kept, now)) ? { granted: true, held, freeIn: 0 } : CONFLICT
      })
    },
    async release(name, member, { clock }) {
      const [set, one] = await keysOf(name, member)
      return transactions.run(set, async (kv) => {
        const opened = await open(kv, set, one, clock, Infinity)
        if (opened === CONFLICT) return CONFLICT
        const { count, own, now, atomic } = opened
        // One that is over may have been counted or not: it is left to the next count.
        if ((memberOf(own)?.end ?? 0) <= now) return false
        atomic.check(own).delete([set, one])
        return await written(keep(atomic, set, { ...count, held: count.held - 1 }, now)) || CONFLICT
      })
    },
    async held(name, member, { clock }) {
      const [set, one] = await keysOf(name, member)
      const kv = await transactions.kv()
      const own = await kv.get([set, one], STRONG)
      const lease = memberOf(own)
      if (lease === undefined) return 0
      const { end, ttl } = lease
      const now = timeSince(end - ttl, clock)
      if (end - ttl <= now) return Math.max(0, end - now)
      // If this does not succeed somebody has written something newer.
      await kv.atomic().check(own).set([set, one], { ...lease, end: now + ttl }, until(now + ttl, now)).commit()
      return ttl
    },
    async members(name, { clock }) {
      const set = await storeKey(prefix, 'l', '', name)
      const kv = await transactions.kv()
      const members: Leased[] = []
      for await (const entry of kv.list({ prefix: [set] }, STRONG)) {
        const { member, end, ttl } = memberOf(entry)!
        const expiresIn = Math.min(ttl, end - timeSince(end - ttl, clock))
        if (expiresIn > 0) members.push({ member, expiresIn })
      }
      return members.sort((a, b) => a.expiresIn - b.expiresIn).slice(0, MOST_MEMBERS)
    },
  }
}

/** Reads a set and one of its members; counts again where that is due. */
async function open(
  kv: KvLike,
  set: string,
  one: string,
  clock: Clock,
  limit: number,
): Promise<Opened | typeof CONFLICT> {
  const [head, own] = await Promise.all([kv.get([set], STRONG), kv.get([set, one], STRONG)])
  const count = countOf(head)
  const now = timeSince(count.at, clock)
  const atomic = kv.atomic().check(head)
  const due = count.at > now || (count.first <= now && (count.held <= FEW || count.held >= limit))
  if (!due) return { count, own, now, atomic, mended: false }
  let [held, first, last, mends] = [0, Infinity, 0, 0]
  for await (const entry of kv.list({ prefix: [set] }, STRONG)) {
    const { member, end, ttl } = memberOf(entry)!
    const key = [set, String(entry.key[1])]
    const over = end <= now
    const mended = Math.min(end, now + ttl)
    if (over) atomic.delete(key)
    else if (mended < end) atomic.set(key, { member, end: mended, ttl } satisfies Member, until(mended, now))
    if (over || mended < end) mends++
    // A commit takes only so many: these first, then again from the start.
    if (mends === MOST_MENDED) return await written(atomic).then(() => CONFLICT)
    if (over) continue
    held++
    first = Math.min(first, mended)
    last = Math.max(last, mended)
  }
  return { count: { at: now, held, first, last }, own, now, atomic, mended: true }
}

function keep(atomic: KvAtomicLike, set: string, { held, first, last }: Omit<Count, 'at'>, now: number): KvAtomicLike {
  if (held <= 0) return atomic.delete([set])
  return atomic.set([set], { at: now, held, first, last } satisfies Count, until(last, now))
}

async function written(atomic: KvAtomicLike): Promise<boolean> {
  return (await atomic.commit()).ok
}

function countOf({ value }: KvEntryLike): Count {
  if (value === null) return NOBODY
  const { at, held, first, last } = fieldsOf(value)
  if (![at, held, first, last].every(Number.isFinite)) throw new Error(UNEXPECTED)
  return { at: Number(at), held: Number(held), first: Number(first), last: Number(last) }
}

function memberOf({ value }: KvEntryLike): Member | undefined {
  if (value === null) return undefined
  const { member, end, ttl } = fieldsOf(value)
  if (typeof member !== 'string' || ![end, ttl].every(Number.isFinite)) throw new Error(UNEXPECTED)
  return { member, end: Number(end), ttl: Number(ttl) }
}
