import type { MaybePromise } from '../core/handler.ts'
import { isPromise } from '../core/handler.ts'
import type { LeaseStore, RecordStore, SharedStore, Store, StoreCall } from '../core/store.ts'
import type { Metrics } from './registry.ts'
import type { HistogramSeries } from './series.ts'

/** Options of {@link measuredStore}. */
export interface MeasuredStoreOptions {
  /** Where to count. */
  readonly metrics: Metrics
  /** Which store it is: the label `store`, e.g. `'redis'`. */
  readonly name: string
}

/** What it can do of what stores can, unchanged. */
export type MeasuredStore<S> = Pick<S, Extract<keyof S, keyof SharedStore>>

/** Those that ask the store; `check` and `recall` ask nobody. */
const OPERATIONS = ['consume', 'adjust', 'lease', 'release', 'held', 'members', 'claim', 'replace', 'remove'] as const

/** From a tenth of a millisecond: a store in the next rack answers in less than OpenTelemetry's first bucket. */
const SECONDS: readonly number[] = [
  0.0001,
  0.00025,
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
]

type Call = (...given: unknown[]) => MaybePromise<unknown>

/**
 * The same store, its calls timed in `sallyport.store.duration`, in seconds, by store, operation and outcome: `ok`, or
 * `failed` where it throws or rejects. One that answers at once still does. A call is timed to its end, also where the guard
 * that made it has stopped waiting; one that never ends is not counted.
 *
 * Made once and given to all that use the store, which then share what they know of its outages; around the store itself, so
 * `tiered(measuredStore(store, …))` times what goes over the wire. Throws a TypeError if it is no store, if `metrics` is no
 * registry, or without a name.
 *
 * @example
 * const store = measuredStore(redisStore(client), { metrics, name: 'redis' })
 */
export function measuredStore<S extends Store | LeaseStore | RecordStore>(
  store: S,
  options: MeasuredStoreOptions,
): MeasuredStore<S> {
  const { metrics, name } = options
  if (typeof metrics?.['~families'] !== 'function') {
    throw new TypeError('measuredStore: metrics must be what createMetrics makes')
  }
  if (typeof name !== 'string' || name === '') throw new TypeError('measuredStore: name must be a word')
  const members = (store ?? {}) as object as Readonly<Record<string, unknown>>
  const operations = OPERATIONS.filter((operation) => typeof members[operation] === 'function')
  if (operations.length === 0) throw new TypeError('measuredStore: store must be a store')
  const calls = metrics.histogram('sallyport.store.duration', {
    help: 'Duration of calls to stores.',
    unit: 's',
    buckets: SECONDS,
    labels: ['store', 'operation', 'outcome'],
    maxSeries: 200,
  })

  const timed = (operation: string): Call => {
    const call = (members[operation] as Call).bind(store)
    // Made when they are needed: a store is not used for all that it can do.
    const all: { ok?: HistogramSeries; failed?: HistogramSeries } = {}
    const end = (outcome: 'ok' | 'failed', { clock }: StoreCall, started: number): void => {
      const series = all[outcome] ??= calls.series({ store: name, operation, outcome })
      series.observe((clock.monotonic() - started) / 1_000)
    }
    return (...given) => {
      const last = given.at(-1) as StoreCall
      const started = last.clock.monotonic()
      let answer: MaybePromise<unknown>
      try {
        answer = call(...given)
      } catch (error) {
        end('failed', last, started)
        throw error
      }
      if (!isPromise(answer)) {
        end('ok', last, started)
        return answer
      }
      return answer.then((one) => {
        end('ok', last, started)
        return one
      }, (error: unknown) => {
        end('failed', last, started)
        throw error
      })
    }
  }

  const free = (['check', 'recall'] as const).filter((member) => typeof members[member] === 'function')
  return Object.fromEntries([
    ...free.map((member) => [member, (members[member] as Call).bind(store)]),
    ...operations.map((operation) => [operation, timed(operation)]),
  ]) as MeasuredStore<S>
}
