/**
 * The tables of one Durable Object, and what is done with them. Nothing here waits: one call is one step.
 *
 * Every row says when it is `due` to go, in tens of seconds. That is indexed, for the alarm; and coarse, so that counting
 * on a key writes to the index once in ten seconds and not each time (rows written are what costs). Times to live are
 * kept beside the ends: a row that began in the future was written before the clock jumped back, and starts anew.
 */
import type { Lease, Leased, Limit, LimitSet, Verdict } from '../core/store.ts'
import type { WindowState } from '../core/window.ts'
import { correct, decide } from '../core/window.ts'
import { endOf, pack, unpack } from './window-states.ts'

/** SQLite as Durable Objects have it. */
export interface SqlLike {
  exec(query: string, ...bindings: (string | number)[]): { toArray(): Record<string, unknown>[] }
}

/** What the store asks of an object. */
export type Operation =
  | {
    readonly do: 'consume'
    readonly key: string
    readonly limits: readonly Limit[]
    readonly costs: readonly number[]
  }
  | {
    readonly do: 'adjust'
    readonly key: string
    readonly limits: readonly Limit[]
    readonly changes: readonly number[]
    readonly at: number
  }
  | { readonly do: 'lease'; readonly set: string; readonly member: string; readonly ttl: number; readonly most: number }
  | { readonly do: 'release' | 'held'; readonly set: string; readonly member: string }
  | { readonly do: 'members'; readonly set: string }
  | { readonly do: 'claim'; readonly key: string; readonly value: string; readonly ttl: number }
  | {
    readonly do: 'replace'
    readonly key: string
    readonly expected: string
    readonly value: string
    readonly ttl: number
  }
  | { readonly do: 'remove'; readonly key: string; readonly expected: string }

const SWEEP = 10_000
const MOST_LISTED = 10_000
const MOST_SWEPT = 5_000
const TABLES = ['counts', 'leases', 'records'] as const
const KEYS = { counts: 'key', leases: 'name, member', records: 'key' } as const

interface Row {
  readonly ends: number
  readonly ttl: number
}

export class Tables {
  readonly #sql: SqlLike
  /** When the first row that was written since the last look at this is due; Infinity where none was. */
  nextSweep: number = Infinity

  constructor(sql: SqlLike) {
    this.#sql = sql
    sql.exec(`
      CREATE TABLE IF NOT EXISTS counts (key TEXT PRIMARY KEY, due INTEGER, states TEXT) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS leases (name TEXT, member TEXT, due INTEGER, ends INTEGER, ttl INTEGER,
        PRIMARY KEY (name, member)) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, due INTEGER, ends INTEGER, ttl INTEGER, value TEXT)
        WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS counts_due ON counts (due);
      CREATE INDEX IF NOT EXISTS leases_due ON leases (due);
      CREATE INDEX IF NOT EXISTS records_due ON records (due)`)
  }

  /** Does what was asked. `undefined`: this is none of ours. */
  operate(operation: Operation, now: number): unknown {
    switch (operation.do) {
      case 'consume':
        return this.#consume(operation.key, operation, operation.costs, now)
      case 'adjust':
        this.#adjust(operation.key, operation, operation.changes, operation.at, now)
        return true
      case 'lease':
        return this.#lease(operation.set, operation.member, operation.ttl, operation.most, now)
      case 'release':
        return this.#release(operation.set, operation.member, now)
      case 'held':
        return this.#held(operation.set, operation.member, now)
      case 'members':
        return this.#members(operation.set, now)
      case 'claim':
        return this.#claim(operation.key, operation.value, operation.ttl, now)
      case 'replace':
        if (this.#valueOf(operation.key, now) !== operation.expected) return false
        this.#put(operation.key, operation.value, operation.ttl, now)
        return true
      case 'remove':
        if (this.#valueOf(operation.key, now) !== operation.expected) return false
        this.#sql.exec('DELETE FROM records WHERE key = ?', operation.key)
        return true
      default:
        return undefined
    }
  }

  /** Deletes what is over, so many rows at most. When to do so again; Infinity if nothing is left. */
  sweep(now: number): number {
    const over = Math.floor(now / SWEEP)
    for (const table of TABLES) {
      const key = KEYS[table]
      this.#sql.exec(
        `DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ${table} WHERE due <= ? LIMIT ${MOST_SWEPT})`,
        over,
      )
    }
    return this.firstDue()
  }

  /** When the first of all rows is due; Infinity if there is none. */
  firstDue(): number {
    const first = TABLES.map((table) => {
      const due = this.#row(`SELECT min(due) AS due FROM ${table}`)?.['due']
      return typeof due === 'number' ? due * SWEEP : Infinity
    })
    return Math.min(...first)
  }

  #row(query: string, ...bindings: (string | number)[]): Record<string, unknown> | undefined {
    return this.#sql.exec(query, ...bindings).toArray()[0]
  }

