/** Leases in this process's memory: for requests in flight, and for bans. Bounded, without a timer. */
import { count } from '../core/quantity.ts'
import type { Lease, Leased, LeaseStore, StoreCall } from '../core/store.ts'

/** Options of {@link memoryLeases}. */
export interface MemoryLeasesOptions {
  /** How many members to hold in all sets together; beyond that no lease is granted. (100,000) */
  readonly maxMembers?: number | undefined
}

/** What {@link memoryLeases} makes: it answers at once. */
export interface MemoryLeases extends LeaseStore {
  lease(set: string, member: string, ttl: number, most: number, call: StoreCall): Lease
  release(set: string, member: string, call: StoreCall): boolean
  held(set: string, member: string, call: StoreCall): number
  members(set: string, call: StoreCall): readonly Leased[]
}

const MOST_LISTED = 10_000

/** A bounded {@link LeaseStore} in this process's memory. Throws a TypeError if `maxMembers` is no positive whole number. */
export function memoryLeases(options: MemoryLeasesOptions = {}): MemoryLeases {
  const maxMembers = count(options.maxMembers ?? 100_000, 'memoryLeases: maxMembers')
  /** By set: when each member leaves. */
  const sets = new Map<string, Map<string, number>>()
  let held = 0

  const drop = (set: string, members: Map<string, number>, member: string): void => {
    if (members.delete(member)) held--
    if (members.size === 0) sets.delete(set)
  }
  const clear = (set: string, now: number, all: boolean): void => {
    const members = sets.get(set)
    if (members === undefined) return
    for (const [member, end] of members) {
      if (end <= now) drop(set, members, member)
      // Members of one set mostly hold for the same time, and then the first leaves first.
      else if (!all) return
    }
  }

  return {
    lease(set, member, ttl, most, { clock }) {
      const now = clock.monotonic()
      clear(set, now, false)
      if (held >= maxMembers) { for (const one of [...sets.keys()]) clear(one, now, true) }
      else if ((sets.get(set)?.size ?? 0) >= most) clear(set, now, true)
      const members = sets.get(set) ?? new Map<string, number>()
      const renewed = members.delete(member)
      if (!renewed && (members.size >= most || held >= maxMembers)) {
        let next = now + ttl
        for (const end of members.values()) next = Math.min(next, end)
        return { granted: false, held: members.size, freeIn: next - now }
      }
      if (!renewed) held++
      members.set(member, now + ttl)
      sets.set(set, members)
      return { granted: true, held: members.size, freeIn: 0 }
    },
    release(set, member, { clock }) {
      const members = sets.get(set)
      const end = members?.get(member)
      if (members === undefined || end === undefined) return false
      drop(set, members, member)
      return end > clock.monotonic()
    },
    held(set, member, { clock }) {
      const now = clock.monotonic()
      return Math.max(0, (sets.get(set)?.get(member) ?? now) - now)
    },
    members(set, { clock }) {
      const now = clock.monotonic()
      clear(set, now, true)
      return [...sets.get(set) ?? []].sort(([, a], [, b]) => a - b).slice(0, MOST_LISTED)
        .map(([member, end]) => ({ member, expiresIn: end - now }))
    },
  }
}
