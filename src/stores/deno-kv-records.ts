/**
 * Short texts in Deno KV, and longer ones in parts: a value may have 64 KiB. The parts are written in one commit with their
 * head, so they bear its versionstamp; others are of another text, and then it is all read again.
 */
import type { Clock } from '../core/clock.ts'
import type { RecordStore } from '../core/store.ts'
import { storeKey } from '../core/store.ts'
import type { KvAtomicLike, KvEntryLike, KvLike, Transactions } from './deno-kv-transactions.ts'
import { CONFLICT, fieldsOf, STRONG, timeSince, UNEXPECTED, until } from './deno-kv-transactions.ts'

/** In UTF-16 code units, two bytes at worst. */
const PART = 30_000
/** A commit may have 800 KiB. */
const MOST_PARTS = 13

interface Head {
  readonly end: number
  readonly ttl: number
  /** Undefined where it is in parts. */
  readonly text: string | undefined
  readonly parts: number
}

/** A record as read. */
interface Opened {
  readonly entry: KvEntryLike
  /** Of what was there, be it over or not. */
  readonly parts: number
  /** `undefined`: there is none. */
  readonly text: string | undefined
  readonly now: number
}

export function kvRecords(transactions: Transactions, prefix: string): RecordStore {
  return {
    async claim(name, value, ttl, { clock }) {
      const key = await storeKey(prefix, 'r', '', name)
      return transactions.run(key, async (kv) => {
        const opened = await open(kv, key, clock)
        if (opened === CONFLICT || opened.text !== undefined) return opened === CONFLICT ? CONFLICT : opened.text
        return await put(kv, key, opened, value, ttl) ? undefined : CONFLICT
      })
    },
    async replace(name, expected, value, ttl, { clock }) {
      const key = await storeKey(prefix, 'r', '', name)
      return transactions.run(key, async (kv) => {
        const opened = await open(kv, key, clock)
        if (opened === CONFLICT || opened.text !== expected) return opened === CONFLICT ? CONFLICT : false
        return await put(kv, key, opened, value, ttl) || CONFLICT
      })
    },
    async remove(name, expected, { clock }) {
      const key = await storeKey(prefix, 'r', '', name)
      return transactions.run(key, async (kv) => {
        const opened = await open(kv, key, clock)
        if (opened === CONFLICT || opened.text !== expected) return opened === CONFLICT ? CONFLICT : false
        const { entry, parts } = opened
        const { ok } = await without(kv.atomic().check(entry).delete([key]), key, 0, parts).commit()
        return ok || CONFLICT
      })
    },
  }
}

async function open(kv: KvLike, key: string, clock: Clock): Promise<Opened | typeof CONFLICT> {
  const entry = await kv.get([key], STRONG)
  const head = headOf(entry)
  if (head === undefined) return { entry, parts: 0, text: undefined, now: timeSince(0, clock) }
  const { end, ttl, parts } = head
  const now = timeSince(end - ttl, clock)
  if (end <= now) return { entry, parts, text: undefined, now }
  const text = head.text ?? await joined(kv, key, entry, parts)
  if (text === undefined) return CONFLICT
  const opened = { entry, parts, text, now }
  if (end - ttl <= now) return opened
  // The clock was set back. It starts anew, and is read again as what is written now.
  await put(kv, key, opened, text, ttl)
  return CONFLICT
}

/** `undefined` if a part is not of this head. */
async function joined(
  kv: KvLike,
  key: string,
  { versionstamp }: KvEntryLike,
  parts: number,
): Promise<string | undefined> {
  const texts: string[] = []
  for await (const part of kv.list({ prefix: [key] }, STRONG)) {
    if (part.versionstamp === versionstamp && typeof part.value === 'string') texts.push(part.value)
  }
  return texts.length === parts ? texts.join('') : undefined
}

async function put(kv: KvLike, key: string, opened: Opened, value: string, ttl: number): Promise<boolean> {
  const { entry, now } = opened
  const parts = value.length > PART ? Math.ceil(value.length / PART) : 0
  if (parts > MOST_PARTS) throw new Error(`denoKvStore: a record may have ${PART * MOST_PARTS} characters at most`)
  const whole = Math.ceil(ttl)
  const life = until(now + whole, now)
  const head = { end: now + whole, ttl: whole, text: parts === 0 ? value : undefined, parts } satisfies Head
  const atomic = kv.atomic().check(entry).set([key], head, life)
  for (let i = 0; i < parts; i++) atomic.set([key, i], value.slice(i * PART, (i + 1) * PART), life)
  return (await without(atomic, key, parts, opened.parts).commit()).ok
}

function without(atomic: KvAtomicLike, key: string, from: number, to: number): KvAtomicLike {
  for (let i = from; i < to; i++) atomic.delete([key, i])
  return atomic
}

function headOf({ value }: KvEntryLike): Head | undefined {
  if (value === null) return undefined
  const { end, ttl, text, parts } = fieldsOf(value)
  if (![end, ttl, parts].every(Number.isFinite)) throw new Error(UNEXPECTED)
  if (typeof text !== 'string' && !(text === undefined && Number(parts) > 0)) throw new Error(UNEXPECTED)
  return { end: Number(end), ttl: Number(ttl), text, parts: Number(parts) }
}