  #due(ends: number): number {
    const due = Math.ceil(ends / SWEEP)
    this.nextSweep = Math.min(this.nextSweep, due * SWEEP)
    return due
  }

  #consume(key: string, { limits }: Pick<LimitSet, 'limits'>, costs: readonly number[], now: number): Verdict {
    const row = this.#row('SELECT states, due FROM counts WHERE key = ?', key)
    const { verdict, states } = decide({ id: '', limits }, statesOf(row), costs, now)
    if (states !== undefined) this.#keep(key, row, states, now)
    return verdict
  }

  #adjust(
    key: string,
    { limits }: Pick<LimitSet, 'limits'>,
    changes: readonly number[],
    at: number,
    now: number,
  ): void {
    const row = this.#row('SELECT states, due FROM counts WHERE key = ?', key)
    this.#keep(key, row, correct({ id: '', limits }, statesOf(row), changes, now, at), now)
  }

  #keep(
    key: string,
    row: Record<string, unknown> | undefined,
    states: readonly WindowState[],
    now: number,
  ): void {
    const ends = endOf(states)
    if (ends <= now) {
      if (row !== undefined) this.#sql.exec('DELETE FROM counts WHERE key = ?', key)
      return
    }
    const due = this.#due(ends)
    const text = JSON.stringify(pack(states))
    if (row?.['states'] === text && row['due'] === due) return
    if (row?.['due'] === due) this.#sql.exec('UPDATE counts SET states = ? WHERE key = ?', text, key)
    else this.#sql.exec('INSERT OR REPLACE INTO counts (key, due, states) VALUES (?, ?, ?)', key, due, text)
  }

  #lease(set: string, member: string, ttl: number, most: number, now: number): Lease {
    const { held, first } = this.#tidy(set, now)
    const renewed = this.#row('SELECT ends FROM leases WHERE name = ? AND member = ?', set, member) !== undefined
    if (!renewed && held >= most) return { granted: false, held, freeIn: Math.min(first, now + ttl) - now }
    const ends = now + ttl
    this.#sql.exec(
      'INSERT OR REPLACE INTO leases (name, member, due, ends, ttl) VALUES (?, ?, ?, ?, ?)',
      set,
      member,
      this.#due(ends),
      ends,
      ttl,
    )
    return { granted: true, held: renewed ? held : held + 1, freeIn: 0 }
  }

  /** Deletes the members that are over, and mends the ones from the future. How many are left, and when one leaves. */
  #tidy(set: string, now: number): { readonly held: number; readonly first: number } {
    const look = (): Record<string, unknown> =>
      this.#row(
        'SELECT count(*) AS held, min(ends) AS first, max(ends - ttl) AS last FROM leases WHERE name = ?',
        set,
      ) ?? {}
    let { held, first, last } = look()
    if (Number(first ?? Infinity) <= now || Number(last ?? 0) > now) {
      this.#sql.exec('DELETE FROM leases WHERE name = ? AND ends <= ?', set, now)
      this.#sql.exec('UPDATE leases SET ends = ? + ttl WHERE name = ? AND ends - ttl > ?', now, set, now)
      ;({ held, first, last } = look())
    }
    return { held: Number(held), first: Number(first ?? Infinity) }
  }

  #release(set: string, member: string, now: number): boolean {
    const row = this.#row('DELETE FROM leases WHERE name = ? AND member = ? RETURNING ends', set, member)
    return Number(row?.['ends'] ?? 0) > now
  }

  #held(set: string, member: string, now: number): number {
    const row = rowOf(this.#row('SELECT ends, ttl FROM leases WHERE name = ? AND member = ?', set, member))
    if (row === undefined) return 0
    if (row.ends - row.ttl <= now) return Math.max(0, row.ends - now)
    this.#sql.exec('UPDATE leases SET ends = ? WHERE name = ? AND member = ?', now + row.ttl, set, member)
    return row.ttl
  }

  #members(set: string, now: number): Leased[] {
    this.#tidy(set, now)
    return this.#sql.exec(`SELECT member, ends FROM leases WHERE name = ? ORDER BY ends LIMIT ${MOST_LISTED}`, set)
      .toArray().map(({ member, ends }) => ({ member: String(member), expiresIn: Number(ends) - now }))
  }

  /** The value that was there, in a list; an empty one if there was none. */
  #claim(key: string, value: string, ttl: number, now: number): string[] {
    const there = this.#valueOf(key, now)
    if (there !== undefined) return [there]
    this.#put(key, value, ttl, now)
    return []
  }

  #valueOf(key: string, now: number): string | undefined {
    const found = this.#row('SELECT value, ends, ttl FROM records WHERE key = ?', key)
    const row = rowOf(found)
    if (row === undefined || row.ends <= now) return undefined
    if (row.ends - row.ttl > now) this.#sql.exec('UPDATE records SET ends = ? WHERE key = ?', now + row.ttl, key)
    return JSON.parse(String(found?.['value'])) as string
  }

  #put(key: string, value: string, ttl: number, now: number): void {
    const ends = now + ttl
    this.#sql.exec(
      'INSERT OR REPLACE INTO records (key, due, ends, ttl, value) VALUES (?, ?, ?, ?, ?)',
      key,
      this.#due(ends),
      ends,
      ttl,
      JSON.stringify(value), // half a surrogate pair does not survive as UTF-8
    )
  }
}

function statesOf(row: Record<string, unknown> | undefined): readonly WindowState[] {
  const states = row === undefined ? [] : unpack(JSON.parse(String(row['states'])))
  if (states === undefined) throw new Error('SallyportStore: a row is not of its making')
  return states
}

function rowOf(row: Record<string, unknown> | undefined): Row | undefined {
  return row && { ends: Number(row['ends']), ttl: Number(row['ttl']) }
}
