import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readBody } from '../../src/core/body.ts'
import { compose } from '../../src/core/compose.ts'
import { errors } from '../../src/core/errors.ts'
import type { HasSanitizer } from '../../src/core/facts.ts'
import { Problem } from '../../src/core/problem.ts'
import { secretKeys } from '../../src/core/redact.ts'
import { sanitize, type SanitizeOptions } from '../../src/input/sanitize.ts'
import { policy } from '../../src/policy/policy.ts'
import { contextOf, requestTo, send, source, upload } from '../helpers.ts'

/** The function that handlers get, and the context it reports to. */
function sanitizer(options?: SanitizeOptions) {
  const context = contextOf()
  let clean: HasSanitizer['sanitize'] | undefined
  void sanitize(options)((_request, added) => {
    clean = added.sanitize
    return new Response()
  })(requestTo(), context)
  return { clean: clean!, context }
}

function cleaned<T>(value: T, options?: SanitizeOptions): T {
  return sanitizer(options).clean(value)
}

/** Says what the function threw, if it is a problem. */
function refusal(value: unknown, options?: SanitizeOptions): unknown {
  try {
    cleaned(value, options)
  } catch (error) {
    if (error instanceof Problem) return [error.status, error.code]
    throw error
  }
  return 'taken'
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(frozen)
  return Object.freeze(value)
}

const TOO_COMPLEX = [400, 'input-too-complex']

/** What the rules say, in the plainest way. */
function plainly(text: string, form: 'NFC' | 'NFKC' = 'NFC'): string {
  const formed = text.replace(/\p{Cs}/gu, '\ufffd')
  // deno-lint-ignore no-control-regex
  return formed.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g, '').normalize(form).trim()
}

