/** What no real Durable Object can be made to do: clocks that jump, instances that go, answers that are none. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createContext } from '../../src/core/context.ts'
import type { LimitAlgorithm, SharedStore } from '../../src/core/store.ts'
import { limitSet } from '../../src/core/store.ts'
import type { ObjectNamespaceLike } from '../../src/stores/durable-object.ts'
import { durableObjectStore } from '../../src/stores/durable-object.ts'
import { freshKey, limitOf, MINUTE } from '../stores/contract.ts'
import { type LocalObject, type LocalObjects, localObjects } from './objects.ts'

const HOUR = 60 * MINUTE
/** A sliding window's units come back up to a seventh late. */
const LONGEST = Math.ceil(MINUTE * 8 / 7)
const call = createContext()
let objects: LocalObjects
let store: SharedStore

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 0, 1, 12, 0, 1) })
  objects = localObjects()
  store = durableObjectStore(objects, { shards: 1 })
})
afterEach(() => {
  vi.useRealTimers()
})

const jump = (ms: number): void => void vi.setSystemTime(Date.now() + ms)
const only = (): LocalObject => objects.all.get('sallyport:0')!
const changes = (): number => Number(only().db.prepare('SELECT total_changes() AS n').get()?.['n'])

describe('the clock jumps', () => {
  for (const algorithm of ['fixed-window', 'sliding-window', 'token-bucket'] satisfies LimitAlgorithm[]) {
    test(`${algorithm}: back, and nobody is freed at once or blocked for longer than a window`, async () => {
      const set = limitSet([limitOf(5, { algorithm })])
      const admit = async (): Promise<boolean | undefined> => (await store.consume(set, 'key', [1], call))?.allowed
      for (let i = 0; i < 5; i++) expect(await admit()).toBe(true)
      jump(-HOUR)
      expect(await admit()).toBe(false)
      const { standings } = (await store.consume(set, 'key', [1], call))!
      expect(standings[0]!.resetIn).toBeGreaterThan(0)
      expect(standings[0]!.resetIn).toBeLessThanOrEqual(LONGEST)
      jump(LONGEST)
      expect(await admit()).toBe(true)
    })
  }

  test('back: leases and records last for their time, and no longer', async () => {
    for (const member of ['a', 'b']) await store.lease('set', member, MINUTE, 2, call)
    await store.lease('bans', 'c', MINUTE, 9, call)
    for (const key of ['idem', 'other']) await store.claim(key, 'v', MINUTE, call)
    jump(-HOUR)
    expect(await store.lease('set', 'd', MINUTE, 2, call)).toEqual({ granted: false, held: 2, freeIn: MINUTE })
    expect(await store.held('bans', 'c', call)).toBe(MINUTE)
    expect(await store.claim('idem', 'w', MINUTE, call)).toBe('v')
    jump(MINUTE - 1)
    expect(await store.held('bans', 'c', call)).toBe(1)
    expect(await store.claim('idem', 'w', MINUTE, call)).toBe('v')
    jump(1)
    expect(await store.held('bans', 'c', call)).toBe(0)
    expect(await store.members('set', call)).toEqual([])
    expect(await store.claim('idem', 'w', MINUTE, call)).toBeUndefined()
    expect(await store.claim('other', 'w', MINUTE, call)).toBe('v') // nobody has looked at it since
  })

  test('forward: what was counted is over, as if the time had passed', async () => {
    const set = limitSet([limitOf(1)])
    await store.consume(set, 'key', [1], call)
    jump(HOUR)
    expect((await store.consume(set, 'key', [1], call))?.allowed).toBe(true)
    jump(-HOUR)
    expect((await store.consume(set, 'key', [1], call))?.allowed).toBe(false)
    jump(MINUTE)
    expect((await store.consume(set, 'key', [1], call))?.allowed).toBe(true)
  })
})

