/** What no real Deno KV can be made to do: clocks that jump, others who are always first, failures of every kind. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { LimitAlgorithm, SharedStore, StoreCall } from '../../src/core/store.ts'
import { limitSet } from '../../src/core/store.ts'
import type { KvLike } from '../../src/stores/deno-kv-transactions.ts'
import { denoKvStore } from '../../src/stores/deno-kv.ts'
import { contextOf, type VirtualClock, virtualClock } from '../helpers.ts'
import { limitOf, MINUTE } from '../stores/contract.ts'
import { type LocalKv, localKv } from './kv.ts'

const HOUR = 60 * MINUTE
/** A sliding window's units come back up to a seventh late. */
const LONGEST = Math.ceil(MINUTE * 8 / 7)
let clock: VirtualClock
let call: StoreCall
let kv: LocalKv
let store: SharedStore

beforeEach(() => {
  clock = virtualClock()
  call = contextOf({ clock })
  kv = localKv(clock)
  store = denoKvStore(kv)
})

const one = limitSet([limitOf(1)])
const admit = async (set = one, key = 'key', by = call): Promise<boolean | undefined> =>
  (await store.consume(set, key, set.limits.map(() => 1), by))?.allowed

describe('the clock jumps', () => {
  for (const algorithm of ['fixed-window', 'sliding-window', 'token-bucket'] satisfies LimitAlgorithm[]) {
    test(`${algorithm}: back, and nobody is freed at once or blocked for longer than a window`, async () => {
      const set = limitSet([limitOf(5, { algorithm })])
      for (let i = 0; i < 5; i++) expect(await admit(set)).toBe(true)
      clock.jump(-HOUR)
      expect(await admit(set)).toBe(false)
      const { standings } = (await store.consume(set, 'key', [1], call))!
      expect(standings[0]!.resetIn).toBeGreaterThan(0)
      expect(standings[0]!.resetIn).toBeLessThanOrEqual(LONGEST)
      clock.advance(LONGEST)
      expect(await admit(set)).toBe(true)
    })

    test(`${algorithm}: two clocks four seconds apart, taking turns, give no more than one`, async () => {
      const set = limitSet([limitOf(60, { algorithm })])
      const ahead = contextOf({ clock: { ...clock, now: () => clock.now() + 4_000 } })
      let admitted = 0
      for (let i = 0; i < 400; i++) {
        if (await admit(set, 'key', i % 2 ? ahead : call)) admitted++
        clock.advance(10) // four seconds in all, worth four units of a bucket
      }
      expect(admitted).toBeLessThanOrEqual(algorithm === 'token-bucket' ? 64 : 60)
      expect(admitted).toBeGreaterThanOrEqual(60)
    })
  }

  test('back: leases and records last for their time, and no longer', async () => {
    for (const member of ['a', 'b']) await store.lease('set', member, MINUTE, 2, call)
    await store.lease('bans', 'c', MINUTE, 9, call)
    for (const key of ['idem', 'other']) await store.claim(key, 'v', MINUTE, call)
    await store.claim('long', 'x'.repeat(90_000), MINUTE, call)
    clock.jump(-HOUR)
    expect((await store.members('set', call)).map(({ expiresIn }) => expiresIn)).toEqual([MINUTE, MINUTE])
    expect(await store.lease('set', 'd', MINUTE, 2, call)).toEqual({ granted: false, held: 2, freeIn: MINUTE })
    expect(await store.held('bans', 'c', call)).toBe(MINUTE)
    expect(await store.claim('idem', 'w', MINUTE, call)).toBe('v')
    expect(await store.claim('long', 'w', MINUTE, call)).toHaveLength(90_000)
    clock.advance(MINUTE - 1)
    expect(await store.held('bans', 'c', call)).toBe(1)
    expect(await store.claim('idem', 'w', MINUTE, call)).toBe('v')
    expect(await store.claim('long', 'w', MINUTE, call)).toHaveLength(90_000)
    clock.advance(1)
    expect(await store.held('bans', 'c', call)).toBe(0)
    expect(await store.members('set', call)).toEqual([])
    expect((await store.lease('set', 'd', MINUTE, 1, call)).granted).toBe(true)
    expect(await store.claim('idem', 'w', MINUTE, call)).toBeUndefined()
    expect(await store.claim('long', 'w', MINUTE, call)).toBeUndefined()
    expect(await store.claim('other', 'w', MINUTE, call)).toBe('v') // nobody has looked at it since
  })

  test('far back, with a large set: all of it is mended, in commits that KV takes', async () => {
    for (let i = 0; i < 1_200; i++) await store.lease('set', `m${i}`, MINUTE, 9_999, call)
    clock.jump(-HOUR)
    expect((await store.lease('set', 'more', MINUTE, 9_999, call)).held).toBe(1_201)
    clock.advance(MINUTE)
    expect(await store.members('set', call)).toEqual([])
    expect((await store.lease('set', 'new', MINUTE, 1, call)).granted).toBe(true)
  })
})

