import { describe, expect, test } from 'vitest'
import { createContext } from '../../src/core/context.ts'
import type { Limit, Store, StoreCall } from '../../src/core/store.ts'
import { limitSet } from '../../src/core/store.ts'
import type { RateLimitBinding } from '../../src/stores/rate-limit-binding.ts'
import { bindingStore } from '../../src/stores/rate-limit-binding.ts'
import { contract, limitOf, MINUTE } from '../stores/contract.ts'
import { fourWorkers, storeOf } from './workerd.ts'

const call = createContext()
const yes: RateLimitBinding = { limit: () => Promise.resolve({ success: true }) }

const one = limitSet([limitOf(1)])

/** Miniflare counts by the minute of the clock: the tests must not stand astride. */
async function earlyInAMinute(): Promise<void> {
  const left = MINUTE - Date.now() % MINUTE
  if (left < 15_000) await new Promise((resolve) => setTimeout(resolve, left))
}

// A binding has one limit, from wrangler.toml: there is one for each that the contract asks for.
contract('rate-limit binding, in one location', async () => {
  const mf = await fourWorkers()
  await earlyInAMinute()
  const consume: Store['consume'] = (set, ...more) =>
    storeOf(mf, 0, `/binding/${set.limits[0]!.quota}`).consume(set, ...more)
  return { store: { consume }, plain: true, pass: () => {}, stop: () => mf.dispose() }
})

test('it tells only yes or no', async () => {
  const mf = await fourWorkers()
  const store = storeOf(mf, 0, '/binding/1')
  await earlyInAMinute()
  const all = [await store.consume(one, 'key', [1], call), await store.consume(one, 'key', [1], call)]
  expect(all.map((verdict) => [verdict?.allowed, ...verdict?.standings ?? []])).toEqual([
    [true, { remaining: 1, resetIn: MINUTE }],
    [false, { remaining: 0, resetIn: MINUTE }],
  ])
  await mf.dispose()
}, 40_000)

describe('what it cannot do is refused', () => {
  const check = (limits: readonly Limit[], costs?: readonly number[]): void =>
    bindingStore(yes).check?.(limitSet(limits), costs)

  test('when the limiter is made', () => {
    expect(() => check([limitOf(3)])).not.toThrow()
    expect(() => check([limitOf(3, { window: 10_000, algorithm: 'sliding-window' })], [1])).not.toThrow()
    expect(() => check([limitOf(3), limitOf(9, { name: 'b' })])).toThrow('bindingStore: takes one limit, got 2')
    expect(() => check([limitOf(3, { window: 30_000 })])).toThrow('window must be 10 s or 60 s, got 30000 ms')
    expect(() => check([limitOf(3)], [2])).toThrow('bindingStore: cost must be 1, got 2')
    expect(() => check([limitOf(3)], [0])).toThrow(TypeError)
  })

  test('per request, where only that could tell', async () => {
    await expect(bindingStore(yes).consume(one, 'key', [2], call)).rejects.toThrow(TypeError)
    await expect(bindingStore(yes).consume(limitSet([limitOf(1), limitOf(2)]), 'key', [1, 1], call)).rejects.toThrow(
      TypeError,
    )
  })

  test('what is no binding, at once', () => {
    for (const none of [undefined, null, {}, 'LIMITER']) {
      expect(() => bindingStore(none as unknown as RateLimitBinding)).toThrow('bindingStore: binding must be')
    }
  })
})

describe('the binding', () => {
  test('is asked with a key of bounded length that says which limit it is', async () => {
    const keys: string[] = []
    const store = bindingStore({ limit: ({ key }) => Promise.resolve({ success: keys.push(key) > 0 }) })
    await store.consume(one, '198.51.100.7', [1], call)
    await store.consume(one, 'x'.repeat(5_000), [1], call)
    expect(keys[0]).toBe('sallyport:1b:15:7:defaultf60000:198.51.100.7')
    expect(keys[1]).toMatch(/^sallyport:1b:#[0-9a-f]{64}$/)
  })

  test('may come with each request', async () => {
    const store = bindingStore<{ LIMITER: RateLimitBinding }>(({ env }) => env.LIMITER)
    const context: StoreCall & { env: unknown } = { ...call, env: { LIMITER: yes } }
    expect((await store.consume(one, 'key', [1], context))?.allowed).toBe(true)
    await expect(store.consume(one, 'key', [1], call)).rejects.toThrow(TypeError)
  })

  test('that fails, or answers nonsense, is no answer', async () => {
    const failing = bindingStore({ limit: () => Promise.reject(new Error('overloaded')) })
    await expect(failing.consume(one, 'key', [1], call)).rejects.toThrow('overloaded')
    for (const reply of [undefined, null, {}, { success: 'yes' }, true]) {
      const odd = bindingStore({ limit: () => Promise.resolve(reply as { success: boolean }) })
      await expect(odd.consume(one, 'key', [1], call)).rejects.toThrow('bindingStore: unexpected reply')
    }
  })
})
