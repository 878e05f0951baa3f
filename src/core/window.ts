/**
 * The three ways to count, as arithmetic on a few numbers: what every store does, wherever it keeps them. `redis-lua.ts`
 * says the same in Lua, and a test holds the two against each other.
 *
 * | | admits at most | a used unit comes back | numbers |
 * |---|---|---|---|
 * | `fixed-window` | the quota per window; a window starts with a key's first request | with all others, at its end | 1 |
 * | `sliding-window` | the quota in *any* interval as long as the window | after the window, or up to a seventh later | 8 |
 * | `token-bucket` | the quota at once, then one unit every window / quota (GCRA) | steadily | 2 |
 *
 * The sliding window counts in slots of a seventh of the window and takes a slot that is partly out as if it were in. The
 * usual weighting of two windows is cheaper, but admits nearly twice the quota to those who come at its seam.
 *
 * Beside its numbers (`cells`, from `at`) a state has `expires`: when it may be forgotten, in milliseconds of the store's
 * clock. All arithmetic is on whole numbers below 2 to the 53, so that Lua and JavaScript agree to the last bit.
 */
import type { Limit, LimitAlgorithm, LimitSet, Standing, Verdict } from './store.ts'

/** Numbers that can be written: a typed array, or a plain one. */
export type Cells = { [index: number]: number }

/** One way to count. All of them take a state that is not over (`expires > now`), save `add`. */
export interface Window {
  /** How many numbers a state has beside `expires`. */
  readonly width: number
  /** Units in use at `now`, rounded up. */
  used(limit: Limit, cells: Cells, at: number, expires: number, now: number): number
  /** Milliseconds until at most `target` units are in use. */
  until(limit: Limit, cells: Cells, at: number, expires: number, now: number, target: number): number
  /** Adds units used at `now`, or takes away (negative) what was added at `then`. Gives the new `expires`. */
  add(limit: Limit, cells: Cells, at: number, expires: number, now: number, units: number, then: number): number
  /** Mends a state from the future, left there by a clock that has jumped back. Gives the new `expires`. */
  rewind(limit: Limit, cells: Cells, at: number, expires: number, now: number): number
}

const fixed: Window = {
  width: 1,
  used: (_limit, cells, at) => cells[at]!,
  until: (_limit, cells, at, expires, now, target) => cells[at]! <= target ? 0 : expires - now,
  add(limit, cells, at, expires, now, units, then) {
    if (expires <= now) {
      cells[at] = held(units)
      return now + limit.window
    }
    // What was taken from an earlier window is not given back to this one.
    if (units > 0 || then >= expires - limit.window) cells[at] = held(cells[at]! + units)
    return expires
  },
  rewind: (limit, _cells, _at, expires, now) => Math.min(expires, now + limit.window),
}

const SLOTS = 8

/** The newest slot is `cells[at]`; the state is over when that one is out: `expires` is its number + 8, times its width. */
const sliding: Window = {
  width: SLOTS,
  used(limit, cells, at, expires, now) {
    let used = 0
    for (let i = SLOTS - 1 - ageOf(limit, expires, now); i >= 0; i--) used += cells[at + i]!
    return used
  },
  until(limit, cells, at, expires, now, target) {
    let used = this.used(limit, cells, at, expires, now)
    const slot = limit.window / (SLOTS - 1)
    for (let i = SLOTS - 1 - ageOf(limit, expires, now); i >= 0 && used > target; i--) {
      used -= cells[at + i]!
      if (used <= target) return Math.ceil((newestOf(limit, expires) - i + SLOTS) * slot - now)
    }
    return 0
  },
  add(limit, cells, at, expires, now, units, then) {
    const slot = limit.window / (SLOTS - 1)
    const age = expires <= now ? SLOTS : ageOf(limit, expires, now)
    if (age > 0) { for (let i = SLOTS - 1; i >= 0; i--) cells[at + i] = i >= age ? cells[at + i - age]! : 0 }
    const newest = Math.floor(now / slot)
    const i = units > 0 ? 0 : Math.max(0, newest - Math.floor(then / slot))
    if (i < SLOTS) cells[at + i] = held(cells[at + i]! + units)
    return (newest + SLOTS) * slot
  },
  rewind: (limit, _cells, _at, expires, now) =>
    Math.min(expires, (Math.floor(now / (limit.window / (SLOTS - 1))) + SLOTS) * (limit.window / (SLOTS - 1))),
}

function newestOf(limit: Limit, expires: number): number {
  return Math.round(expires / (limit.window / (SLOTS - 1))) - SLOTS
}

/** How many slots have begun since the newest that was written. */
function ageOf(limit: Limit, expires: number, now: number): number {
  return Math.max(0, Math.floor(now / (limit.window / (SLOTS - 1))) - newestOf(limit, expires))
}