describe('entries', () => {
  test('each outlives what it says, and not by much', async () => {
    await admit(limitSet([limitOf(5), limitOf(5, { name: 'slide', algorithm: 'sliding-window', window: 10_007 })]))
    await admit(limitSet([limitOf(7, { name: 'bucket', algorithm: 'token-bucket', window: 1_001 })]))
    await store.lease('set', 'a', HOUR, 9, call)
    clock.advance(1_000)
    await store.lease('set', 'b', 1_000.5, 9, call)
    await store.claim('short', 'v', 500.25, call)
    await store.claim('long', 'x'.repeat(90_000), HOUR, call)
    const keeps = [...kv.entries.values()].map(({ value, expires }) => {
      const { end, last, states } = typeof value === 'string'
        ? { end: clock.now() + HOUR }
        : value as { end?: number; last?: number; states?: number[][] }
      return expires - (end ?? last ?? Math.max(...states!.map(([over]) => over!)))
    })
    expect(keeps).toHaveLength(10)
    for (const more of keeps) {
      expect(more).toBeGreaterThanOrEqual(10_000)
      expect(more).toBeLessThan(10_002)
    }
  })

  test('a refusal writes nothing, nor does a lookup', async () => {
    await admit()
    await store.lease('set', 'a', MINUTE, 1, call)
    await store.claim('idem', 'v', MINUTE, call)
    const before = kv.commits
    expect(await admit()).toBe(false)
    expect((await store.lease('set', 'b', MINUTE, 1, call)).granted).toBe(false)
    await store.held('set', 'a', call)
    await store.members('set', call)
    await store.claim('idem', 'w', MINUTE, call)
    await store.adjust(one, 'nobody', [-1], clock.now(), call)
    await store.consume(one, 'nobody', [0], call)
    await store.release('set', 'nobody', call)
    expect(kv.commits).toBe(before)
  })

  test('what is given back, released or removed leaves nothing', async () => {
    const set = limitSet([limitOf(10, { algorithm: 'token-bucket' })])
    const { at } = (await store.consume(set, 'key', [4], call))!
    await store.adjust(set, 'key', [-4], at, call)
    await store.lease('set', 'a', MINUTE, 2, call)
    await store.lease('set', 'b', MINUTE, 2, call)
    for (const member of ['a', 'b']) await store.release('set', member, call)
    await store.claim('long', 'x'.repeat(90_000), MINUTE, call)
    await store.replace('long', 'x'.repeat(90_000), 'y'.repeat(50_000), MINUTE, call)
    await store.replace('long', 'y'.repeat(50_000), 'short', MINUTE, call)
    expect(kv.entries.size).toBe(1)
    await store.remove('long', 'short', call)
    expect(kv.entries.size).toBe(0)
  })

  test('a set is the same whether KV has collected what is over, or not', async () => {
    for (const collect of [true, false]) {
      const set = `set ${collect}`
      for (let i = 0; i < 5; i++) await store.lease(set, `old ${i}`, 1_000, 5, call)
      await store.lease(set, 'old 0', MINUTE, 5, call)
      clock.advance(12_000)
      if (collect) kv.collect()
      expect(await store.release(set, 'old 1', call)).toBe(false)
      expect(await store.held(set, 'old 2', call)).toBe(0)
      const all = await Promise.all([1, 2, 3, 4, 5].map((i) => store.lease(set, `old ${i}`, MINUTE, 5, call)))
      expect(all.map(({ granted }) => granted)).toEqual([true, true, true, true, false])
      expect(all.map(({ held }) => held)).toEqual([2, 3, 4, 5, 5])
      expect(await store.members(set, call)).toHaveLength(5)
    }
  })

  test('a large set is counted again only when it seems full', async () => {
    for (let i = 0; i < 200; i++) await store.lease('bans', `m${i}`, 1_000 + i, 300, call)
    clock.advance(1_100)
    const reads = kv.reads
    for (let i = 0; i < 100; i++) expect((await store.lease('bans', `n${i}`, HOUR, 300, call)).granted).toBe(true)
    expect(kv.reads - reads).toBe(200)
    expect((await store.lease('bans', 'last', HOUR, 300, call)).held).toBe(200)
  })

  test('no set has more than 10,000 members', async () => {
    await store.lease('bans', 'first', HOUR, Infinity, call)
    const head = [...kv.entries.values()].find(({ value }) => 'held' in (value as object))!
    kv.plant(head.key, { ...head.value as object, held: 10_000 })
    expect(await store.lease('bans', 'more', MINUTE, Infinity, call)).toMatchObject({ granted: false, held: 10_000 })
  })

  test('something else at a key is no answer', async () => {
    await admit()
    await store.lease('set', 'a', MINUTE, 1, call)
    await store.claim('idem', 'x'.repeat(40_000), MINUTE, call)
    for (const { key } of kv.entries.values()) kv.plant(key, { states: 'none', member: 1, parts: 'x', text: 1 })
    await expect(admit()).rejects.toThrow('unexpected value')
    await expect(store.lease('set', 'a', MINUTE, 1, call)).rejects.toThrow('unexpected value')
    await expect(store.held('set', 'a', call)).rejects.toThrow('unexpected value')
    await expect(store.members('set', call)).rejects.toThrow('unexpected value')
    await expect(store.claim('idem', 'v', MINUTE, call)).rejects.toThrow('unexpected value')
  })
})