describe('rows', () => {
  test('a refusal writes nothing, nor does a lookup', async () => {
    const set = limitSet([limitOf(1), limitOf(9, { name: 'slide', algorithm: 'sliding-window' })])
    await store.consume(set, 'key', [1, 1], call)
    await store.lease('set', 'a', MINUTE, 1, call)
    await store.claim('idem', 'v', MINUTE, call)
    const before = changes()
    expect((await store.consume(set, 'key', [1, 1], call))?.allowed).toBe(false)
    expect((await store.lease('set', 'b', MINUTE, 1, call)).granted).toBe(false)
    await store.held('set', 'a', call)
    await store.members('set', call)
    await store.claim('idem', 'w', MINUTE, call)
    await store.adjust(set, 'nobody', [-1, -1], Date.now(), call)
    await store.consume(set, 'nobody', [0, 0], call)
    expect(changes()).toBe(before)
  })

  test('counting on one key touches the index once in ten seconds', async () => {
    const set = limitSet([limitOf(1_000, { algorithm: 'token-bucket' })])
    await store.consume(set, 'key', [1], call)
    only().db.exec(`CREATE TRIGGER full BEFORE INSERT ON counts BEGIN SELECT RAISE(ABORT, 'the whole row'); END`)
    const before = changes()
    for (let i = 0; i < 50; i++) {
      jump(20)
      await store.consume(set, 'key', [1], call)
    }
    expect(changes() - before).toBe(50)
    jump(10_000)
    await expect(store.consume(set, 'key', [1], call)).rejects.toThrow('the whole row')
  })

  test('what is given back in full leaves no row', async () => {
    const set = limitSet([limitOf(10, { algorithm: 'token-bucket' })])
    const { at } = (await store.consume(set, 'key', [4], call))!
    expect(only().rows('counts')).toBe(1)
    await store.adjust(set, 'key', [-4], at, call)
    expect(only().rows('counts')).toBe(0)
  })

  test('one alarm for all, at the first row that is due; none when nothing is left', async () => {
    const start = Date.now()
    for (let i = 0; i < 5; i++) await store.consume(limitSet([limitOf(1)]), freshKey(), [1], call)
    expect(only().alarms).toEqual([start - 1_000 + 70_000])
    await store.lease('set', 'a', 5_000, 1, call)
    expect(only().alarms).toEqual([start - 1_000 + 70_000, start - 1_000 + 10_000])
    vi.setSystemTime(only().alarms[1]!)
    await only().instance.alarm()
    expect([only().rows('counts'), only().rows('leases')]).toEqual([5, 0])
    vi.setSystemTime(only().alarms[2]!)
    await only().instance.alarm()
    expect([only().rows('counts'), only().rows('leases')]).toEqual([0, 0])
    expect(only().alarms).toHaveLength(3)
  })

  test('an alarm deletes so many rows, then rings again', async () => {
    await store.claim('last', 'v', HOUR, call)
    const { db } = only()
    db.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
      INSERT INTO counts SELECT 'key' || i, 1, '[]' FROM n`)
    const left: number[] = []
    for (let i = 0; i < 3; i++) {
      await only().instance.alarm()
      left.push(only().rows('counts'))
      expect(only().alarms.at(-1)).toBe(i < 2 ? Date.now() + 1_000 : Date.now() - 1_000 + HOUR + 10_000)
    }
    expect(left).toEqual([7_000, 2_000, 0])
  })

  test('a new instance rings for the rows of the old one', async () => {
    await store.claim('soon', 'v', MINUTE, call)
    only().restart()
    await store.claim('later', 'v', HOUR, call)
    expect(only().alarms).toEqual([Date.now() - 1_000 + 70_000, Date.now() - 1_000 + 70_000])
  })

  test('a failed alarm is set again', async () => {
    await store.claim('soon', 'v', MINUTE, call)
    only().db.exec('ALTER TABLE records RENAME TO gone')
    await expect(only().instance.alarm()).rejects.toThrow()
    only().db.exec('ALTER TABLE gone RENAME TO records')
    await store.claim('later', 'v', HOUR, call)
    expect(only().alarms).toHaveLength(2)
  })

  test('an operation that fails half way leaves nothing', async () => {
    const set = limitSet([limitOf(5)])
    await store.lease('set', 'a', 1_000, 1, call)
    jump(1_000)
    only().db.exec(`CREATE TRIGGER full BEFORE INSERT ON leases BEGIN SELECT RAISE(ABORT, 'full'); END`)
    await expect(store.lease('set', 'b', MINUTE, 1, call)).rejects.toThrow('full')
    expect(only().rows('leases')).toBe(1)
    expect((await store.consume(set, 'key', [1], call))?.allowed).toBe(true)
  })
})

describe('objects', () => {
  test('keys are spread evenly, sets of leases are in one piece, and the place is the same for ever', async () => {
    const spread = durableObjectStore(objects)
    const set = limitSet([limitOf(1)])
    for (let i = 0; i < 640; i++) await spread.consume(set, `198.51.100.${i}`, [1], call)
    expect([...objects.all.keys()].sort()).toEqual(Array.from({ length: 16 }, (_, i) => `sallyport:${i}`).sort())
    for (const object of objects.all.values()) expect(object.rows('counts')).toBeGreaterThan(10)
    for (let i = 0; i < 20; i++) await spread.lease('in flight', `m${i}`, MINUTE, 99, call)
    expect([...objects.all].filter(([, object]) => object.rows('leases') > 0).map(([name]) => name))
      .toEqual(['sallyport:1'])
  })

  test('their names start with the prefix, and the hint goes along', async () => {
    const hinted = durableObjectStore(objects, { shards: 1, prefix: 'mine', locationHint: 'weur' })
    await hinted.held('set', 'a', call)
    await store.held('set', 'a', call)
    expect([...objects.all.keys()]).toEqual(['mine:0', 'sallyport:0'])
    expect(objects.hints).toEqual(['weur', undefined])
  })

  test('the namespace may come with each request', async () => {
    const seen: unknown[] = []
    const late = durableObjectStore<{ STORE: ObjectNamespaceLike }>((context) => {
      seen.push(context)
      return context.env.STORE
    })
    const context = { ...call, env: { STORE: objects } }
    expect(await late.claim('key', 'v', MINUTE, context)).toBeUndefined()
    expect(seen).toEqual([context])
    await expect(late.claim('key', 'v', MINUTE, call)).rejects.toThrow(TypeError)
  })

  test('only our own requests are answered', async () => {
    await store.held('set', 'a', call)
    const ask = async (url: string, body: unknown): Promise<number> => {
      const request = new Request(url, { method: 'POST', body: JSON.stringify(body) })
      return (await only().instance.fetch(request)).status
    }
    expect(await ask('https://sallyport.invalid/1', { do: 'held', set: 'a', member: 'b' })).toBe(200)
    expect(await ask('https://sallyport.invalid/2', { do: 'held', set: 'a', member: 'b' })).toBe(404)
    expect(await ask('https://sallyport.invalid/1', { do: 'dance' })).toBe(400)
  })

  test('texts come back as they were, to the last code unit', async () => {
    for (const value of ['\ud800', '\udc00x', '\u0000', 'a\u0000b', '\u2028"\\', '\ufeff']) {
      const key = freshKey()
      await store.claim(key, value, MINUTE, call)
      expect(await store.claim(key, 'z', MINUTE, call)).toBe(value)
      expect(await store.replace(key, value, 'z', MINUTE, call)).toBe(true)
    }
  })

  const garbage: Record<string, [boolean, string]> = {
    'an error': [false, '{"allowed":true,"at":1,"standings":[{"remaining":1,"resetIn":1}]}'],
    'no JSON': [true, '<html>'],
    'nothing': [true, ''],
    'null': [true, 'null'],
    'another shape': [true, '{"allowed":"yes","at":1,"standings":[{"remaining":1,"resetIn":1}]}'],
    'too few standings': [true, '{"allowed":true,"at":1,"standings":[]}'],
    'standings of text': [true, '{"allowed":true,"at":1,"standings":[{"remaining":"1","resetIn":1}]}'],
    'a number': [true, '7'],
    'a list': [true, '[7]'],
  }
  for (const [name, [ok, text]] of Object.entries(garbage)) {
    test(`an answer that is ${name} rejects`, async () => {
      const odd = durableObjectStore({
        idFromName: () => 0,
        get: () => ({ fetch: () => Promise.resolve({ ok, text: () => Promise.resolve(text) }) }),
      })
      const error = 'durableObjectStore: unexpected reply'
      await expect(odd.consume(limitSet([limitOf(1)]), 'key', [1], call)).rejects.toThrow(error)
      await expect(odd.lease('set', 'a', MINUTE, 1, call)).rejects.toThrow(error)
      if (text !== '7') await expect(odd.held('set', 'a', call)).rejects.toThrow(error)
      await expect(odd.release('set', 'a', call)).rejects.toThrow(error)
      await expect(odd.members('set', call)).rejects.toThrow(error)
      await expect(odd.claim('key', 'v', MINUTE, call)).rejects.toThrow(error)
    })
  }

  test('bad options are refused at once', () => {
    expect(() => durableObjectStore(undefined as unknown as ObjectNamespaceLike)).toThrow(TypeError)
    expect(() => durableObjectStore({} as unknown as ObjectNamespaceLike)).toThrow('must be a Durable Object namespace')
    expect(() => durableObjectStore(objects, { shards: 0 })).toThrow('durableObjectStore: shards')
  })
})
