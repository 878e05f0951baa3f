/** Short texts in this process's memory, each for its own time. Bounded, without a timer; nothing gives way before its time. */
import { count } from '../core/quantity.ts'
import type { RecordStore, StoreCall } from '../core/store.ts'

/** Options of {@link memoryRecords}. */
export interface MemoryRecordsOptions {
  /** How many records to hold. (10,000) */
  readonly maxRecords?: number | undefined
  /** How many characters in all, keys included. (32,000,000) */
  readonly maxCharacters?: number | undefined
}

/** What {@link memoryRecords} makes: it answers at once. */
export interface MemoryRecords extends RecordStore {
  claim(key: string, value: string, ttl: number, call: StoreCall): string | undefined
  replace(key: string, expected: string, value: string, ttl: number, call: StoreCall): boolean
  remove(key: string, expected: string, call: StoreCall): boolean
}

/**
 * A bounded {@link RecordStore} in this process's memory. A full one throws: a record that gave way early would let a
 * request be done twice. Throws a TypeError for a bound that is no positive whole number.
 */
export function memoryRecords(options: MemoryRecordsOptions = {}): MemoryRecords {
  const maxRecords = count(options.maxRecords ?? 10_000, 'memoryRecords: maxRecords')
  const maxCharacters = count(options.maxCharacters ?? 32_000_000, 'memoryRecords: maxCharacters')
  const records = new Map<string, { readonly value: string; readonly end: number }>()
  let characters = 0

  const drop = (key: string): void => {
    characters -= key.length + (records.get(key)?.value.length ?? 0)
    records.delete(key)
  }
  const valueOf = (key: string, now: number): string | undefined => {
    const record = records.get(key)
    if (record === undefined || record.end > now) return record?.value
    drop(key)
    return undefined
  }
  const fits = (key: string, value: string): boolean =>
    records.size < maxRecords && characters + key.length + value.length <= maxCharacters
  const put = (key: string, value: string, ttl: number, now: number): void => {
    if (!fits(key, value)) { for (const [other, { end }] of records) if (end <= now) drop(other) }
    if (!fits(key, value)) throw new Error('memoryRecords: there is no room')
    records.set(key, { value, end: now + ttl })
    characters += key.length + value.length
  }

  return {
    claim(key, value, ttl, { clock }) {
      const now = clock.monotonic()
      const there = valueOf(key, now)
      if (there === undefined) put(key, value, ttl, now)
      return there
    },
    replace(key, expected, value, ttl, { clock }) {
      const now = clock.monotonic()
      const kept = records.get(key)
      if (valueOf(key, now) !== expected) return false
      drop(key)
      try {
        put(key, value, ttl, now)
      } catch (error) {
        records.set(key, kept!)
        characters += key.length + expected.length
        throw error
      }
      return true
    },
    remove(key, expected, { clock }) {
      if (valueOf(key, clock.monotonic()) !== expected) return false
      drop(key)
      return true
    },
  }
}