describe('others', () => {
  beforeEach(() => {
    vi.spyOn(Math, 'random').mockReturnValue(0) // no pauses
  })
  afterEach(() => {
    vi.restoreAllMocks()
  })

  test('many calls about one key take two commits, and are decided in order', async () => {
    const set = limitSet([limitOf(50)])
    const first = admit(set)
    await Promise.resolve()
    const all = await Promise.all([first, ...Array.from({ length: 199 }, () => admit(set))])
    expect(all).toEqual([...Array<boolean>(50).fill(true), ...Array<boolean>(150).fill(false)])
    expect(kv.commits).toBeLessThanOrEqual(2)
  })

  test('who is told late is told the truth: a refund that was acknowledged counts', async () => {
    const set = limitSet([limitOf(1)])
    const { at } = (await store.consume(set, 'key', [1], call))!
    const other = denoKvStore(kv)
    for (let i = 0; i < 20; i++) {
      const noise = Array.from({ length: 5 }, () => store.consume(set, 'key', [2], call))
      await other.adjust(set, 'key', [-1], at, call)
      expect(await admit(set)).toBe(true)
      await Promise.all(noise)
    }
  })

  test('who gets in between makes it begin anew, with what is then there', async () => {
    const set = limitSet([limitOf(4)])
    await admit(set)
    const before = kv.commits
    kv.onCommit = () => {
      kv.onCommit = undefined
      const { key, value } = [...kv.entries.values()][0]!
      const { at, states } = value as { at: number; states: number[][] }
      kv.plant(key, { at, states: states.map(([over]) => [over, 2]) })
    }
    expect((await store.consume(set, 'key', [1], call))?.standings[0]?.remaining).toBe(1)
    expect(kv.commits - before).toBe(2)
  })

  test('a long text that is replaced while it is read is read again', async () => {
    const other = denoKvStore(kv)
    const [old, fresh] = ['a'.repeat(90_000), 'b'.repeat(90_000)]
    await other.claim('long', old, MINUTE, call)
    let replaced = false
    store = denoKvStore({
      ...kv,
      async *list(selector) {
        for await (const part of kv.list(selector)) {
          yield part
          if (!replaced) replaced = await other.replace('long', old, fresh, MINUTE, call)
        }
      },
    })
    expect(await store.claim('long', 'z', MINUTE, call)).toBe(fresh)
    expect(replaced).toBe(true)
  })

  for (const message of ['database is locked', 'database table is locked', 'batch transaction failed']) {
    test(`'${message}' is tried again`, async () => {
      let left = 5
      kv.onCommit = () => {
        if (left-- > 0) throw new TypeError(message)
      }
      expect(await admit()).toBe(true)
      expect(await admit()).toBe(false)
      left = 3
      expect((await store.lease('set', 'a', MINUTE, 1, call)).granted).toBe(true)
      left = 3
      expect(await store.claim('idem', 'v', MINUTE, call)).toBeUndefined()
    })
  }

  test('a hundred times, and then it gives up; what waits behind goes on', async () => {
    kv.onCommit = () => false
    const first = admit()
    await vi.waitFor(() => expect(kv.commits).toBeGreaterThan(0))
    const second = admit()
    second.catch(() => {})
    await expect(first).rejects.toThrow('too many others are writing')
    expect(kv.commits).toBeGreaterThanOrEqual(100)
    kv.onCommit = undefined
    expect(await second).toBe(true)
    await expect(Promise.all([store.claim('idem', 'v', MINUTE, call), admit()])).resolves.toEqual([undefined, false])
  })

  test('other failures are passed on, to all who were in it, and not tried again', async () => {
    kv.onCommit = () => {
      throw new Error('disk full')
    }
    const settled = await Promise.allSettled([admit(), admit(), store.claim('idem', 'v', MINUTE, call)])
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(kv.commits).toBe(2)
    kv.onCommit = undefined
    expect(await admit()).toBe(true)
  })

  test('a queue that grows too long is closed, until it is shorter', async () => {
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const slow: KvLike = { ...kv, get: (key) => held.then(() => kv.get(key)) }
    store = denoKvStore(slow)
    const set = limitSet([limitOf(20_000)])
    const calls = Array.from({ length: 10_000 }, () => admit(set))
    await vi.waitFor(() => expect(admit(set)).rejects.toThrow('too many calls are waiting'))
    const claims = Array.from({ length: 10_000 }, () => store.claim('idem', 'v', MINUTE, call))
    await expect(Promise.race(claims)).rejects.toThrow('too many calls are waiting')
    void Promise.allSettled(claims)
    release()
    expect((await Promise.all(calls)).every((allowed) => allowed)).toBe(true)
    expect(await admit(set)).toBe(true)
  }, 30_000)
})

