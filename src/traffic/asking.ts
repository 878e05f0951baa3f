/** What all who ask a store about limits have in common. */
import type { OutageOptions } from '../core/outage.ts'
import { Gate } from '../core/outage.ts'
import type { LimitSet, Store, Verdict } from '../core/store.ts'
import { limitSet } from '../core/store.ts'

const PROBE: LimitSet = /* @__PURE__ */ limitSet([
  { name: 'sallyport-probe', quota: 1_000_000_000, window: 1_000, algorithm: 'fixed-window' },
])

/** The way to a store that counts, for `user`. What it asks while the store is out counts against nobody. */
export function gateTo(store: Store, user: string, options: OutageOptions): Gate {
  return new Gate(store, user, options, (call) => store.consume(PROBE, 'probe', [1], call))
}

/** A store may be a client of something that answers nonsense: that is no answer. */
export function isVerdict(verdict: unknown, { limits }: LimitSet): verdict is Verdict {
  const { allowed, standings } = (verdict ?? {}) as Partial<Verdict>
  return typeof allowed === 'boolean' && Array.isArray(standings) && standings.length === limits.length &&
    standings.every((one) => one?.remaining >= 0 && Number.isFinite(one.resetIn))
}