describe('lets the good through', () => {
  test.each<[what: string, text: string, clean: string]>([
    ['V5: white space at the ends', ' \t\r\n\u00a0\u3000\ufeffAda Lovelace\u2028 ', 'Ada Lovelace'],
    ['V5: null bytes', 'a\0b\0', 'ab'],
    ['controls', '\x01a\x08\x0b\x0c\x1b[31m\x7f\x80\x9f', 'a[31m'],
    ['white space behind a control', ' \0 a \x1f ', 'a'],
    ['a lone surrogate', 'a\ud800b\udc00', 'a\ufffdb\ufffd'],
    ['surrogates with a control between them', '\ud83d\0\ude00', '\ufffd\ufffd'],
    ['two forms of a letter', 'e\u0301 \u212b \u1100\u1161\u11a8', '\u00e9 \u00c5 \uac01'],
    ['a letter and its accent with a control between them', 'e\x01\u0301', '\u00e9'],
  ])('%s', (_what, text, clean) => {
    expect(cleaned(text)).toBe(clean)
    expect(cleaned({ a: [{ b: text }] })).toEqual({ a: [{ b: clean }] })
  })

  test.each([
    '',
    'a',
    'two  words',
    'lines\r\nand\ttabs\nin it',
    `O'Brien & Sons <b>SELECT</b> 1 < 2; DROP TABLE "x" -- \${jndi:ldap://x}`,
    'Straße, œuvre, naïve, Привет, שלום, مرحبا, 北京市。, ひらがな, カタカナ, 한국어',
    'नमस्ते สวัสดี 😀👍🏽 👩‍👩‍👧 ❤️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿',
    '\u202eright to left\u200b',
    '\ufffd',
  ])('%j stays as it is', (text) => {
    const value = frozen({ text, list: [text, null, 1.5, true, undefined, NaN, 10n] })
    const { clean, context } = sanitizer()
    expect(clean(value)).toBe(value)
    expect([context.events, context.attributes]).toEqual([[], {}])
  })

  test('copies only what leads to a change, and never touches what it was given', () => {
    const value = frozen({ same: { a: 'x' }, list: [{ b: 'y' }, { c: [' z '] }], n: 1 })
    const clean = cleaned(value)
    expect(clean).toEqual({ same: { a: 'x' }, list: [{ b: 'y' }, { c: ['z'] }], n: 1 })
    expect(value.list[1]).toEqual({ c: [' z '] })
    expect(clean.same).toBe(value.same)
    expect(clean.list[0]).toBe(value.list[0])
    expect(Object.keys(clean)).toEqual(['same', 'list', 'n'])
    Object.assign(clean, { n: 2 }) // a copy is not frozen
  })

  test('V16: passwords, tokens and the like stay as they came, with all below them', () => {
    const secrets = {
      password: ' p\0 ',
      newPassword: ' p ',
      api_key: ' k ',
      'x-csrf-token': ' t ',
      cardNumber: ' 1 ',
      credentials: { name: ' n ', list: [' l '] },
      tokens: [' a ', ' b '],
    }
    expect(cleaned({ ...secrets, name: ' Ada ', monkey: ' m ', keyboard: ' k ' }))
      .toEqual({ ...secrets, name: 'Ada', monkey: 'm', keyboard: 'k' })
  })

  test('V16: so does every name that logs would redact', () => {
    const words = fc.constantFrom(
      'pass',
      'word',
      'Password',
      'api',
      'API',
      'key',
      'Keys',
      'credit',
      'Card',
      'pi',
      'n',
      's',
    )
    const joint = fc.constantFrom('', '-', '_', '.', ' ', '2', 'é', 'x', '\u0130')
    const name = fc.array(fc.tuple(words, joint), { minLength: 1, maxLength: 4 }).map((parts) => parts.flat().join(''))
    const secret = secretKeys()
    fc.assert(fc.property(name, (field) => {
      expect(cleaned({ [field]: ' x ' })).toEqual({ [field]: secret(field) ? ' x ' : 'x' })
    }))
  })

  test('except leaves fields by their exact name', () => {
    const value = { source: ' a ', deep: [{ source: { code: ' b\0' } }], Source: ' c ', sources: ' d ' }
    expect(cleaned(value, { except: ['source', 'constructor'] }))
      .toEqual({ source: ' a ', deep: [{ source: { code: ' b\0' } }], Source: 'c', sources: 'd' })
  })

  test('fields: functions for the texts of a field, alone or in a list, at any depth, after the rest', () => {
    const seen: string[] = []
    const upper = (text: string) => {
      seen.push(text)
      return text.toUpperCase()
    }
    const value = frozen({ bio: ' a\0 ', list: [{ bio: ['b', ['c'], { name: 'd' }, 1] }], other: 'e' })
    expect(cleaned(value, { fields: { bio: upper } }))
      .toEqual({ bio: 'A', list: [{ bio: ['B', ['C'], { name: 'd' }, 1] }], other: 'e' })
    expect(seen).toEqual(['a', 'b', 'c'])
  })

  test('fields: where its function changes nothing the value stays itself', () => {
    const value = { bio: 'a', list: [{ bio: ['b'] }] }
    expect(cleaned(value, { fields: { bio: (text) => text } })).toBe(value)
  })

  test('fields: a name that sounds secret is cleaned if its author names it', () => {
    const value = { signature: ' Yours, Ada ', token: ' t ' }
    expect(cleaned(value, { fields: { signature: (text) => `${text}!` } }))
      .toEqual({ signature: 'Yours, Ada!', token: ' t ' })
  })

  test('fields: names of Object.prototype are no functions of ours', () => {
    expect(cleaned({ constructor: ' a ', toString: ' b ' }, { fields: { bio: (text) => text } }))
      .toEqual({ constructor: 'a', toString: 'b' })
  })

  test('only plain objects and arrays are walked', () => {
    class Note {
      text = ' a '
    }
    const value = {
      file: new File([' a '], ' a.txt '),
      date: new Date(0),
      bytes: new Uint8Array([0, 32]),
      map: new Map([['a', ' b ']]),
      set: new Set([' a ']),
      query: new URLSearchParams({ a: ' b ' }),
      note: new Note(),
      child: Object.create({ inherited: ' a ' }),
      boxed: Object(' a '),
      call: () => ' a ',
    }
    expect(cleaned(value)).toBe(value)
    const mixed = { ...value, name: ' a ' }
    const copy = cleaned(mixed)
    for (const key of Object.keys(value) as (keyof typeof value)[]) expect(copy[key]).toBe(mixed[key])
    expect(value.note.text).toBe(' a ')
  })

  test('objects without a prototype stay so, and keep every key', () => {
    const query: Record<string, unknown> = Object.assign(
      Object.create(null),
      JSON.parse('{"a":" b ","__proto__":" c ","n":1}'),
    )
    const copy = cleaned(query)
    expect(Object.getPrototypeOf(copy)).toBeNull()
    expect(Object.entries(copy)).toEqual([['a', 'b'], ['__proto__', 'c'], ['n', 1]])
  })

  test('PITFALLS 15: a key __proto__ is a key like any other, and pollutes nothing', () => {
    const value = JSON.parse('{"__proto__":{"admin":" yes "},"constructor":{"prototype":{"admin":" x "}},"a":" b "}')
    const copy = cleaned(value)
    expect(JSON.stringify(copy))
      .toBe('{"__proto__":{"admin":"yes"},"constructor":{"prototype":{"admin":"x"}},"a":"b"}')
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype)
    expect(({} as { admin?: string }).admin).toBeUndefined()
  })

  test('texts that are the value itself, and what is no text', () => {
    expect(cleaned(' a ')).toBe('a')
    for (const value of [undefined, null, 0, NaN, false, 10n]) expect(cleaned(value)).toBe(value)
  })

  test('trim: false keeps the ends', () => {
    expect(cleaned({ a: ' a\0 ' }, { trim: false })).toEqual({ a: ' a ' })
  })

  test(`controls: 'null' removes U+0000 alone, false nothing`, () => {
    expect(cleaned('a\0b\x01\x85c', { controls: 'null' })).toBe('ab\x01\x85c')
    expect(cleaned('a\0b\x01\x85c', { controls: false })).toBe('a\0b\x01\x85c')
  })

  test('unicode: the other form, or none', () => {
    expect(cleaned('\ufb01 \u00b2 \uff21 \u00a0', { unicode: 'NFKC' })).toBe('fi 2 A')
    expect(cleaned('\u00a8', { unicode: 'NFKC' })).toBe('\u0308') // its compatibility form starts with a space
    expect(cleaned('e\u0301\ud800', { unicode: false })).toBe('e\u0301\ud800')
    expect(cleaned('\u0301'.repeat(1_000), { unicode: false })).toHaveLength(1_000)
  })

  test('undefined options are the defaults', () => {
    const none = { trim: undefined, controls: undefined, unicode: undefined, except: undefined, fields: undefined }
    expect(cleaned(' e\u0301\0 ', none)).toBe('\u00e9')
  })
})