describe('the database', () => {
  test('is opened at the first call, once, and again if that has failed', async () => {
    let opened = 0
    let broken = true
    store = denoKvStore(() => {
      opened++
      if (broken) throw new Error('no database')
      return Promise.resolve(kv)
    })
    expect(opened).toBe(0)
    await expect(admit()).rejects.toThrow('no database')
    broken = false
    expect(await Promise.all([admit(), admit(), store.held('set', 'a', call)])).toEqual([true, false, 0])
    expect(opened).toBe(2)
  })

  test('may be promised; a promise that is broken rejects each call, and nothing else', async () => {
    store = denoKvStore(Promise.resolve(kv))
    expect(await admit()).toBe(true)
    store = denoKvStore(Promise.reject(new Error('no database')))
    await new Promise((resolve) => setTimeout(resolve, 5)) // an unhandled rejection would fail the run
    await expect(admit()).rejects.toThrow('no database')
  })

  test('is told from what is none', () => {
    for (const none of [undefined, null, {}, 'file']) {
      expect(() => denoKvStore(none as unknown as KvLike)).toThrow('denoKvStore: kv must be')
    }
  })

  test('may be shared under prefixes', async () => {
    expect(await admit()).toBe(true)
    store = denoKvStore(kv, { prefix: 'other' })
    expect(await admit()).toBe(true)
    expect(await admit()).toBe(false)
  })
})
