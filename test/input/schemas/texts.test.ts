import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { languageTag, plainText, slug, tagList, text, username } from '../../../src/input/schemas/texts.ts'
import { tried, wrong } from './tried.ts'

describe('text', () => {
  const title = text({ min: 2, max: 5, name: 'The title' })

  test.each([
    ['ab', 'ab'],
    ['  abcde\t\n', 'abcde'],
    ['\u00a0\ufeffab\u2028', 'ab'],
    ['a <b', 'a <b'],
    ["O'Br", "O'Br"],
    ['😀', '😀'],
    ['日本', '日本'],
    ['a\u200db', 'a\u200db'],
  ])('V5, V19: takes %j, trimmed', (value, out) => {
    expect(tried(title, value)).toEqual({ out })
  })

  test.each<[value: unknown, says: string[]]>([
    ['', ['min_length The title must have 2 to 5 characters.']],
    ['  a  ', ['min_length The title must have 2 to 5 characters.']],
    ['abcdef', ['max_length The title must have 2 to 5 characters.']],
    ['a\0b', ['check The title may not have control characters or line breaks.']],
    ['a\x1bb', ['check The title may not have control characters or line breaks.']],
    ['a\x7fb', ['check The title may not have control characters or line breaks.']],
    ['a\x85b', ['check The title may not have control characters or line breaks.']],
    ['a\nb', ['check The title may not have control characters or line breaks.']],
    ['a\tb', ['check The title may not have control characters or line breaks.']],
    ['a\u2028b', ['check The title may not have control characters or line breaks.']],
    ['a\ud800b', ['check The title may not have control characters or line breaks.']],
    ['\udc00ab', ['check The title may not have control characters or line breaks.']],
    ['a\0', ['check The title may not have control characters or line breaks.']],
    [5, ['string The title must be text.']],
    [['ab', 'cd'], ['string The title must be text.']],
    [{ toString: () => 'ab' }, ['string The title must be text.']],
    [null, ['string The title must be text.']],
    [undefined, ['string The title must be text.']],
  ])('V5, V19: refuses %j', (value, no) => {
    expect(tried(title, value)).toEqual({ no })
  })

  test('with lines: takes line breaks and tabs, and still no other control character', () => {
    const lines = text({ max: 20, lines: true })
    expect(tried(lines, ' a\r\n\tb\n ')).toEqual({ out: 'a\r\n\tb' })
    for (const value of ['a\0b', 'a\vb', 'a\x1bb', 'a\x9bb', 'a\ud800']) {
      expect(tried(lines, value)).toEqual({ no: ['check The value may not have control characters.'] })
    }
  })

  test('a text that may be empty says so', () => {
    const empty = text({ min: 0, max: 2 })
    expect(tried(empty, '  ')).toEqual({ out: '' })
    expect(tried(empty, 'abc')).toEqual({ no: ['max_length The value must have at most 2 characters.'] })
  })

  test('what it takes has no control character, and comes out the same the second time', () => {
    const any = text({ min: 0, max: 100 })
    const units = fc.array(fc.oneof(fc.nat(0xff), fc.nat(0xffff), fc.integer({ min: 0xd7ff, max: 0xe000 })))
    fc.assert(fc.property(units.map((list) => String.fromCharCode(...list)), (value) => {
      const { out } = tried(any, value)
      if (out === undefined) return
      expect(tried(any, out)).toEqual({ out })
      // deno-lint-ignore no-control-regex
      expect(out).not.toMatch(/[\0-\x1f\x7f-\x9f]/)
      expect(new TextDecoder().decode(new TextEncoder().encode(String(out)))).toBe(out)
    }))
  })

  test.each([
    ['text: min', () => text({ min: -1, max: 5 })],
    ['text: min', () => text({ min: 1.5, max: 5 })],
    ['text: max', () => text({ max: 0 })],
    ['text: max', () => text({ min: 6, max: 5 })],
    ['text: max', () => text({} as { max: number })],
    ['tagList: count', () => tagList({ min: 3, count: 2 })],
    ['tagList: max', () => tagList({ max: 0 })],
  ])('throws when made for a bad %s', (option, make) => {
    expect(make).toThrow(TypeError)
    expect(make).toThrow(`${option} must be`)
  })
})

describe('plainText', () => {
  const title = plainText({ max: 100, name: 'The title' })

  test.each([
    'a < b',
    '<3',
    'a<b'.replace('<b', '< b'),
    '1<2>0',
    '<',
    '>',
    '<>',
    'Tom & Jerry',
    '< script >',
    "O'Brien",
  ])(
    'V10, V18: keeps %j as it is',
    (value) => {
      expect(tried(title, value)).toEqual({ out: value })
    },
  )

  test.each([
    '<b>',
    'a<b',
    '</p',
    '<!--',
    '<?xml',
    '<SCRIPT>alert(1)</SCRIPT>',
    '<scr<script>ipt>',
    '<img src=x onerror=1',
  ])(
    'V10, V18: refuses %j rather than strip it',
    (value) => {
      expect(tried(title, value)).toEqual({ no: ['check The title may not have HTML in it.'] })
    },
  )

  test('is bounded and without control characters as text is', () => {
    expect(wrong(title, ' ')).toEqual(['min_length'])
    expect(wrong(title, 'a\0')).toEqual(['check'])
    expect(wrong(plainText({ max: 5, lines: true }), 'a\nb')).toEqual([])
  })
})

