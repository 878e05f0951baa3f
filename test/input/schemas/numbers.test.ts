import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decimalNumber, flagText, numberText, wholeNumber } from '../../../src/input/schemas/numbers.ts'
import { tried, wrong } from './tried.ts'

describe('wholeNumber', () => {
  const epochs = wholeNumber({ min: 1, max: 1_000, name: 'Epochs' })

  test.each([1, 1_000])('V4: takes %j', (value) => {
    expect(tried(epochs, value)).toEqual({ out: value })
  })

  test.each<[value: unknown, codes: string[]]>([
    [0, ['min_value']],
    [-1, ['min_value']],
    [1_001, ['max_value']],
    [1.5, ['integer']],
    [Infinity, ['integer', 'max_value']],
    [Number.NaN, ['number']],
    ['5', ['number']],
    [true, ['number']],
    [null, ['number']],
    [[5], ['number']],
    [{ valueOf: () => 5 }, ['number']],
  ])('V4, V7: refuses %j', (value, codes) => {
    const range = 'Epochs must be a whole number from 1 to 1000.'
    expect(tried(epochs, value)).toEqual({ no: codes.map((code) => `${code} ${range}`) })
  })
})

describe('decimalNumber', () => {
  const rate = decimalNumber({ min: 0.5, max: 1, name: 'The rate' })

  test.each([0.5, 0.75, 1])('V4: takes %j', (value) => {
    expect(tried(rate, value)).toEqual({ out: value })
  })

  test.each([0.4999, 1.0001, -Infinity, Number.NaN, '0.5', null])('V4: refuses %j', (value) => {
    expect(tried(rate, value).no).toEqual([expect.stringMatching(/ The rate must be a number from 0\.5 to 1\.$/)])
  })

  test('PITFALLS 15: 1e999, which JSON reads as infinity, is beyond every bound', () => {
    const wide = decimalNumber({ min: -Number.MAX_VALUE, max: Number.MAX_VALUE })
    expect(wrong(wide, JSON.parse('1e999'))).toEqual(['max_value'])
  })
})

describe('numberText', () => {
  const page = numberText({ min: 0, max: 100, name: 'The page' })

  test.each([['0', 0], ['1', 1], ['100', 100]])('V4, V17: takes %j as %j', (value, out) => {
    expect(tried(page, value)).toEqual({ out })
  })

  test.each<[value: unknown, code: string]>([
    ['', 'regex'],
    [' ', 'regex'],
    [' 5 ', 'regex'],
    ['5 ', 'regex'],
    ['+5', 'regex'],
    ['-0', 'regex'],
    ['05', 'regex'],
    ['0x10', 'regex'],
    ['0b1', 'regex'],
    ['1e1', 'regex'],
    ['1.0', 'regex'],
    ['.5', 'regex'],
    ['1_0', 'regex'],
    ['1,0', 'regex'],
    ['٣', 'regex'],
    ['NaN', 'regex'],
    ['Infinity', 'regex'],
    ['true', 'regex'],
    ['5\n', 'regex'],
    ['-1', 'min_value'],
    ['101', 'max_value'],
    ['9007199254740993', 'max_value'],
    ['99999999999999999999', 'regex'],
    [5, 'string'],
    [['1', '2'], 'string'],
    [undefined, 'string'],
  ])('V4, V17: refuses %j', (value, code) => {
    expect(tried(page, value)).toEqual({ no: [`${code} The page must be a whole number from 0 to 100.`] })
  })

  test('takes every whole number as String writes it, and nothing else that Number would take', () => {
    const any = numberText({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER })
    fc.assert(fc.property(fc.maxSafeInteger(), (value) => {
      expect(tried(any, String(value))).toEqual({ out: value })
    }))
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...'0123456789-+ .ex_') }), (value) => {
      const { out } = tried(any, value)
      if (out !== undefined) expect(String(out)).toBe(value)
    }))
  })
})

describe('flagText', () => {
  test.each([['true', true], ['false', false]])('V4, V17: takes %j as %j', (value, out) => {
    expect(tried(flagText(), value)).toEqual({ out })
  })

  test.each(['', '1', '0', 'yes', 'on', 'TRUE', ' true', true, ['true', 'true'], null])(
    'V4, V17: refuses %j',
    (value) => {
      expect(tried(flagText({ name: 'Deep' }), value)).toEqual({ no: ['picklist Deep must be true or false.'] })
    },
  )
})

test.each([
  ['wholeNumber: min', () => wholeNumber({ min: 0.5, max: 1 })],
  ['wholeNumber: max', () => wholeNumber({ min: 2, max: 1 })],
  ['numberText: min', () => numberText({ min: -Infinity, max: 1 })],
  ['numberText: max', () => numberText({ min: 0, max: 2 ** 53 })],
  ['decimalNumber: min and max', () => decimalNumber({ min: 2, max: 1 })],
  ['decimalNumber: min and max', () => decimalNumber({ min: 0, max: Infinity })],
  ['decimalNumber: min and max', () => decimalNumber({ min: '0' as unknown as number, max: 1 })],
])('throws when made for a bad %s', (option, make) => {
  expect(make).toThrow(TypeError)
  expect(make).toThrow(`${option} must be`)
})
