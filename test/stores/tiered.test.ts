import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Handler } from '../../src/core/handler.ts'
import type { LimitSet, Store, Verdict } from '../../src/core/store.ts'
import { limitSet } from '../../src/core/store.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { tiered } from '../../src/stores/tiered.ts'
import { local } from '../../src/traffic/limiter.ts'
import { rateLimit } from '../../src/traffic/rate-limit.ts'
import { contextOf, requestTo, send, virtualClock } from '../helpers.ts'
import { contract, limitOf } from './contract.ts'

/** A store that counts how often it is asked. */
function counting(): { store: Store; asked: () => number } {
  const memory = memoryStore()
  let asked = 0
  return {
    asked: () => asked,
    store: {
      consume(set, key, costs, call) {
        asked++
        return memory.consume(set, key, costs, call)
      },
      adjust: memory.adjust,
    },
  }
}

/** As the limiter asks: what is known first. */
function ask(store: Store, set: LimitSet, key: string, cost: number, call = contextOf()): Verdict {
  return store.recall?.(set, key, [cost], call) ?? store.consume(set, key, [cost], call) as Verdict
}

contract('tiered memory', () => {
  const clock = virtualClock()
  const store = tiered(memoryStore())
  return {
    store: {
      consume: (set, key, costs, call) => store.recall?.(set, key, costs, call) ?? store.consume(set, key, costs, call),
      adjust: store.adjust!,
    },
    call: contextOf({ clock }),
    pass: (ms) => clock.advance(ms),
  }
})

describe('lets the good through', () => {
  test('a refused key is answered here until its time, then by the store', async () => {
    const clock = virtualClock()
    const { store, asked } = counting()
    const handler = rateLimit({ key: () => 'one', limit: 2, window: '60s', store: tiered(store) })(() => new Response())
    const call = async (): Promise<Response> => await send(handler, requestTo(), contextOf({ clock }))
    for (let i = 0; i < 3; i++) await call()
    expect(asked()).toBe(3)
    clock.advance(20_500)
    const refused = await call()
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '40'])
    expect(refused.headers.get('ratelimit')).toBe('"default";r=0;t=40')
    for (let i = 0; i < 1_000; i++) await call()
    expect(asked()).toBe(3)
    clock.advance(39_500)
    expect((await call()).status).toBe(200)
    expect(asked()).toBe(4)
  })

  test('a cheaper request is for the store to decide', () => {
    const { store, asked } = counting()
    const front = tiered(store)
    const set = limitSet([limitOf(10)])
    expect(ask(front, set, 'a', 8).allowed).toBe(true)
    expect(ask(front, set, 'a', 5).allowed).toBe(false)
    expect(ask(front, set, 'a', 6).allowed).toBe(false)
    expect(asked()).toBe(2)
    expect(ask(front, set, 'a', 2).allowed).toBe(true)
    expect(asked()).toBe(3)
  })

  test('a quota that is raised, and units given back here, count at once', () => {
    const { store } = counting()
    const front = tiered(store)
    const set = limitSet([limitOf(2)])
    const { at } = ask(front, set, 'a', 2)
    expect(ask(front, set, 'a', 1).allowed).toBe(false)
    expect(ask(front, limitSet([limitOf(3)]), 'a', 1).allowed).toBe(true)
    expect(ask(front, set, 'a', 1).allowed).toBe(false)
    front.adjust?.(set, 'a', [-2], at, contextOf())
    expect(ask(front, set, 'a', 1).allowed).toBe(true)
  })

  test('never admits what the store would refuse, and never refuses what it would admit, for any sequence', () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b'),
      cost: fc.integer({ min: 1, max: 5 }),
      wait: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 700 })),
    })
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.constantFrom('fixed-window', 'sliding-window', 'token-bucket'),
        (steps, algorithm) => {
          const clock = virtualClock()
          const call = contextOf({ clock })
          const set = limitSet([limitOf(7, { algorithm, window: 1_000 })])
          const [plain, front] = [memoryStore(), tiered(memoryStore())]
          for (const { key, cost, wait } of steps) {
            clock.advance(wait)
            expect(ask(front, set, key, cost, call).allowed).toBe(plain.consume(set, key, [cost], call)?.allowed)
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('survives the broken', () => {
  test('the refused stay out while the store does, even where others are let pass', async () => {
    const memory = memoryStore()
    let up = true
    const store: Store = tiered({
      consume(set, key, costs, call) {
        if (!up) throw new Error('down')
        return memory.consume(set, key, costs, call)
      },
    })
    for (const onOutage of ['allow', local(0.5)] as const) {
      up = true
      const options = { key: (_: unknown, request: Request) => request.url, limit: 1, window: '60s', store } as const
      const handler: Handler = rateLimit({ ...options, name: `o${typeof onOutage}`, onOutage, log: () => {} })(
        () => new Response(),
      )
      for (let i = 0; i < 2; i++) await send(handler, requestTo('/hot'))
      up = false
      for (let i = 0; i < 20; i++) expect((await send(handler, requestTo(`/other${i}`))).status).toBe(200)
      expect((await send(handler, requestTo('/hot'))).status).toBe(429)
    }
  })

  test('PITFALLS 6: remembers no more than it is told to, and no long keys', () => {
    const front = tiered(memoryStore({ maxKeys: 10_000 }), { maxKeys: 100 })
    const set = limitSet([limitOf(1)])
    const call = contextOf()
    for (let i = 0; i < 1_000; i++) for (let n = 0; n < 2; n++) front.consume(set, `k${i}`, [1], call)
    const known = Array.from({ length: 1_000 }, (_, i) => front.recall?.(set, `k${i}`, [1], call)).filter(Boolean)
    expect(known).toHaveLength(100)
    const long = 'x'.repeat(100_000)
    for (let n = 0; n < 2; n++) front.consume(set, long, [1], call)
    expect(front.recall?.(set, long, [1], call)).toBeUndefined()
  })

  test.each([0, -1, 1.5, Number.NaN, '5'])('throws when made for maxKeys %s', (maxKeys) => {
    expect(() => tiered(memoryStore(), { maxKeys: maxKeys as number })).toThrow(/^tiered: maxKeys must be/)
  })

  test('throws when made for what is no store', () => {
    expect(() => tiered({} as Store)).toThrow(/^tiered: store must be/)
  })
})
