/**
 * What every store must do, whatever it keeps its numbers in. A driver makes a {@link Subject} and calls {@link contract};
 * a store without leases or records is asked nothing about them. Names of tests are columns of the matrix that `npm test`
 * prints (see `matrix.ts`), so each says one guarantee.
 *
 * Time is real for real stores: what must have passed is waited for with room to spare, and nothing is expected of a
 * moment that a slow machine could miss.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Limit, LimitAlgorithm, LimitSet, SharedStore, Store, StoreCall, Verdict } from '../../src/core/store.ts'
import { limitSet } from '../../src/core/store.ts'
import { createContext } from '../../src/core/context.ts'

/** A store to be tried, and how time passes for it. */
export interface Subject {
  readonly store: Store & Partial<SharedStore>
  /** Waits, or advances the clock that the store goes by. */
  readonly pass: (ms: number) => Promise<void> | void
  readonly call?: StoreCall | undefined
  /** After all tests: asserts that nothing is left behind, and stops what was started. */
  readonly stop?: (() => Promise<void> | void) | undefined
  /** Which ways to count it has. (all three) */
  readonly algorithms?: readonly LimitAlgorithm[] | undefined
  /** Cannot decide several limits, or costs other than 1, or say what remains: an existing limiter behind a bridge. */
  readonly plain?: boolean | undefined
}

export const MINUTE = 60_000
let keys = 0

/** A key that nobody has used. */
export function freshKey(): string {
  return `contract-${++keys}-${Math.random().toString(36).slice(2)}`
}

export function limitOf(quota: number, more: Partial<Limit> = {}): Limit {
  return { name: 'default', quota, window: MINUTE, algorithm: 'fixed-window', ...more }
}

