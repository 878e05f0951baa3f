import fc from 'fast-check'
import { parseItem } from 'structured-headers'
import { describe, expect, test } from 'vitest'
import {
  fieldName,
  fieldValue,
  isToken,
  listMembers,
  mediaType,
  mergeVary,
  sfInteger,
  sfString,
} from '../../src/core/fields.ts'

const ascii = (from: number, to: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.integer({ min: from, max: to }).map((code) => String.fromCharCode(code)) })

describe('fieldName', () => {
  test('puts tokens in lower case', () => {
    expect(fieldName('X-Request-Id')).toBe('x-request-id')
    expect(fieldName("!#$%&'*+-.^_`|~09Az")).toBe("!#$%&'*+-.^_`|~09az")
  })

  test.each(['', ' ', 'a b', 'a:', ':path', 'a\n', '\na', 'a\r\nb', 'a\0', 'é', 'a(b)', 'a,b', 'a/b', 'a"', '\u212A'])(
    'refuses %j',
    (name) => {
      expect(() => fieldName(name)).toThrow(TypeError)
    },
  )

  test('takes exactly the names that Headers takes', () => {
    fc.assert(
      fc.property(ascii(0, 300), (name) => {
        const taken = ((): boolean => {
          try {
            new Headers().append(name, '')
            return true
          } catch {
            return false
          }
        })()
        if (taken) expect(fieldName(name)).toBe(name.toLowerCase())
        else expect(() => fieldName(name)).toThrow(TypeError)
        expect(isToken(name)).toBe(taken)
      }),
      { numRuns: 300 },
    )
  })
})

describe('fieldValue', () => {
  test.each([
    'a\r\nSet-Cookie: x=1',
    'a\n',
    '\r',
    'a\0b',
    '\x01',
    '\x1b[31m',
    '\x7f',
    '\u0100',
    '\u2028',
    '😀',
    '\ud800',
  ])('refuses %j', (value) => {
    expect(() => fieldValue(value, 'x')).toThrow(/^header x: the value has a control character/)
  })

  test('takes visible ASCII, space, tab and obs-text, and nothing that Headers would not', () => {
    fc.assert(
      fc.property(ascii(0, 300), (value) => {
        const good = /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
        if (!good) return void expect(() => fieldValue(value, 'x')).toThrow(TypeError)
        expect(fieldValue(value, 'x')).toBe(value)
        expect(() => new Headers().set('x', value)).not.toThrow()
      }),
      { numRuns: 300 },
    )
  })

  test('does not repeat the value in its message', () => {
    expect(() => fieldValue('secret-value\n', 'x')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret-value') }),
    )
  })
})

describe('mergeVary', () => {
  test.each([
    ['', '', ''],
    ['', 'Origin', 'Origin'],
    ['Origin', '', 'Origin'],
    ['Origin', 'origin, Accept', 'Origin, Accept'],
    ['Accept,Origin', ' ORIGIN ', 'Accept, Origin'],
    ['A, a', 'B', 'A, B'],
    ['*', 'Origin', '*'],
    ['Origin', 'Accept, *', '*'],
  ])('%j with %j is %j', (present, added, merged) => expect(mergeVary(present, added)).toBe(merged))

  test('is a union: each name once, order kept, idempotent, associative', () => {
    const list = fc.array(fc.constantFrom('Origin', 'origin', 'Accept', 'ACCEPT', 'Cookie', '*', ''), { maxLength: 5 })
      .map((names) => names.join(','))
    fc.assert(
      fc.property(list, list, list, (a, b, c) => {
        const merged = mergeVary(a, b)
        const names = listMembers(merged).map((name) => name.toLowerCase())
        expect(new Set(names).size).toBe(names.length)
        expect(mergeVary(merged, b)).toBe(merged)
        expect(mergeVary(merged, c)).toBe(mergeVary(a, mergeVary(b, c)))
        if (/\*/.test(a + b)) expect(merged).toBe('*')
      }),
      { numRuns: 300 },
    )
  })
})

describe('listMembers', () => {
  test('trims and drops empty members', () => {
    expect(listMembers(' a ,\tb,, ,c')).toEqual(['a', 'b', 'c'])
    expect(listMembers('')).toEqual([])
  })
})

describe('mediaType', () => {
  test.each([
    [null, ''],
    ['', ''],
    ['application/json', 'application/json'],
    ['Application/JSON; charset=utf-8', 'application/json'],
    ['application/problem+json ;q=1', 'application/problem+json'],
    ['\tapplication/json ', 'application/json'],
    ['application/json, text/plain', ''],
    ['text/plain, application/json', ''],
    ['application', ''],
    ['application/', ''],
    ['/json', ''],
    ['a/b/c', ''],
    ['application/json\0', ''],
    ['application /json', ''],
    ['(comment)/json', ''],
    [';application/json', ''],
  ])('%j is %j', (contentType, type) => expect(mediaType(contentType)).toBe(type))
})

describe('structured fields', () => {
  test('PITFALLS 7: a parser reads back every string that can be written', () => {
    fc.assert(
      fc.property(ascii(0x20, 0x7e), (text) => {
        expect(parseItem(sfString(text))[0]).toBe(text)
      }),
      { numRuns: 300 },
    )
    expect(sfString('say "\\hi"')).toBe('"say \\"\\\\hi\\""')
  })

  test.each(['é', '\n', '\t', '\x7f', '\0', '😀'])('a string cannot hold %j', (text) => {
    expect(() => sfString(text)).toThrow(TypeError)
  })

  test('PITFALLS 7: integers are rounded up and held in range', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (value) => {
        const read = parseItem(sfInteger(value))[0]
        expect(read).toBe(Number(sfInteger(value)))
        expect(Number.isInteger(read)).toBe(true)
        if (Math.abs(value) < 999_999_999_999_999) expect(read === 0 ? 0 : read).toBe(Math.ceil(value) || 0)
      }),
      { numRuns: 300 },
    )
    expect(sfInteger(0.1)).toBe('1')
    expect(sfInteger(-0.5)).toBe('0')
    expect(sfInteger(Infinity)).toBe('999999999999999')
    expect(sfInteger(-Infinity)).toBe('-999999999999999')
  })

  test('NaN is no integer: an error, not a field that no one can parse', () => {
    expect(() => sfInteger(Number.NaN)).toThrow(TypeError)
  })
})
