import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isTooComplex, scanJson } from '../../src/input/json-scan.ts'
import { structureFault } from '../../src/input/structure.ts'

/** So long that it is looked at, and the same value. */
const padded = (json: string): string => json + ' '.repeat(5_000)

/** Strings in which one may get lost: quotes, backslashes, structure, and long. */
const tricky = fc.array(
  fc.oneof(
    fc.constantFrom(
      '"',
      '\\',
      '\\"',
      '\\\\',
      ':',
      ',',
      '{',
      '}',
      '[',
      ']',
      '":',
      '{"a":1}',
      '\u0000',
      '\u2028',
      '\ud800',
    ),
    fc.nat(80).map((length) => 'x'.repeat(length)),
    fc.nat(80).map((length) => '\\'.repeat(length)),
  ),
  { maxLength: 12 },
).map((parts) => parts.join(''))

/** Anything, most of it nearly JSON. */
const rubbish = fc.array(
  fc.constantFrom(...'{}[]:,"\\ 019.eE+-a', '"a":', '\\u0061', '\\u00', 'x'.repeat(70), '9007199254740993', '\ufeff'),
  { maxLength: 60 },
).map((parts) => parts.join(''))

describe('isTooComplex tells from the text what structureFault would tell from the value', () => {
  test.each<[what: string, json: string, most: object]>([
    ['keys', `{${Array.from({ length: 1_000 }, (_, i) => `"${i}":0`).join()}}`, { keys: 999 }],
    ['items', `[${'0,'.repeat(9_999)}0]`, { items: 9_998 }],
    ['levels', '['.repeat(32) + ']'.repeat(32), { depth: 31 }],
    ['containers', `[${'[],'.repeat(9_999)}[]]`, { items: 5_000 }],
  ])('as many %s as may be, and one more', (_what, json, fewer) => {
    expect(isTooComplex(padded(json), {})).toBe(false)
    expect(isTooComplex(padded(json), fewer)).toBe(true)
  })

  test.each<[what: string, json: string]>([
    ['levels of arrays', '['.repeat(500_000) + ']'.repeat(500_000)],
    ['levels of arrays, never closed', '['.repeat(1_000_000)],
    ['levels of objects', '{"a":'.repeat(160_000) + '1' + '}'.repeat(160_000)],
    ['levels of both', '[{"a":'.repeat(100_000)],
    ['keys', `{${Array.from({ length: 1_000_000 }, (_, i) => `"${i}":0`).join()}}`],
    ['keys that are one', `{${'"a":0,'.repeat(160_000)}"a":0}`],
    ['items', `[${'0,'.repeat(1_000_000)}0]`],
    ['empty arrays', `[${'[],'.repeat(333_000)}0]`],
    ['empty objects', `[${'{},'.repeat(333_000)}0]`],
    ['items, spread over arrays', `[${`[${'0,'.repeat(9_000)}0],`.repeat(50)}0]`],
    ['containers in one another', `[${`${'['.repeat(30)}${']'.repeat(30)},`.repeat(9_000)}0]`],
  ])('fault 22: too many %s', (_what, json) => {
    expect(isTooComplex(json, {})).toBe(true)
  })

  test.each<[what: string, json: string]>([
    ['a long string', `"${'x'.repeat(1_000_000)}"`],
    ['escapes', `"${'\\"'.repeat(500_000)}"`],
    ['backslashes', `"${'\\\\'.repeat(500_000)}"`],
    ['backslashes and quotes', `"${('\\\\'.repeat(100) + '\\"').repeat(5_000)}"`],
    ['structure in a string', `"${'[{:,'.repeat(250_000)}"`],
    ['a string that never ends', `"${'[{:,'.repeat(250_000)}`],
    ['a backslash at the end', `"${'x'.repeat(5_000)}\\`],
    ['a number', '1'.repeat(1_000_000)],
    ['white space', ' '.repeat(1_000_000)],
  ])('%s is not complex', (_what, json) => {
    expect(isTooComplex(json, {})).toBe(false)
  })

  test('a short text is left to JSON.parse', () => {
    expect(isTooComplex('['.repeat(4_096), {})).toBe(false)
    expect(isTooComplex('['.repeat(4_097), {})).toBe(true)
  })

  test('never refuses what structureFault would pass, and passes at most about twice as much', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 5 }),
        tricky,
        fc.record({ depth: fc.nat(6), keys: fc.nat(12), items: fc.nat(12) }),
        (inner, text, limits) => {
          const value = [text, inner, { [text]: text }]
          const tooComplex = isTooComplex(padded(JSON.stringify(value)), limits)
          if (tooComplex) expect(structureFault(value, limits)).toBeDefined()
          else {
            const { depth, keys, items } = limits
            expect(structureFault(value, { depth, keys, items: 2 * items + keys + 1 })).not.toBe('input-too-complex')
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})

/** Which of the two does a text have? */
const found = (json: string): string => {
  const { duplicateKey, unsafeInteger } = scanJson(json, { duplicateKey: true, unsafeInteger: true })
  return [...(duplicateKey ? ['duplicate'] : []), ...(unsafeInteger ? ['unsafe'] : [])].join(' and ')
}

describe('scanJson finds', () => {
  test.each([
    '{"a":1,"a":1}',
    '{"a":1,"b":2,"a":3}',
    '{"":1,"":2}',
    '{"a":1,"\\u0061":2}',
    '{"\\u0061":1,"\\u0061":2}',
    '{"\\n":1,"\\u000a":2}',
    '{"\\/":1,"/":2}',
    '{"\\ud83d\\ude00":1,"😀":2}',
    '{"\\ud800":1,"\\uD800":2}',
    '[0,{"x":[{"a":1,"b":[],"c":{},"a":1}]}]',
    '{"a":{"b":1},"c":[{}],"a":1}',
    '{"a":[[],[{"a":1}]],"a":1}',
    ' { "a" : "}" , "b" : "\\"," , "a" : 1 } ',
    '{"__proto__":1,"__proto__":2}',
    '{"constructor":1,"c":1,"constructor":2}',
    '{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"j":0,"a":1}',
    `{"${'k'.repeat(100)}":1,"${'k'.repeat(99)}\\u006b":2}`,
  ])('fault 25: a duplicate key in %s', (json) => {
    expect(found(json)).toBe('duplicate')
  })

  test.each([
    '{}',
    '[]',
    '"a"',
    '{"a":"a"}',
    '{"a":"b","b":"a"}',
    '{"a":{"a":{"a":1}}}',
    '[{"a":1},{"a":1}]',
    '{"a":{"b":1},"b":{"a":1}}',
    '{"a":["a","a",{"a":1}]}',
    '{"a":1,"A":2}',
    '{"a":1,"\\\\u0061":2}',
    '{"\u00e9":1,"e\u0301":2}',
    '{"1":1,"01":2,"1.0":3}',
    '{"toString":1,"valueOf":2,"__proto__":3}',
    '["a","a"]',
  ])('none in %s', (json) => {
    expect(found(json)).toBe('')
  })

  test.each([
    '9007199254740992',
    '-9007199254740992',
    '[1,9007199254740993]',
    '{"id":12345678901234567890}',
    '{"a":[{"b":-99999999999999999}]}',
    ' 9007199254740992 ',
    '9'.repeat(100_000),
  ])('integers that change: %s', (json) => {
    expect(found(json)).toBe('unsafe')
  })

  test.each([
    '9007199254740991',
    '-9007199254740991',
    '0',
    '9007199254740993.0',
    '9007199254740993e0',
    '1E400',
    '0.12345678901234567890',
    '-1.99999999999999999999e-10',
    '"9007199254740993"',
    '{"9007199254740993":1}',
    '[9007199254740991,1,2,3]',
    '1e99999999999999999999',
  ])('none in %s', (json) => {
    expect(found(json)).toBe('')
  })

  test('both, or only what is wanted', () => {
    const json = '{"a":9007199254740993,"a":1}'
    expect(found(json)).toBe('duplicate and unsafe')
    const no = { duplicateKey: false, unsafeInteger: false }
    expect(scanJson(json, { ...no, duplicateKey: true })).toEqual({ ...no, duplicateKey: true })
    expect(scanJson(json, { ...no, unsafeInteger: true })).toEqual({ ...no, unsafeInteger: true })
    expect(scanJson(json, no)).toEqual(no)
  })
})

/** JSON as text, and what is in it. */
interface Written {
  readonly json: string
  readonly duplicate: boolean
  readonly unsafe: boolean
}

/** A string in quotes, each of its characters as it is or escaped. */
const written = (text: string, escaped: readonly boolean[]): string => {
  const units = Array.from({ length: text.length }, (_, i) => text[i]!)
  const one = (unit: string, i: number): string =>
    escaped[i % escaped.length] || JSON.stringify(unit).length > 3
      ? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
      : unit
  return `"${units.map(one).join('')}"`
}
const escapes = fc.array(fc.boolean(), { minLength: 1, maxLength: 5 })
const key = fc.oneof(fc.constantFrom('a', 'b', 'ab', ''), tricky)

const { tree } = fc.letrec<{ tree: Written; leaf: Written; list: Written; object: Written }>((tie) => ({
  tree: fc.oneof({ maxDepth: 5, depthSize: 'small' }, tie('leaf'), tie('list'), tie('object')),
  leaf: fc.oneof(
    fc.tuple(tricky, escapes).map(([text, how]) => ({ json: written(text, how), duplicate: false, unsafe: false })),
    fc.maxSafeInteger().map((safe) => ({ json: `${safe}`, duplicate: false, unsafe: false })),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((one) => ({
      json: JSON.stringify(one),
      duplicate: false,
      // One that is a whole number below 10^21 is written as one.
      unsafe: /^-?\d+$/.test(JSON.stringify(one)) && !Number.isSafeInteger(one),
    })),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 200n }).map((big) => ({ json: `${-big}`, duplicate: false, unsafe: true })),
  ),
  list: fc.array(tie('tree'), { maxLength: 4 }).map((items) => ({
    json: `[${items.map(({ json }) => json).join(' ,')}]`,
    duplicate: items.some(({ duplicate }) => duplicate),
    unsafe: items.some(({ unsafe }) => unsafe),
  })),
  object: fc.array(fc.tuple(key, escapes, tie('tree')), { maxLength: 4 }).map((members) => ({
    json: `{${members.map(([name, how, { json }]) => `${written(name, how)} : ${json}`).join()}}`,
    duplicate: new Set(members.map(([name]) => name)).size < members.length ||
      members.some(([, , { duplicate }]) => duplicate),
    unsafe: members.some(([, , { unsafe }]) => unsafe),
  })),
}))