describe('is exact', () => {
  // Of fast-check's own texts, those of all characters take a second to get ready.
  const anyText = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
    .map((units) => String.fromCharCode(...units))
  const spiced = fc.array(
    fc.constantFrom(
      ' ',
      '\0',
      '\t',
      '\ud800',
      '\udc00',
      'e',
      '\u0301',
      '\u0316',
      '\u1100',
      '\u1161',
      '\u00a0',
      '\uff9e',
      'か',
      '\u3099',
    ),
    { maxLength: 12 },
  ).map((parts) => parts.join(''))

  test.each(['NFC', 'NFKC'] as const)('every character alone and behind others, in %s', (unicode) => {
    const { clean } = sanitizer({ unicode })
    const wrong: string[] = []
    for (let code = 0; code <= 0xffff; code++) {
      const char = String.fromCharCode(code)
      const text = `${char}e${char}\u1100${char}か${char}\u0627${char}`
      if (clean(text) !== plainly(text, unicode)) wrong.push(code.toString(16))
    }
    expect(wrong).toEqual([])
  })

  test('every text comes out as the rules say, and again the same', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, spiced), fc.constantFrom('NFC' as const, 'NFKC' as const), (text, unicode) => {
        const clean = cleaned(text, { unicode })
        expect(clean).toBe(plainly(text, unicode))
        expect(cleaned(clean, { unicode })).toBe(clean)
      }),
      { numRuns: 1_000 },
    )
  })

  test('every value comes out with the same shape, each text cleaned', () => {
    const plain = (value: unknown): unknown => {
      if (typeof value === 'string') return plainly(value)
      if (Array.isArray(value)) return value.map(plain)
      if (typeof value !== 'object' || value === null) return value
      return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]))
    }
    const key = fc.constantFrom('a', 'b', 'name', '__proto__', '0', 'monkey')
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 4 }, spiced, fc.double(), fc.constant(null), tie('list'), tie('object')),
      list: fc.array(tie('value'), { maxLength: 4 }),
      object: fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map(Object.fromEntries),
    }))
    fc.assert(fc.property(value, (one) => {
      const before = structuredClone(one)
      const clean = cleaned(one)
      expect(clean).toEqual(plain(one))
      expect(one).toEqual(before)
      expect(cleaned(clean)).toBe(clean)
    }))
  })
})

