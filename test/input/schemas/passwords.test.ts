import { describe, expect, test } from 'vitest'
import { currentPassword, password } from '../../../src/input/schemas/passwords.ts'
import { tried, wrong } from './tried.ts'

const NEEDS = {
  lower: 'check The password needs a lower-case letter.',
  upper: 'check The password needs an upper-case letter.',
  digit: 'check The password needs a digit.',
  symbol: 'check The password needs a symbol.',
}

describe('password', () => {
  test.each([
    'Abcdef1!',
    'Passw0rd ',
    ' Pass-w0rd',
    'Correct-horse-7',
    `Aa1-${'x'.repeat(124)}`,
    'Пароль-7',
    'Äö1€xxxx',
  ])(
    'V8: mixed takes %j, untouched',
    (value) => {
      expect(tried(password({ strength: 'mixed' }), value)).toEqual({ out: value })
    },
  )

  test.each([
    ['Abcde1!', ['min_code_points The password must have 8 to 128 characters.']],
    [`Aa1-${'x'.repeat(125)}`, ['max_code_points The password must have 8 to 128 characters.']],
    ['ABCDEF1!', [NEEDS.lower]],
    ['abcdef1!', [NEEDS.upper]],
    ['Abcdefg!', [NEEDS.digit]],
    ['Abcdefg1', [NEEDS.symbol]],
    ['abcdefgh', [NEEDS.upper, NEEDS.digit, NEEDS.symbol]],
    ['        ', [NEEDS.lower, NEEDS.upper, NEEDS.digit]],
    // A code point is a character: these are seven.
    ['😀😀😀aA1!', ['min_code_points The password must have 8 to 128 characters.']],
    ['Abcdef1!\0', ['check The password may not have control characters.']],
    ['Abcdef1!\n', ['check The password may not have control characters.']],
    ['Abcdef1!\ud800', ['check The password may not have control characters.']],
  ])('V8: mixed refuses %j', (value, no) => {
    expect(tried(password({ strength: 'mixed' }), value)).toEqual({ no })
  })

  test('V8: strict is mixed of 12 characters', () => {
    const strict = password({ strength: 'strict' })
    expect(tried(strict, 'Abcdefghij1!')).toEqual({ out: 'Abcdefghij1!' })
    expect(tried(strict, 'Abcdefghi1!')).toEqual({
      no: ['min_code_points The password must have 12 to 128 characters.'],
    })
    expect(tried(strict, 'abcdefghijkl')).toEqual({ no: [NEEDS.upper, NEEDS.digit, NEEDS.symbol] })
  })

  test('ASVS 6.2.5: long, which is the default, asks for no kinds of characters', () => {
    for (
      const value of ['correct horse battery', 'aaaaaaaaaaaaaaa', '正確馬電池釘書針正確馬電池釘書', '               ']
    ) {
      expect(tried(password(), value)).toEqual({ out: value })
    }
    expect(tried(password(), 'Abcdef1!')).toEqual({
      no: ['min_code_points The password must have 15 to 128 characters.'],
    })
  })

  test('no 128 characters have more bytes than are taken, unless the hasher takes fewer', () => {
    expect(wrong(password(), '😀'.repeat(128))).toEqual([])
    const bcrypt = password({ bytes: 72 })
    expect(wrong(bcrypt, 'x'.repeat(72))).toEqual([])
    expect(tried(bcrypt, 'x'.repeat(73))).toEqual({ no: ['max_bytes The password must have at most 72 bytes.'] })
    expect(wrong(bcrypt, 'ä'.repeat(37))).toEqual(['max_bytes'])
  })

  test.each([5, null, undefined, ['Abcdef1!'], { length: 20 }])('V8: refuses %j', (value) => {
    expect(tried(password(), value)).toEqual({ no: ['string The password must be text.'] })
  })

  test('throws when made for a bad option', () => {
    for (const strength of ['weak', 'toString', '', null]) {
      expect(() => password({ strength: strength as 'long' })).toThrow(/^password: strength must be/)
    }
    for (const bytes of [0, 14, 72.5, Number.NaN]) expect(() => password({ bytes })).toThrow(/^password: bytes must be/)
  })
})

describe('currentPassword', () => {
  test.each(['x', ' ', 'abc', '\0', 'x'.repeat(128)])('V6: takes %j, whatever the rules for new ones are', (value) => {
    expect(tried(currentPassword(), value)).toEqual({ out: value })
  })

  test('V6: takes every password that could be chosen', () => {
    expect(wrong(currentPassword(), '😀'.repeat(128))).toEqual([])
  })

  test.each([
    ['', 'min_code_points The password must have 1 to 128 characters.'],
    ['x'.repeat(129), 'max_code_points The password must have 1 to 128 characters.'],
    [7, 'string The password must be text.'],
  ])('V6: refuses %j', (value, no) => {
    expect(tried(currentPassword(), value)).toEqual({ no: [no] })
  })
})
