/**
 * A first tier in front of a shared store: remembers, in this process, whom the store has just refused, and until when it
 * must. Keys that hammer on a closed door then cost no round trip, and stay out while the store does not answer.
 *
 * It only ever repeats refusals, so it never admits what the store would refuse. It may refuse for longer than the store
 * would in one case: when another process gives units back before the time that the store had named.
 */
import { isPromise } from '../core/handler.ts'
import { count } from '../core/quantity.ts'
import type { LimitSet, Store, Verdict } from '../core/store.ts'

/** Options of {@link tiered}. */
export interface TieredOptions {
  /** How many refused keys to remember; the longest known give way. (10,000) */
  readonly maxKeys?: number | undefined
}

/** What the store refused: which costs, and when each limit has room for them. */
interface Refused {
  readonly at: number
  readonly costs: readonly number[]
  readonly verdict: Verdict
}

// A stranger chooses keys; a long one is not worth the memory.
const LONGEST_KEY = 256

/** Puts a bounded memory of refusals in front of `store`. Throws a TypeError if `maxKeys` is no positive whole number. */
export function tiered(store: Store, options: TieredOptions = {}): Store {
  const maxKeys = count(options.maxKeys ?? 10_000, 'tiered: maxKeys')
  if (typeof store?.consume !== 'function') throw new TypeError('tiered: store must be a Store')
  const refused = new Map<string, Refused>()
  let oldest = refused.keys()
  const numbers = new WeakMap<LimitSet, number>()
  let sets = 0

  /** By the set object: a quota that changes is another set, and nothing is remembered of it. */
  const nameOf = (set: LimitSet, key: string): string => {
    let number = numbers.get(set)
    if (number === undefined) numbers.set(set, number = ++sets)
    return `${number} ${key}`
  }
  const remember = (name: string, costs: readonly number[], at: number, verdict: Verdict): void => {
    if (name.length > LONGEST_KEY) return
    refused.delete(name)
    if (refused.size >= maxKeys) {
      // One iterator for all: a new one would walk over everything that has been deleted.
      let next = oldest.next()
      if (next.done) next = (oldest = refused.keys()).next()
      if (!next.done) refused.delete(next.value)
    }
    refused.set(name, { at, costs, verdict })
  }

  return {
    check: (set, costs) => store.check?.(set, costs),
    recall(set, key, costs, { clock }) {
      if (refused.size === 0) return undefined
      const name = nameOf(set, key)
      const known = refused.get(name)
      if (known === undefined) return undefined
      const passed = clock.monotonic() - known.at
      const { standings } = known.verdict
      const still = standings.some(({ remaining, resetIn }, i) =>
        remaining < known.costs[i]! && costs[i]! >= known.costs[i]! && resetIn > passed
      )
      if (!still) {
        // Cheaper ones go to the store, and what is known of dearer ones stays true until its time.
        if (standings.every(({ resetIn }) => resetIn <= passed)) refused.delete(name)
        return undefined
      }
      const left = standings.map(({ remaining, resetIn }, i) =>
        resetIn > passed ? { remaining, resetIn: resetIn - passed } : { remaining: costs[i]!, resetIn: 0 }
      )
      return { allowed: false, at: known.verdict.at, standings: left }
    },
    consume(set, key, costs, call) {
      const answer = store.consume(set, key, costs, call)
      const seen = (verdict: Verdict | undefined): Verdict | undefined => {
        if (verdict?.allowed === false) remember(nameOf(set, key), costs, call.clock.monotonic(), verdict)
        return verdict
      }
      return isPromise(answer) ? answer.then(seen) : seen(answer)
    },
    adjust: store.adjust === undefined ? undefined : (set, key, changes, at, call) => {
      refused.delete(nameOf(set, key))
      return store.adjust?.(set, key, changes, at, call)
    },
  }
}
