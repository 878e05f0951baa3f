/** What `core/window.ts` keeps about one key, as plain lists of numbers: for stores that write it down. */
import type { WindowState } from '../core/window.ts'

/** One list per limit: when it is over, then its cells. */
export type PackedStates = readonly (readonly number[])[]

export function pack(states: readonly WindowState[]): PackedStates {
  return states.map(({ expires, cells }) => [expires, ...cells])
}

/** `undefined` if this is something that nobody packed. */
export function unpack(value: unknown): WindowState[] | undefined {
  if (!Array.isArray(value)) return undefined
  const lists: readonly unknown[] = value
  const states = lists.map((list) => isNumbers(list) ? { expires: list[0] ?? 0, cells: list.slice(1) } : undefined)
  return states.every((state) => state !== undefined) ? states : undefined
}

/** When all of it may be forgotten. */
export function endOf(states: readonly WindowState[]): number {
  return Math.ceil(states.reduce((end, { expires }) => Math.max(end, expires), 0))
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((one) => Number.isFinite(one))
}
