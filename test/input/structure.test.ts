import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { structureFault } from '../../src/input/structure.ts'

const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth))
const keyed = (count: number): unknown => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i]))
/** As a codec makes it: without a prototype. */
const map = (entries: Record<string, unknown>): unknown => Object.assign(Object.create(null), entries)

const isContainer = (value: unknown): value is object => typeof value === 'object' && value !== null
const depthOf = (value: unknown): number =>
  isContainer(value) ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0
const sum = (value: unknown, of: (container: object) => number): number =>
  isContainer(value) ? Object.values(value).reduce((total: number, one) => total + sum(one, of), of(value)) : 0
const keysOf = (value: unknown): number => sum(value, (one) => Array.isArray(one) ? 0 : Object.keys(one).length)
const itemsOf = (value: unknown): number => sum(value, (one) => Array.isArray(one) ? one.length : 0)

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

  test('keys of all objects, and items of all arrays, together', () => {
    expect(structureFault([keyed(500), { a: keyed(499) }])).toBeUndefined()
    expect(structureFault([keyed(500), { a: keyed(500) }])).toBe('input-too-complex')
    expect(structureFault([Array(5_000).fill(0), Array(4_998).fill(0)])).toBeUndefined()
    expect(structureFault([Array(5_000).fill(0), Array(4_999).fill(0)])).toBe('input-too-complex')
  })

  test('as the caller bounds it', () => {
    expect(structureFault(nested(3), { depth: 2 })).toBe('input-too-complex')
    expect(structureFault([keyed(2), keyed(2)], { keys: 3 })).toBe('input-too-complex')
    expect(structureFault({ a: [1, 2, 3] }, { items: 2 })).toBe('input-too-complex')
    expect(structureFault([{ a: 'xxx' }], { characters: 2 })).toBe('input-too-complex')
    expect(structureFault([['xxx']], { characters: 2 })).toBe('input-too-complex')
    expect(structureFault({ xxx: 1 }, { characters: 2 })).toBe('input-too-complex')
    expect(structureFault(nested(100), { depth: 100 })).toBeUndefined()
    expect(structureFault(nested(32), { depth: undefined })).toBeUndefined()
  })

  test('forms: maps without a prototype, and files, which are values', () => {
    const file = new File(['x'], 'x.txt')
    expect(structureFault(map({ a: 'x', b: ['y', 'z'], c: file, d: [file] }))).toBeUndefined()
    expect(structureFault(map({ a: map({ b: map({}) }) }), { depth: 2 })).toBe('input-too-complex')
    expect(structureFault(map({ a: 'xx' }), { characters: 1 })).toBe('input-too-complex')
  })

  test('what has a class is one value, whatever it holds', () => {
    class Held {
      prototype = 1
      inner = nested(100)
    }
    for (const value of [new Held(), new Date(), new Map([['__proto__', 1]]), /x/, new Uint8Array(100_000)]) {
      expect(structureFault(value)).toBeUndefined()
      expect(structureFault([{ a: value }])).toBeUndefined()
    }
  })

  test('a plain object of another realm is plain', () => {
    const foreign: unknown = Object.assign(Object.create(Object.create(null) as object), { a: { prototype: 1 } })
    expect(structureFault(foreign)).toBe('key-forbidden')
  })
})