describe('username', () => {
  test.each(['ada', 'Ada_L-1815', '___', 'a'.repeat(32), ' ada '])('V6: takes %j', (value) => {
    expect(tried(username(), value)).toEqual({ out: value.trim() })
  })

  test.each([
    ['ab', 'min_length The username must have 3 to 32 characters.'],
    ['a'.repeat(33), 'max_length The username must have 3 to 32 characters.'],
    ['a b', 'regex The username may have letters, digits, hyphens and underscores.'],
    ['аda', 'regex The username may have letters, digits, hyphens and underscores.'], // a Cyrillic а
    ['a@b', 'regex The username may have letters, digits, hyphens and underscores.'],
    ['../x', 'regex The username may have letters, digits, hyphens and underscores.'],
  ])('V6: refuses %j', (value, no) => {
    expect(tried(username(), value)).toEqual({ no: [no] })
  })
})

describe('slug', () => {
  test.each(['a', 'research-agent', 'a1_b2-c3', 'a'.repeat(64)])('V4: takes %j', (value) => {
    expect(tried(slug(), value)).toEqual({ out: value })
  })

  test.each(['', 'A', 'a--b', '-a', 'a-', 'a b', 'a/b', '..', 'ä', 'a'.repeat(65)])('V4: refuses %j', (value) => {
    expect(tried(slug(), value).no).toBeDefined()
  })
})

describe('languageTag', () => {
  test.each([
    ['en', 'en'],
    ['EN-us', 'en-US'],
    ['zh-hant-tw', 'zh-Hant-TW'],
    ['es-419', 'es-419'],
    ['de-CH-1996', 'de-CH-1996'],
    ['sl-rozaj', 'sl-rozaj'],
    [' fr ', 'fr'],
    ['haw', 'haw'],
  ])('V4: takes %j as %j', (value, out) => {
    expect(tried(languageTag(), value)).toEqual({ out })
  })

  test.each(['', 'e', 'english', 'en_US', 'en-', 'en-u-ca-buddhist', 'x-private', 'i-klingon', 'de-1996-1996', '*', 5])(
    'V4: refuses %j',
    (value) => {
      expect(tried(languageTag(), value)).toEqual({
        no: [
          `${typeof value === 'string' ? 'regex' : 'string'} The language must be a language tag, such as en or pt-BR.`,
        ],
      })
    },
  )

  test('whatever has the form has a canonical form, and does not throw', () => {
    const form = /^[A-Za-z]{2,3}(?:-[A-Za-z]{4})?(?:-(?:[A-Za-z]{2}|\d{3}))?(?:-(?:[A-Za-z\d]{5,8}|\d[A-Za-z\d]{3}))?$/
    fc.assert(fc.property(fc.stringMatching(form), (tag) => {
      expect(tried(languageTag(), tag).out).toMatch(/^[a-z]{2,3}(?:-|$)/)
    }))
  })
})

describe('tagList', () => {
  test('V10: trims, and says each tag once, whatever its case', () => {
    const tags = [' Music ', 'music', 'C++', 'R&B', 'caf\u00e9', 'cafe\u0301', '#1', 'MUSIC', '日本']
    expect(tried(tagList(), tags)).toEqual({ out: ['Music', 'C++', 'R&B', 'caf\u00e9', '#1', '日本'] })
    expect(tried(tagList(), [])).toEqual({ out: [] })
  })

  test.each<[value: unknown, says: string[]]>([
    [['a', ' '], ['1 min_length The tags must have 1 to 5 characters each.']],
    [['abcdef'], ['0 max_length The tags must have 1 to 5 characters each.']],
    [['<b>'], ['0 regex The tags may not have commas, angle brackets or control characters.']],
    [['a,b'], ['0 regex The tags may not have commas, angle brackets or control characters.']],
    [['a\nb'], ['0 check The tags may not have commas, angle brackets or control characters.']],
    [[5], ['0 string The tags must be texts.']],
    [['a', 'b', 'c'], ['max_length The tags must be a list of 0 to 2.']],
    ['a,b', ['array The tags must be a list of 0 to 2.']],
    [{ length: 1, 0: 'a' }, ['array The tags must be a list of 0 to 2.']],
  ])('V10: refuses %j', (value, no) => {
    expect(tried(tagList({ count: 2, max: 5 }), value)).toEqual({ no })
  })

  test('a list that needs one has one', () => {
    expect(tried(tagList({ min: 1, name: 'The keywords' }), [])).toEqual({
      no: ['min_length The keywords must be a list of 1 to 20.'],
    })
  })
})
