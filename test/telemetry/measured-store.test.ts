import { describe, expect, expectTypeOf, test } from 'vitest'
import type { Store } from '../../src/core/store.ts'
import { type LeaseStore, limitSet, type RecordStore, type SharedStore } from '../../src/core/store.ts'
import { memoryLeases } from '../../src/stores/memory-leases.ts'
import { memoryRecords } from '../../src/stores/memory-records.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { tiered } from '../../src/stores/tiered.ts'
import { type MeasuredStore, measuredStore } from '../../src/telemetry/measured-store.ts'
import { metricsText } from '../../src/telemetry/openmetrics.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/registry.ts'
import { rateLimit } from '../../src/traffic/rate-limit.ts'
import { contextOf, recorder, requestTo, send, settled, virtualClock } from '../helpers.ts'
import { parsePage } from './parser.ts'

const SET = limitSet([{ name: 'rate', quota: 2, window: 60_000, algorithm: 'fixed-window' }])

/** How many calls, and their seconds, by operation and outcome. */
function calls(metrics: Metrics): Record<string, [count: number, seconds: number]> {
  const out: Record<string, [number, number]> = {}
  for (
    const { name, labels, value } of parsePage(metricsText(metrics), false).get('sallyport_store_duration_seconds')!
      .samples
  ) {
    const key = `${labels['store']} ${labels['operation']} ${labels['outcome']}`
    if (name.endsWith('_count')) (out[key] ??= [0, 0])[0] = value
    if (name.endsWith('_sum')) (out[key] ??= [0, 0])[1] = value
  }
  return out
}

describe('lets the good through', () => {
  test('a store that answers at once still does, and its calls are timed', () => {
    const metrics = createMetrics()
    const clock = virtualClock()
    const memory = memoryStore()
    const slow: typeof memory = {
      consume(set, key, costs, call) {
        clock.advance(3)
        return memory.consume(set, key, costs, call)
      },
      adjust: memory.adjust,
    }
    const store = measuredStore(slow, { metrics, name: 'memory' })
    const call = contextOf({ clock })
    const verdicts = [1, 2, 3].map(() => store.consume(SET, 'a', [1], call))
    expect(verdicts.map((one) => one?.allowed)).toEqual([true, true, false])
    store.adjust(SET, 'a', [-1], verdicts[0]!.at, call)
    expect(store.consume(SET, 'a', [1], call)?.allowed).toBe(true)
    expect(calls(metrics)).toEqual({ 'memory consume ok': [4, 0.012], 'memory adjust ok': [1, 0] })
  })

  test('a promise is timed to its end, and what fails fails as before', async () => {
    const metrics = createMetrics()
    const clock = virtualClock()
    const call = contextOf({ clock })
    const broken = new Error('connection lost')
    const store = measuredStore({
      consume: async (_set, key) => {
        await Promise.resolve()
        clock.advance(40)
        if (key === 'bad') throw broken
        return undefined
      },
      adjust: () => {
        throw broken
      },
    } as Store, { metrics, name: 'redis' })
    expect(await store.consume(SET, 'good', [1], call)).toBe(undefined)
    await expect(store.consume(SET, 'bad', [1], call)).rejects.toBe(broken)
    expect(() => store.adjust?.(SET, 'x', [1], 0, call)).toThrow(broken)
    expect(calls(metrics)).toEqual({
      'redis consume ok': [1, 0.04],
      'redis consume failed': [1, 0.04],
      'redis adjust failed': [1, 0],
    })
  })

  test('leases and records are timed as well', () => {
    const metrics = createMetrics()
    const call = contextOf()
    const leases = measuredStore(memoryLeases({ maxMembers: 10 } as never), { metrics, name: 'leases' })
    leases.lease('set', 'me', 1_000, 5, call)
    leases.held('set', 'me', call)
    leases.members('set', call)
    leases.release('set', 'me', call)
    const records = measuredStore(memoryRecords({} as never), { metrics, name: 'records' })
    records.claim('key', 'a', 1_000, call)
    records.replace('key', 'a', 'b', 1_000, call)
    records.remove('key', 'b', call)
    const operations = Object.entries(calls(metrics)).map(([key, [count]]) => [key, count])
    expect(operations).toEqual([
      ['leases lease ok', 1],
      ['leases held ok', 1],
      ['leases members ok', 1],
      ['leases release ok', 1],
      ['records claim ok', 1],
      ['records replace ok', 1],
      ['records remove ok', 1],
    ])
  })

  test('what a store cannot do, it cannot do when measured, and what asks nobody is not timed', () => {
    const metrics = createMetrics()
    const bare: Store = { consume: () => undefined }
    const one = measuredStore(bare, { metrics, name: 'bare' })
    expect(Object.keys(one)).toEqual(['consume'])
    const two = measuredStore(tiered(memoryStore()), { metrics, name: 'tiered' })
    expect(Object.keys(two).sort()).toEqual(['adjust', 'check', 'consume', 'recall'])
    const call = contextOf()
    for (let i = 0; i < 3; i++) two.consume(SET, 'a', [1], call)
    expect(two.recall?.(SET, 'a', [1], call)?.allowed).toBe(false)
    expect(calls(metrics)).toEqual({ 'tiered consume ok': [3, 0] })
  })

  test('its type is that of the store', () => {
    expectTypeOf<MeasuredStore<SharedStore>>().toExtend<SharedStore>()
    expectTypeOf<MeasuredStore<LeaseStore>>().toExtend<LeaseStore>()
    expectTypeOf<MeasuredStore<RecordStore>>().toExtend<RecordStore>()
    expectTypeOf<MeasuredStore<Store>>().toExtend<Store>()
  })

  test('guards that share it share its breaker: one alarm for an outage', async () => {
    const metrics = createMetrics()
    const { log, records } = recorder()
    const down: Store = { consume: () => Promise.reject(new Error('down')) }
    const store = measuredStore(down, { metrics, name: 'redis' })
    const limited = (name: string) =>
      rateLimit({ key: () => 'k', limits: [{ name, limit: 5, window: '60s' }], store, log })(() => new Response('in'))
    const [a, b] = [limited('a'), limited('b')]
    const clock = virtualClock()
    for (let i = 0; i < 10; i++) {
      expect((await send(i % 2 ? a : b, requestTo(), contextOf({ clock }))).status).toBeLessThan(600)
    }
    await settled()
    expect(records.filter(({ code }) => code === 'store-outage').length).toBe(1)
    expect(calls(metrics)['redis consume failed']?.[0]).toBeGreaterThanOrEqual(5)
    expect(calls(metrics)['redis consume failed']?.[0]).toBeLessThan(10)
  })
})

describe('stops the bad', () => {
  test('bad options are refused', () => {
    const metrics = createMetrics()
    const make = (store: unknown, options: unknown) => () => measuredStore(store as Store, options as never)
    expect(make({}, { metrics, name: 'x' })).toThrow(/^measuredStore: store must be a store/)
    expect(make(undefined, { metrics, name: 'x' })).toThrow(/^measuredStore: store must be a store/)
    expect(make(memoryStore(), { metrics: {}, name: 'x' })).toThrow(/^measuredStore: metrics must be/)
    expect(make(memoryStore(), { metrics, name: '' })).toThrow(/^measuredStore: name must be/)
  })
})