describe('says what it did', () => {
  test('V17: one event per part, with counts by rule, and one attribute in all', () => {
    const { clean, context } = sanitizer({ fields: { bio: (text) => text.toUpperCase() } })
    clean({ a: ' x', b: ['y\0 ', 'z'], bio: 'e\u0301' })
    clean({ page: '1 ' }, 'query')
    clean({ id: 'a' }, 'params')
    expect(context.events).toEqual([
      {
        kind: 'altered',
        guard: 'sanitize',
        code: 'input-altered',
        reason: 'body: 3 texts (trim 2, controls 1, unicode 1, fields 1)',
      },
      { kind: 'altered', guard: 'sanitize', code: 'input-altered', reason: 'query: 1 text (trim 1)' },
    ])
    expect(context.attributes).toEqual({ 'sanitize.altered': 4 })
  })

  test('PITFALLS 14: neither values nor names of fields are told', () => {
    const { clean, context } = sanitizer({ fields: { bio: (text) => `${text}!` } })
    clean({ MARKER: ' MARKER\0', deep: [{ MARKER: { MARKER: ['MARKER '] } }], bio: 'MARKER' })
    expect(JSON.stringify([context.events, context.attributes])).not.toContain('MARKER')
  })
})

describe('refuses the bad', () => {
  const nested = (levels: number, make = (inner: unknown): unknown => [inner], value: unknown = ' x ') => {
    for (let i = 0; i < levels; i++) value = make(value)
    return value
  }

  test('fault 21: more than 64 levels, however many and of whatever kind', () => {
    expect(cleaned(nested(64))).toEqual(nested(64, (inner) => inner === ' x ' ? ['x'] : [inner]))
    expect(refusal(nested(64, (a) => ({ a })))).toBe('taken')
    expect(refusal(nested(65))).toEqual(TOO_COMPLEX)
    expect(refusal(nested(65, (a) => ({ a })))).toEqual(TOO_COMPLEX)
    expect(refusal(nested(50_000))).toEqual(TOO_COMPLEX)
  })

  test('a value that holds itself, or the same things over and over', () => {
    const cycle: Record<string, unknown> = { a: 'x' }
    Object.assign(cycle, { list: [cycle, cycle], cycle })
    expect(refusal(cycle)).toEqual(TOO_COMPLEX)
    expect(refusal(nested(60, (inner) => [inner, inner], 'x'))).toEqual(TOO_COMPLEX)
    expect(refusal(nested(60, (inner) => ({ a: inner, b: inner }), 'x'))).toEqual(TOO_COMPLEX)
    expect(refusal(nested(5, (inner) => Array(100).fill(inner)))).toEqual(TOO_COMPLEX)
  })

  test.each<[what: string, mark: string, unicode?: 'NFKC']>([
    ['accents', '\u0301'],
    ['accents beyond the BMP', '\u{1d165}'],
    ['marks by compatibility', '\uff9e', 'NFKC'],
  ])('more than 30 marks in a row: %s', (_what, mark, unicode = undefined) => {
    const most = Math.floor(30 / mark.length)
    for (
      const before of [
        '',
        'a',
        'a'.repeat(29),
        'a'.repeat(30),
        'a'.repeat(61),
        '\u{1f600}'.repeat(16),
        'あ'.repeat(100),
      ]
    ) {
      expect(refusal(`${before}${mark.repeat(most)}b`, { unicode })).toBe('taken')
      expect(refusal(`${before}${mark.repeat(most + 1)}b`, { unicode })).toEqual(TOO_COMPLEX)
      expect(refusal(`${before}b${mark.repeat(most + 1)}`, { unicode })).toEqual(TOO_COMPLEX)
    }
  })

  test.each<[what: string, text: string]>([
    ['marks that would be sorted', '\u0301\u0316'.repeat(100_000)],
    ['as many marks as may be', `a${'\u0301\u0316'.repeat(15)}`.repeat(3_000)],
    ['white space inside', `x${' '.repeat(200_000)}x`],
    ['null bytes', '\0'.repeat(200_000)],
    ['lone surrogates', '\ud800'.repeat(200_000)],
  ])('fault 28: no text takes long: %s', (_what, text) => {
    const start = performance.now()
    refusal({ text })
    expect(performance.now() - start).toBeLessThan(500) // sorting takes 10 s
  })

  test.each<[options: unknown, message: string]>([
    [{ trim: 'yes' }, 'sanitize: trim must be true or false, got "yes"'],
    [{ controls: true }, `sanitize: controls must be 'all', 'null' or false, got true`],
    [{ unicode: 'NFD' }, `sanitize: unicode must be 'NFC', 'NFKC' or false, got "NFD"`],
    [{ except: 'password' }, 'sanitize: except must be a list of names'],
    [{ except: [1] }, 'sanitize: except must be a list of names'],
    [{ fields: { bio: 'html' } }, 'sanitize: fields.bio must be a function'],
    [{ fields: { bio: String }, except: ['bio'] }, `sanitize: except and fields both name 'bio'`],
  ])('%j is refused when made', (options, message) => {
    expect(() => sanitize(options as SanitizeOptions)).toThrow(new TypeError(message))
  })
})

