import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hasMoreKeys, structureFault } from '../../src/input/structure.ts'

const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth))
const keyed = (count: number): unknown => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i]))

describe('lets the good through', () => {
  test.each([null, true, 0, '', 'x', undefined, [], {}, { a: [1, 'b', { c: null }] }, [[[[]]]], 1e308, '__proto__'])(
    '%j',
    (value) => {
      expect(structureFault(value)).toBeUndefined()
    },
  )

  test('exactly as much as each bound says', () => {
    expect(structureFault(nested(32))).toBeUndefined()
    expect(structureFault(nested(33))).toBe('input-too-complex')
    expect(structureFault(keyed(1_000))).toBeUndefined()
    expect(structureFault(keyed(1_001))).toBe('input-too-complex')
    expect(structureFault(Array(10_000).fill(0))).toBeUndefined()
    expect(structureFault(Array(10_001).fill(0))).toBe('input-too-complex')
    expect(structureFault('x'.repeat(1_000_000))).toBeUndefined()
    expect(structureFault('x'.repeat(1_000_001))).toBe('input-too-complex')
  })

  test('as the caller bounds it', () => {
    expect(structureFault(nested(3), { depth: 2 })).toBe('input-too-complex')
    expect(structureFault([keyed(2), keyed(2)], { keys: 3 })).toBe('input-too-complex')
    expect(structureFault({ a: [1, 2, 3] }, { items: 2 })).toBe('input-too-complex')
    expect(structureFault([{ a: 'xxx' }], { characters: 2 })).toBe('input-too-complex')
    expect(structureFault({ xxx: 1 }, { characters: 2 })).toBe('input-too-complex')
    expect(structureFault(nested(100), { depth: 100 })).toBeUndefined()
  })
})

describe('PITFALLS 15, fault 24: refuses keys that turn a merge into a back door', () => {
  test.each(['__proto__', 'constructor', 'prototype'])('%s, at any depth', (key) => {
    for (const wrap of [(x: string) => x, (x: string) => `[[${x}]]`, (x: string) => `{"a":{"b":[1,${x}]}}`]) {
      for (const inner of ['1', '{"admin":true}', 'null', '[]']) {
        expect(structureFault(JSON.parse(wrap(`{"${key}":${inner}}`)))).toBe('key-forbidden')
      }
    }
  })

  test('however they are written', () => {
    expect(structureFault(JSON.parse('{"\\u005f_proto_\\u005f":{"admin":true}}'))).toBe('key-forbidden')
    expect(structureFault(JSON.parse('{"a":{"constructo\\u0072":{"prototype":{}}}}'))).toBe('key-forbidden')
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined()
  })

  test.each(['proto', '__proto', '_proto_', 'constructors', 'Constructor', 'toString', 'hasOwnProperty', 'prototypes'])(
    'but not %s',
    (key) => {
      expect(structureFault({ [key]: 1 })).toBeUndefined()
    },
  )
})

describe('survives anything that JSON.parse gives', () => {
  test('faults 21, 22: 100,000 levels, 300,000 keys, a million items, in bounded time', () => {
    const huge = [
      nested(100_000),
      JSON.parse('{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000)),
      keyed(300_000),
      Array(1_000_000).fill({}),
      [Array(9_000).fill(keyed(1_000))],
    ]
    const started = performance.now()
    for (const value of huge) expect(structureFault(value)).toBe('input-too-complex')
    expect(performance.now() - started).toBeLessThan(1_000)
  })

  test('fault 27: takes time in proportion to its input, whatever the keys', () => {
    const of = (make: (i: number) => string): unknown => {
      const keys: Record<string, number> = {}
      for (let i = 0; i < 100_000; i++) keys[make(i)] = i
      return keys
    }
    for (const value of [of(String), of((i) => `\0${i}`), of((i) => `k${i}`)]) {
      const started = performance.now()
      expect(structureFault(value, { keys: 100_000 })).toBeUndefined()
      expect(performance.now() - started).toBeLessThan(500)
    }
  })

  test('never throws, and never lets pass what is deeper than its bound', () => {
    const depthOf = (value: unknown): number =>
      typeof value !== 'object' || value === null ? 0 : 1 + Math.max(0, ...Object.values(value).map(depthOf))
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.integer({ min: 1, max: 6 }), (value, depth) => {
        const fault = structureFault(value, { depth })
        if (depthOf(value) > depth) expect(fault).toBeDefined()
        else if (!/"(__proto__|constructor|prototype)":/.test(JSON.stringify(value))) expect(fault).toBeUndefined()
      }),
      { numRuns: 500 },
    )
  })
})

describe('hasMoreKeys counts in the text what structureFault counts in the value', () => {
  const text = (value: unknown): string => JSON.stringify(value)

  test('whatever the strings hold', () => {
    const keysOf = (value: unknown): number =>
      typeof value !== 'object' || value === null ? 0 : Object.values(value)
        .reduce((sum: number, one) => sum + keysOf(one), Array.isArray(value) ? 0 : Object.keys(value).length)
    const tricky = fc.constantFrom('', ':', '"', '\\', '\\"', '":', '{"a":1}', '\\\\":', '\u0000', '\u2028"')
    fc.assert(
      fc.property(fc.dictionary(tricky, fc.jsonValue()), fc.array(fc.dictionary(fc.string(), tricky)), (a, b) => {
        const value = [a, b]
        const keys = keysOf(value)
        if (keys > 0) {
          expect(hasMoreKeys(text(value), { keys })).toBe(false)
          expect(hasMoreKeys(text(value), { keys: Math.max(1, keys - 1) })).toBe(keys > 1)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('a megabyte takes milliseconds', () => {
    const started = performance.now()
    expect(hasMoreKeys(text('x:"'.repeat(300_000)), {})).toBe(false)
    expect(performance.now() - started).toBeLessThan(500)
  })
})
