import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Frequent, Masks } from '../../../src/telemetry/ops/keys.ts'

describe('the most frequent', () => {
  test('are exact while there are few', () => {
    const counted = new Frequent(3)
    for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) counted.add(key)
    expect(counted.top(2)).toEqual([{ key: 'a', most: 3, least: 3 }, { key: 'b', most: 2, least: 2 }])
  })

  test('hold whoever is in more than one of so many, within what they say, and never more than there is room for', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(30), { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 1, max: 12 }),
        (keys, slots) => {
          const counted = new Frequent(slots)
          const truth = new Map<string, number>()
          for (const key of keys.map(String)) {
            counted.add(key)
            truth.set(key, (truth.get(key) ?? 0) + 1)
          }
          const top = counted.top(1_000)
          expect(top.length).toBeLessThanOrEqual(slots)
          for (const { key, least, most } of top) {
            expect(truth.get(key)).toBeGreaterThanOrEqual(least)
            expect(truth.get(key)).toBeLessThanOrEqual(most)
          }
          for (const [key, count] of truth) {
            if (count > keys.length / slots) {
              expect(top.map((one) => one.key)).toContain(key)
            }
          }
        },
      ),
    )
  })

  test('stay bounded under a million made-up keys', () => {
    const counted = new Frequent(100)
    for (let i = 0; i < 1_000_000; i++) counted.add(i % 4 === 0 ? 'loud' : String(i))
    const [first] = counted.top(1)
    expect(first!.key).toBe('loud')
    expect(first!.least).toBeGreaterThan(200_000)
    expect(counted.top(1_000)).toHaveLength(100)
  })
})

describe('masks', () => {
  test('give one name to one key for as long as the process lives', async () => {
    const masks = new Masks()
    const name = await masks.mask('192.0.2.7')
    expect(name).toMatch(/^address [\da-f]{12}$/)
    expect(await masks.mask('192.0.2.7')).toBe(name)
    expect(await masks.mask('ip:192.0.2.7')).toBe(name)
    expect(await masks.mask('192.0.2.8')).not.toBe(name)
  })

  test('differ between processes, so that no table of all addresses turns them back', async () => {
    expect(await new Masks().mask('192.0.2.7')).not.toBe(await new Masks().mask('192.0.2.7'))
  })

  test('tell principals from addresses that are spelled alike', async () => {
    const masks = new Masks()
    expect(await masks.mask('id:192.0.2.7')).toMatch(/^principal [\da-f]{12}$/)
    expect((await masks.mask('id:192.0.2.7')).slice(10)).not.toBe((await masks.mask('192.0.2.7')).slice(8))
  })

  test('leave those whom nobody can tell apart as they are', async () => {
    expect(await new Masks().mask('ip:unidentified')).toBe('unidentified')
  })
})