describe('survives the broken', () => {
  async function answer(also: (text: string) => string) {
    const app = compose(errors({ log: () => {} }), sanitize({ fields: { bio: also } }))((_request, context) =>
      Response.json(context.sanitize({ bio: 'x' }))
    )
    const response = await send(app)
    return [response.status, (await response.json() as { code?: string }).code]
  }

  test('what a function of fields throws is the answer: its problem, or a 500', async () => {
    expect(
      await answer(() => {
        throw new Problem(400, 'html-invalid')
      }),
    ).toEqual([400, 'html-invalid'])
    expect(
      await answer(() => {
        throw new Error('a bug')
      }),
    ).toEqual([500, 'internal-error'])
  })

  test('a function of fields that returns no string is a bug', async () => {
    expect(await answer(() => undefined as unknown as string)).toEqual([500, 'internal-error'])
    expect(() => cleaned({ bio: 'x' }, { fields: { bio: () => 1 as unknown as string } })).toThrow(TypeError)
  })

  test('names that clients make up change nothing for others', () => {
    const { clean } = sanitizer({ except: ['raw'], fields: { bio: (text) => `${text}!` } })
    for (let round = 0; round < 5; round++) {
      const made = Array.from({ length: 1_500 }, (_, i) => [`${'long'.repeat(i % 30)}-${round}-${i}`, ' x '])
      expect(Object.values(clean(Object.fromEntries(made)))).toEqual(made.map(() => 'x'))
      expect(clean({ raw: ' a ', bio: ' b ', password: ' c ', name: ' d ' }))
        .toEqual({ raw: ' a ', bio: 'b!', password: ' c ', name: 'd' })
    }
  })

  test('50 requests at once keep their counts apart', async () => {
    const app = sanitize()(async (_request, context) => {
      const n = Number(new URL(_request.url).searchParams.get('n'))
      for (let i = 0; i < n; i++) {
        context.sanitize(' x ')
        await Promise.resolve()
      }
      return new Response()
    })
    const contexts = Array.from({ length: 50 }, () => contextOf())
    await Promise.all(contexts.map((context, n) => app(requestTo(`/?n=${n + 1}`), context)))
    expect(contexts.map(({ attributes }) => attributes['sanitize.altered'])).toEqual(contexts.map((_, n) => n + 1))
  })

  test('mounted twice it says so', () => {
    const twice = compose(sanitize(), sanitize() as never)(() => new Response())
    expect(() => twice(requestTo(), contextOf())).toThrow(`'sanitize' is already there`)
  })
})

describe('leaves streams alone', () => {
  test('a body that nobody asks for is not read', async () => {
    const { stream, pulled } = source(10)
    await send(sanitize()(() => new Response('ok')), upload(stream))
    expect(pulled).toBe(0)
  })

  test('what the handler cleans leaves the bytes of the request as they were, for signatures', async () => {
    const body = '{ "name": " Ada\\u0000 " }'
    const app = policy({ sanitize: sanitize() })(async (request, context) => {
      const bytes = await readBody(request, context, 100)
      const clean = context.sanitize(await request.json())
      return Response.json({ clean, bytes: new TextDecoder().decode(bytes), text: await request.text() })
    })
    const request = requestTo('/', { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    expect(await (await send(app, request, contextOf({ address: '192.0.2.1' }))).json()).toEqual({
      clean: { name: 'Ada' },
      bytes: body,
      text: body,
    })
  })
})