describe('PITFALLS 15, fault 24: refuses keys that turn a merge into a back door', () => {
  test.each(['__proto__', 'constructor', 'prototype'])('%s, at any depth', (key) => {
    const wraps = [
      (x: string) => x,
      (x: string) => `[[${x}]]`,
      (x: string) => `{"a":{"b":[1,${x}]}}`,
      (x: string) => `[{"a":1},[],{},"x",[{}],${x}]`,
      (x: string) => `{"a":[[{"b":{"c":[${x},1]}}],1],"d":1}`,
    ]
    for (const wrap of wraps) {
      for (const inner of ['1', '{"admin":true}', 'null', '[]']) {
        expect(structureFault(JSON.parse(wrap(`{"${key}":${inner}}`)))).toBe('key-forbidden')
      }
    }
    expect(structureFault([map({ x: map({ [key]: 1 }) })])).toBe('key-forbidden')
  })

  test('however they are written', () => {
    expect(structureFault(JSON.parse('{"\\u005f_proto_\\u005f":{"admin":true}}'))).toBe('key-forbidden')
    expect(structureFault(JSON.parse('{"a":{"constructo\\u0072":{"prototype":{}}}}'))).toBe('key-forbidden')
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined()
  })

  test.each([
    'proto',
    '__proto',
    '_proto_',
    'constructors',
    'Constructor',
    'Prototype',
    'toString',
    'hasOwnProperty',
    'prototypes',
    '123456789',
    '12345678901',
  ])('but not %s', (key) => {
    expect(structureFault({ [key]: 1 })).toBeUndefined()
  })
})

describe('survives anything', () => {
  test.each<[what: string, make: () => unknown]>([
    ['100,000 levels of arrays', () => nested(100_000)],
    ['100,000 levels of objects', () => JSON.parse('{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000))],
    ['100,000 keys', () => keyed(100_000)],
    ['a million items', () => Array(1_000_000).fill({})],
    ['nine million keys', () => [Array(9_000).fill(keyed(1_000))]],
    ['81 million items', () => Array(9_000).fill(Array(9_000).fill([]))],
  ])('faults 21, 22: %s', (_what, make) => {
    expect(structureFault(make())).toBe('input-too-complex')
  })

  test('raised bounds are walked, not recursed into', () => {
    const raised = { depth: 1_000_000, keys: 1_000_000, items: 1_000_000 }
    expect(structureFault(nested(100_000), raised)).toBeUndefined()
    expect(structureFault(JSON.parse('{"a":['.repeat(50_000) + ']}'.repeat(50_000)), raised)).toBeUndefined()
    expect(structureFault(Array(1_000_000).fill([]), raised)).toBeUndefined()
  })

  test('what holds itself', () => {
    const list: unknown[] = []
    list.push(list)
    const object: Record<string, unknown> = {}
    object['a'] = { b: [object, object] }
    const bushy: unknown[] = []
    bushy.push(bushy, bushy, bushy, bushy)
    for (const value of [list, object, bushy]) {
      expect(structureFault(value)).toBe('input-too-complex')
      expect(structureFault(value, { depth: 100_000, keys: 100_000, items: 100_000 })).toBe('input-too-complex')
    }
  })

  test('what holds the same again and again counts each time', () => {
    let doubled: unknown = 'x'
    for (let i = 0; i < 30; i++) doubled = [doubled, doubled]
    expect(structureFault(doubled)).toBe('input-too-complex')
  })

  test.each<[what: string, make: (i: number) => string]>([
    ['numbers', String],
    ['numbers far apart', (i) => String(i * 2 ** 20)],
    ['with NUL in front', (i) => `\0${i}`],
  ])('fault 27: 50,000 keys that look like a flood of hashes: %s', (_what, make) => {
    const value = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [make(i), i]))
    expect(structureFault(value, { keys: 50_000 })).toBeUndefined()
    expect(structureFault(value, { keys: 49_999 })).toBe('input-too-complex')
  })

  test('finds a fault exactly where there is one', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 6 }),
        fc.record({ depth: fc.nat(6), keys: fc.nat(12), items: fc.nat(12) }),
        (value, limits) => {
          const { depth, keys, items } = limits
          const fault = structureFault(value, limits)
          const over = depthOf(value) > depth || keysOf(value) > keys || itemsOf(value) > items
          const forbidden = /"(__proto__|constructor|prototype)":/.test(JSON.stringify(value))
          if (!forbidden) expect(fault).toBe(over ? 'input-too-complex' : undefined)
          else expect(fault).toBeDefined()
        },
      ),
      { numRuns: 300 },
    )
  })
})