describe('survives anything', () => {
  test('finds exactly what was written', () => {
    fc.assert(
      fc.property(tree, ({ json, duplicate, unsafe }) => {
        JSON.parse(json)
        expect(scanJson(json, { duplicateKey: true, unsafeInteger: true })).toEqual({
          duplicateKey: duplicate,
          unsafeInteger: unsafe,
        })
      }),
      { numRuns: 300 },
    )
  })

  test('never throws, whatever the text', () => {
    const wanted = { duplicateKey: true, unsafeInteger: true }
    fc.assert(
      fc.property(rubbish, (text) => {
        scanJson(text, wanted)
        isTooComplex(padded(text), { depth: 2, keys: 2, items: 2 })
        isTooComplex('x'.repeat(5_000) + text, {})
      }),
      { numRuns: 300 },
    )
  })

  test.each<[what: string, json: string]>([
    ['quotes', '"'.repeat(1_000_000)],
    ['backslashes', '\\'.repeat(1_000_000)],
    ['a string of backslashes', `"${'\\'.repeat(1_000_000)}`],
    ['escaped quotes, apart', `"${('x'.repeat(65) + '\\"').repeat(15_000)}"`],
    ['closers', ']'.repeat(1_000_000)],
    ['openers', '['.repeat(1_000_000)],
    ['keys without values', '{"a",'.repeat(200_000)],
    ['colons', `{${':'.repeat(1_000_000)}`],
    ['numbers without end', '1-'.repeat(500_000)],
    ['keys with broken escapes', `{${'"\\u00":1,'.repeat(1)}${'"\\x":2,'.repeat(1)}}`],
    ['100,000 levels', '{"a":['.repeat(100_000) + ']}'.repeat(100_000)],
  ])('and takes time in proportion to it: %s', (_what, json) => {
    expect(['', 'unsafe']).toContain(found(json))
    isTooComplex(json, { depth: 2_000_000, keys: 2_000_000, items: 2_000_000 })
  })

  test.each<[what: string, make: (i: number) => string]>([
    ['numbers', String],
    ['spread numbers', (i) => String((i * 40_503) % 4_294_967_291)],
    ['with NUL', (i) => `\\u0000${i}`],
    ['escaped', (i) => `\\u006b${i}`],
    ['plain', (i) => `k${i}`],
  ])('fault 27: 50,000 keys of one object: %s', (_what, make) => {
    const keys = Array.from({ length: 50_000 }, (_, i) => `"${make(i)}":0`)
    expect(found(`{${keys.join()}}`)).toBe('')
    expect(found(`{${keys.join()},${keys[0]!}}`)).toBe('duplicate')
  })
})