/** What is owed, in units times milliseconds, and when that was so; it drains by `quota` a millisecond. */
const bucket: Window = {
  width: 2,
  used: (limit, cells, at, _expires, now) => Math.ceil(owed(limit, cells, at, now) / limit.window),
  until: (limit, cells, at, _expires, now, target) =>
    Math.max(0, Math.ceil((owed(limit, cells, at, now) - target * limit.window) / limit.quota)),
  add(limit, cells, at, expires, now, units, then) {
    const before = expires <= now ? 0 : owed(limit, cells, at, now)
    // What has come back by itself meanwhile is not given back once more.
    const change = units > 0
      ? units * limit.window
      : Math.min(0, units * limit.window + elapsed(then, now) * limit.quota)
    const debt = Math.max(0, Math.min(before + change, Number.MAX_SAFE_INTEGER))
    cells[at] = debt
    cells[at + 1] = now
    return now + Math.ceil(debt / limit.quota)
  },
  rewind(limit, cells, at, expires, now) {
    if (cells[at + 1]! <= now) return expires
    cells[at + 1] = now
    return now + Math.ceil(cells[at]! / limit.quota)
  },
}

function elapsed(then: number, now: number): number {
  return Math.max(0, now - then)
}

function owed(limit: Limit, cells: Cells, at: number, now: number): number {
  return Math.max(0, cells[at]! - (now - cells[at + 1]!) * limit.quota)
}

/** Within what a cell of 32 bits holds: a charge beyond the quota cannot wrap round to nothing used. */
function held(units: number): number {
  return Math.max(0, Math.min(units, 0xffff_ffff))
}

/** By name. */
export const WINDOWS: Readonly<Record<LimitAlgorithm, Window>> = {
  'fixed-window': fixed,
  'sliding-window': sliding,
  'token-bucket': bucket,
}

/** One limit's numbers on one key, as stores that keep objects keep them. */
export interface WindowState {
  expires: number
  readonly cells: number[]
}

/**
 * Decides about one key, for stores that read its states, decide, and write them in one transaction. `states` has one per
 * limit, missing where nothing is kept. `states` of the answer is what to write; `undefined` if nothing has changed.
 */
export function decide(
  set: LimitSet,
  states: readonly (WindowState | undefined)[],
  costs: readonly number[],
  now: number,
): { readonly verdict: Verdict; readonly states: readonly WindowState[] | undefined } {
  const kept = set.limits.map((limit, i) => current(limit, states[i], now))
  const used = set.limits.map((limit, i) => usedOf(limit, kept[i]!, now))
  const allowed = set.limits.every(({ quota }, i) => used[i]! + costs[i]! <= quota)
  const standings = set.limits.map((limit, i): Standing => {
    const state = kept[i]!
    const cost = costs[i]!
    if (allowed && cost > 0) write(limit, state, now, cost, now)
    const total = used[i]! + (allowed ? cost : 0)
    const target = allowed ? total - 1 : Math.min(total - 1, limit.quota - cost)
    return { remaining: Math.max(0, limit.quota - total), resetIn: resetOf(limit, state, now, total, target) }
  })
  // What is over may stay as it is; what a clock that was set back has made last too long is mended even by a refusal.
  const mended = kept.some(({ expires }, i) => expires > now && expires !== states[i]?.expires)
  const changed = mended || (allowed && costs.some((cost) => cost > 0))
  return { verdict: { allowed, at: now, standings }, states: changed ? kept : undefined }
}

/** Corrects one key's states: see `Store.adjust`. */
export function correct(
  set: LimitSet,
  states: readonly (WindowState | undefined)[],
  changes: readonly number[],
  now: number,
  then: number,
): readonly WindowState[] {
  return set.limits.map((limit, i) => {
    const state = current(limit, states[i], now)
    const change = changes[i]!
    if (change > 0 || (change < 0 && state.expires > now)) write(limit, state, now, change, then)
    return state
  })
}

/** A copy that may be written: rewound, or empty where the old one is over or of another shape. */
function current(limit: Limit, state: WindowState | undefined, now: number): WindowState {
  const window = WINDOWS[limit.algorithm]
  if (state === undefined || state.cells.length !== window.width || !(state.expires > now)) {
    return { expires: 0, cells: new Array<number>(window.width).fill(0) }
  }
  const cells = [...state.cells]
  return { cells, expires: window.rewind(limit, cells, 0, state.expires, now) }
}

function usedOf(limit: Limit, state: WindowState, now: number): number {
  return state.expires > now ? WINDOWS[limit.algorithm].used(limit, state.cells, 0, state.expires, now) : 0
}

function resetOf(limit: Limit, state: WindowState, now: number, used: number, target: number): number {
  if (used === 0 || !(state.expires > now)) return 0
  return WINDOWS[limit.algorithm].until(limit, state.cells, 0, state.expires, now, target)
}

function write(limit: Limit, state: WindowState, now: number, units: number, then: number): void {
  state.expires = WINDOWS[limit.algorithm].add(limit, state.cells, 0, state.expires, now, units, then)
}