/** Runs the contract on one store. */
export function contract(name: string, make: () => Promise<Subject> | Subject): void {
  describe(`contract: ${name}`, () => {
    let subject: Subject
    let call: StoreCall
    beforeAll(async () => {
      subject = await make()
      call = subject.call ?? createContext()
    }, 60_000)
    afterAll(() => subject?.stop?.())

    const consume = async (set: LimitSet, key: string, ...costs: number[]): Promise<Verdict> => {
      const verdict = await subject.store.consume(set, key, costs.length > 0 ? costs : set.limits.map(() => 1), call)
      if (verdict === undefined) throw new Error('the store had no room')
      return verdict
    }
    const used = async (set: LimitSet, key: string): Promise<number[]> => {
      const verdict = await consume(set, key, ...set.limits.map(({ quota }) => quota + 1))
      expect(verdict.allowed).toBe(false)
      return verdict.standings.map(({ remaining }, i) => set.limits[i]!.quota - remaining)
    }
    const has = (algorithm: LimitAlgorithm): boolean => subject.algorithms?.includes(algorithm) ?? true

    test('admits the quota, then refuses', async () => {
      const set = limitSet([limitOf(3)])
      const key = freshKey()
      const remaining: number[] = []
      for (let i = 0; i < 3; i++) {
        const { allowed, standings } = await consume(set, key)
        expect(allowed).toBe(true)
        remaining.push(standings[0]!.remaining)
        expect(standings[0]!.resetIn).toBeGreaterThanOrEqual(0)
        expect(standings[0]!.resetIn).toBeLessThanOrEqual(MINUTE)
      }
      if (!subject.plain) expect(remaining).toEqual([2, 1, 0])
      const refused = await consume(set, key)
      expect(refused.allowed).toBe(false)
      expect(refused.standings[0]!.remaining).toBe(0)
      expect(refused.standings[0]!.resetIn).toBeGreaterThan(0)
      expect((await consume(set, freshKey())).allowed).toBe(true)
    })

    test('exact under 200 at once', async () => {
      const set = limitSet([limitOf(50, { name: 'crowd' })])
      const key = freshKey()
      const all = await Promise.all(Array.from({ length: 200 }, () => consume(set, key)))
      expect(all.filter(({ allowed }) => allowed)).toHaveLength(50)
    }, 60_000)

    test('every algorithm', async ({ task }) => {
      if (subject.plain) return notOffered(task)
      for (const algorithm of ['fixed-window', 'sliding-window', 'token-bucket'] as const) {
        if (!has(algorithm)) continue
        const set = limitSet([limitOf(5, { name: algorithm, algorithm })])
        const key = freshKey()
        expect((await consume(set, key, 3)).standings[0]!.remaining).toBe(2)
        expect((await consume(set, key, 3)).allowed).toBe(false)
        expect((await consume(set, key, 2)).allowed).toBe(true)
        const { allowed, standings } = await consume(set, key, 1)
        expect(allowed).toBe(false)
        expect(standings[0]!.resetIn).toBeGreaterThan(0)
        expect(standings[0]!.resetIn).toBeLessThanOrEqual(Math.ceil(MINUTE * 8 / 7))
      }
    })

    test('a refusal consumes nothing', async ({ task }) => {
      if (subject.plain) return notOffered(task)
      for (const algorithm of ['fixed-window', 'sliding-window', 'token-bucket'] as const) {
        if (!has(algorithm)) continue
        const set = limitSet([limitOf(10, { name: `refusal-${algorithm}`, algorithm })])
        const key = freshKey()
        await consume(set, key, 9)
        for (let i = 0; i < 20; i++) expect((await consume(set, key, 5)).allowed).toBe(false)
        expect(await used(set, key)).toEqual([9])
        expect((await consume(set, key, 1)).allowed).toBe(true)
      }
    })

    test('several limits, all or nothing', async ({ task }) => {
      if (subject.plain) return notOffered(task)
      const set = limitSet([
        limitOf(5, {
          name: 'burst',
          window: MINUTE,
          algorithm: has('sliding-window') ? 'sliding-window' : 'fixed-window',
        }),
        limitOf(8, { name: 'hour', window: 60 * MINUTE }),
        limitOf(100, {
          name: 'tokens',
          window: MINUTE,
          algorithm: has('token-bucket') ? 'token-bucket' : 'fixed-window',
        }),
      ])
      const key = freshKey()
      expect((await consume(set, key, 1, 1, 60)).standings.map(({ remaining }) => remaining)).toEqual([4, 7, 40])
      const refused = await consume(set, key, 1, 1, 60)
      expect(refused.allowed).toBe(false)
      expect(refused.standings.map(({ remaining }) => remaining).slice(0, 2)).toEqual([4, 7])
      expect((await used(set, key)).slice(0, 2)).toEqual([1, 1])
      const all = await Promise.all(Array.from({ length: 40 }, () => consume(set, key, 1, 1, 2)))
      expect(all.filter(({ allowed }) => allowed)).toHaveLength(4)
      expect((await used(set, key)).slice(0, 2)).toEqual([5, 5])
    })

    test('a window ends', async ({ task }) => {
      if (subject.plain) return notOffered(task)
      for (const algorithm of ['fixed-window', 'sliding-window', 'token-bucket'] as const) {
        if (!has(algorithm)) continue
        const set = limitSet([limitOf(2, { name: `short-${algorithm}`, algorithm, window: 700 })])
        const key = freshKey()
        await consume(set, key, 2)
        await subject.pass(1_200)
        const { allowed, standings } = await consume(set, key, 2)
        expect(allowed).toBe(true)
        expect(standings[0]!.remaining).toBe(0)
      }
    })

    test('a quota changed while running keeps the count', async ({ task }) => {
      if (subject.plain) return notOffered(task)
      const key = freshKey()
      expect((await consume(limitSet([limitOf(5, { name: 'plan' })]), key, 5)).allowed).toBe(true)
      expect((await consume(limitSet([limitOf(5, { name: 'plan' })]), key, 1)).allowed).toBe(false)
      expect((await consume(limitSet([limitOf(9, { name: 'plan' })]), key, 1)).standings[0]!.remaining).toBe(3)
      const lowered = await consume(limitSet([limitOf(2, { name: 'plan' })]), key, 1)
      expect([lowered.allowed, lowered.standings[0]!.remaining]).toEqual([false, 0])
    })

    test('no two keys run into one another', async () => {
      const set = limitSet([limitOf(1)])
      const base = freshKey()
      const odd = [
        `${base}:b`,
        `${base}`,
        `${base}:`,
        `${base}*`,
        `${base}{a}`,
        `${base}{b}`,
        `${base} ünïcödé 🚪`,
        `${base}\r\n`,
      ]
      odd.push(`${base}${'x'.repeat(5_000)}`, `${base}${'x'.repeat(5_001)}`, `${base}"'\\`)
      for (const key of odd) expect((await consume(set, key)).allowed).toBe(true)
      for (const key of odd) expect((await consume(set, key)).allowed).toBe(false)
      if (subject.plain) return
      const other = limitSet([limitOf(1, { name: 'other' })])
      for (const key of odd) expect((await consume(other, key)).allowed).toBe(true)
      const parts = [['a:b', 'c'], ['a', 'b:c']] as const
      for (const [name, key] of parts) {
        expect((await consume(limitSet([limitOf(1, { name: `${base}${name}` })]), key)).allowed).toBe(true)
      }
    })

    test('gives back, to its own window', async ({ task }) => {
      const { adjust } = subject.store
      if (adjust === undefined) return notOffered(task)
      for (const algorithm of ['fixed-window', 'sliding-window', 'token-bucket'] as const) {
        if (!has(algorithm)) continue
        const set = limitSet([limitOf(10, { name: `back-${algorithm}`, algorithm })])
        const key = freshKey()
        const { at } = await consume(set, key, 8)
        await adjust.call(subject.store, set, key, [-5], at, call)
        expect(await used(set, key)).toEqual([3])
        await adjust.call(subject.store, set, key, [-500], at, call)
        expect(await used(set, key)).toEqual([0])
        // What nobody has consumed cannot be given back.
        await adjust.call(subject.store, set, freshKey(), [-3], at, call)
      }
      const set = limitSet([limitOf(10, { name: 'back-late', window: 700 })])
      const key = freshKey()
      const { at } = await consume(set, key, 8)
      await subject.pass(1_200)
      await consume(set, key, 4)
      await adjust.call(subject.store, set, key, [-8], at, call)
      const late = await consume(set, key, 11)
      if (late.standings[0]!.resetIn > 0) expect(late.standings[0]!.remaining).toBe(6)
    })

    test('charges beyond the quota', async ({ task }) => {
      const { adjust } = subject.store
      if (adjust === undefined) return notOffered(task)
      for (const algorithm of ['fixed-window', 'sliding-window', 'token-bucket'] as const) {
        if (!has(algorithm)) continue
        const set = limitSet([
          limitOf(10, { name: `charge-${algorithm}`, algorithm }),
          limitOf(9, { name: 'untouched' }),
        ])
        const key = freshKey()
        const { at } = await consume(set, key, 8, 1)
        await adjust.call(subject.store, set, key, [7, 0], at, call)
        const { allowed, standings } = await consume(set, key, 1, 1)
        expect([allowed, ...standings.map(({ remaining }) => remaining)]).toEqual([false, 0, 8])
        // A charge on a key that nobody has used counts as well.
        const fresh = freshKey()
        await adjust.call(subject.store, set, fresh, [4, 0], at, call)
        expect((await used(set, fresh))[0]).toBe(4)
      }
    })

    test('leases: so many at once, released or expired', async ({ task }) => {
      const { lease, release, held, members } = subject.store
      if (lease === undefined || release === undefined || held === undefined || members === undefined) {
        return notOffered(task)
      }
      const store = subject.store as SharedStore
      const set = freshKey()
      expect(await store.lease(set, 'a', MINUTE, 2, call)).toMatchObject({ granted: true, held: 1 })
      expect(await store.lease(set, 'b', 2 * MINUTE, 2, call)).toMatchObject({ granted: true, held: 2 })
      const refused = await store.lease(set, 'c', MINUTE, 2, call)
      expect(refused).toMatchObject({ granted: false, held: 2 })
      expect(refused.freeIn).toBeGreaterThan(0)
      expect(refused.freeIn).toBeLessThanOrEqual(MINUTE)
      expect((await store.lease(set, 'a', 3 * MINUTE, 2, call)).granted).toBe(true) // renewed
      expect((await store.members(set, call)).map(({ member }) => member)).toEqual(['b', 'a'])
      expect(await store.held(set, 'b', call)).toBeGreaterThan(MINUTE)
      expect(await store.held(set, 'c', call)).toBe(0)
      expect(await store.release(set, 'b', call)).toBe(true)
      expect(await store.release(set, 'b', call)).toBe(false)
      expect((await store.lease(set, 'ç "x"\n{}*', MINUTE, 2, call)).granted).toBe(true)
      expect(await store.held(set, 'ç "x"\n{}*', call)).toBeGreaterThan(0)
      expect(await store.members(freshKey(), call)).toEqual([])
      const short = freshKey()
      await store.lease(short, 'gone', 300, 1, call)
      await subject.pass(700)
      expect(await store.held(short, 'gone', call)).toBe(0)
      expect(await store.members(short, call)).toEqual([])
      expect((await store.lease(short, 'next', MINUTE, 1, call)).granted).toBe(true)
    })

    test('leases: exact under 200 at once', async ({ task }) => {
      const { lease } = subject.store
      if (lease === undefined) return notOffered(task)
      const store = subject.store as SharedStore
      const set = freshKey()
      const all = await Promise.all(Array.from({ length: 200 }, (_, i) => store.lease(set, `m${i}`, MINUTE, 50, call)))
      expect(all.filter(({ granted }) => granted)).toHaveLength(50)
      expect(await store.members(set, call)).toHaveLength(50)
    }, 60_000)

    test('records: one claims, it alone replaces or removes', async ({ task }) => {
      const { claim, replace, remove } = subject.store
      if (claim === undefined || replace === undefined || remove === undefined) return notOffered(task)
      const store = subject.store as SharedStore
      const key = freshKey()
      const claims = await Promise.all(
        Array.from({ length: 50 }, (_, i) => store.claim(key, `v${i}`, MINUTE, call)),
      )
      const winner = `v${claims.indexOf(undefined)}`
      expect(claims.filter((one) => one === undefined)).toHaveLength(1)
      expect(new Set(claims.filter((one) => one !== undefined))).toEqual(new Set([winner]))
      expect(await store.replace(key, 'other', 'x', MINUTE, call)).toBe(false)
      const odd = '{"json":[1,2]} "ünï" \n 🚪 \\ 12'
      expect(await store.replace(key, winner, odd, MINUTE, call)).toBe(true)
      expect(await store.claim(key, 'again', MINUTE, call)).toBe(odd)
      expect(await store.remove(key, winner, call)).toBe(false)
      expect(await store.remove(key, odd, call)).toBe(true)
      expect(await store.remove(key, odd, call)).toBe(false)
      for (const value of ['', '12', 'true', 'null', '{"a":1}', 'x'.repeat(100_000)]) {
        const other = freshKey()
        expect(await store.claim(other, value, MINUTE, call)).toBeUndefined()
        expect(await store.claim(other, 'z', MINUTE, call)).toBe(value)
      }
      const short = freshKey()
      await store.claim(short, 'gone', 300, call)
      await subject.pass(700)
      expect(await store.claim(short, 'next', MINUTE, call)).toBeUndefined()
      expect(await store.replace(short, 'gone', 'x', MINUTE, call)).toBe(false)
    }, 60_000)
  })
}

/** The matrix has no mark for what a store does not offer. */
function notOffered(task: { meta: object }): void {
  Object.assign(task.meta, { notOffered: true })
}
