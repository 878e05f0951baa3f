import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Duration, Size } from '../../src/core/quantity.ts'
import { bytes, count, milliseconds, show } from '../../src/core/quantity.ts'

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const SIZES = { b: 1, kb: 1_024, mb: 1_048_576, gb: 1_073_741_824 }

const notQuantities = [
  '',
  ' ',
  '5',
  '5 s',
  ' 5s',
  '5s ',
  '5s\n',
  '+5s',
  '-5s',
  '0s',
  '0.0s',
  '1e3s',
  '.5s',
  '5.s',
  '1_000ms',
  '0x10s',
  '5S',
  '5sec',
  '5 ms',
  's',
  'ms',
  'Infinitys',
  'NaNs',
  '1,5s',
  '９s',
  '5ss',
  '5w',
  `${'9'.repeat(16)}ms`,
  `1${'0'.repeat(400)}s`,
  '999999999999999d',
  '5constructor',
  '5toString',
  '5__proto__',
  5,
  Number.NaN,
  null,
  undefined,
  {},
  ['5s'],
]

describe('milliseconds', () => {
  test.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['15m', 900_000],
    ['1h', 3_600_000],
    ['7d', 604_800_000],
    ['1.5s', 1_500],
    ['0.5ms', 0.5],
  ])(
    '%s is %d',
    (text, expected) => expect(milliseconds(text as Duration, 'x')).toBe(expected),
  )

  test('a whole number of milliseconds stays whole, whatever the unit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000_000 }), fc.constantFrom('s', 'm'), (n, unit) => {
        const text = (n / UNITS[unit]).toString()
        fc.pre(/^\d+(\.\d{1,6})?$/.test(text))
        expect(milliseconds(`${text}${unit}` as Duration, 'x')).toBe(n)
      }),
      { numRuns: 300 },
    )
    expect(milliseconds('1.001s', 'x')).toBe(1_001)
  })

  test('every unit scales', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), fc.constantFrom('ms', 's', 'm', 'h', 'd'), (n, unit) => {
        expect(milliseconds(`${n}${unit}`, 'x')).toBe(n * UNITS[unit])
      }),
      { numRuns: 200 },
    )
  })

  test.each(notQuantities)('refuses %j', (text) => {
    expect(() => milliseconds(text as Duration, 'cache: maxAge')).toThrow(TypeError)
  })

  test('names the option, shows the value, and bounds what it shows', () => {
    expect(() => milliseconds('soon' as Duration, 'cache: maxAge')).toThrow(
      /^cache: maxAge must be a duration such as .*, got "soon"$/,
    )
    const long = 'x'.repeat(10_000) as Duration
    expect(() => milliseconds(long, 'x')).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^.{1,200}$/) }),
    )
  })
})

describe('bytes', () => {
  test.each([['512b', 512], ['100kb', 102_400], ['1mb', 1_048_576], ['1gb', 1_073_741_824], ['1.5kb', 1_536], [
    '1.0001kb',
    1_024,
  ]])(
    '%s is %d',
    (text, expected) => expect(bytes(text as Size, 'x')).toBe(expected),
  )

  test('is always a whole positive number, or refused', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 100_000, noNaN: true }),
        fc.constantFrom('b', 'kb', 'mb', 'gb'),
        (n, unit) => {
          const text = `${n.toFixed(6)}${unit}` as Size
          const exact = Number(n.toFixed(6)) * SIZES[unit]
          if (exact < 1) expect(() => bytes(text, 'x')).toThrow(TypeError)
          else expect(bytes(text, 'x')).toBe(Math.floor(exact))
        },
      ),
      { numRuns: 300 },
    )
    expect(() => bytes('0.5b', 'max')).toThrow(/^max must be a size/)
  })

  test.each([...notQuantities, '5ms', '5k', '5KB', '5tb'])('refuses %j', (text) => {
    expect(() => bytes(text as Size, 'max')).toThrow(/^max must be a size/)
  })
})

describe('count', () => {
  test('takes whole numbers from the least on', () => {
    expect(count(1, 'x')).toBe(1)
    expect(count(0, 'x', 0)).toBe(0)
    expect(count(Number.MAX_SAFE_INTEGER, 'x')).toBe(Number.MAX_SAFE_INTEGER)
  })

  test.each([0, -1, 1.5, Number.NaN, Infinity, 2 ** 53, '5', null, undefined])('refuses %s', (value) => {
    expect(() => count(value as number, 'limit')).toThrow(/^limit must be a whole number of at least 1, got /)
  })
})

describe('show', () => {
  test('survives what cannot be shown', () => {
    const trap = {
      toString: () => {
        throw new Error('no')
      },
    }
    expect(show(trap)).toBe('object')
    expect(show(Object.create(null))).toBe('object')
    expect(show(Symbol('s'))).toBe('Symbol(s)')
    expect(show('a"b')).toBe('"a\\"b"')
    expect(show('x'.repeat(500))).toHaveLength(80)
  })
})
