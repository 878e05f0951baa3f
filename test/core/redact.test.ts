import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  jsonLine,
  jsonString,
  redact,
  REDACTED,
  redaction,
  SECRET_WORDS,
  secretKeys,
  standardRedaction,
} from '../../src/core/redact.ts'
import { secret } from '../../src/core/secret.ts'

const SECRET = 'hunter2-4711'
const isSecret = secretKeys()

/** One line, valid JSON, no control character that a terminal or a log reader would act on. */
function oneLine(value: unknown): string {
  const line = jsonLine(value)
  // deno-lint-ignore no-control-regex
  expect(line).not.toMatch(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/)
  expect(() => JSON.parse(line)).not.toThrow()
  return line
}

const read = (value: unknown): unknown => JSON.parse(jsonLine(value))

describe('PITFALLS 22: which keys are secret', () => {
  test.each([
    'password',
    'Password',
    'PASSWORD',
    'user_password',
    'userPassword',
    'db.password',
    'passwords',
    'passwd',
    'pwd',
    'passphrase',
    'secret',
    'client_secret',
    'clientSecret',
    'token',
    'accessToken',
    'access_token',
    'refresh-token',
    'csrfToken',
    'key',
    'apiKey',
    'api_key',
    'API_KEY',
    'x-api-key',
    'APIKey',
    'apikey',
    'secretKey',
    'AWSSecretAccessKey',
    'aws_secret_access_key',
    'encryptionKey',
    'privateKey',
    'authorization',
    'Authorization',
    'proxy-authorization',
    'cookie',
    'set-cookie',
    'Set-Cookie',
    'cookies',
    'jwt',
    'otp',
    'pin',
    'ssn',
    'cvv',
    'cvc',
    'credential',
    'credentials',
    'signature',
    'x-hub-signature-256',
    'creditCard',
    'credit_card',
    'creditcard',
    'cardNumber',
    'card_number',
    'card-numbers',
    'sessionId',
    'session_id',
    'SESSIONID',
    'AWSKey',
    'SSHKeys',
    'USERPin',
    'JWTToken',
    'DBPassword',
    'CSRFToken',
    'IDToken',
    'x-csrftoken',
    'authtoken',
    'clientsecret',
    'key2',
    'token1',
    'password1',
    'dbpassword',
    'githubtoken',
    'mytokens',
    'XMLHTTPToken',
    '_token_',
    'a.b.c.key',
  ])('%s is', (key) => {
    expect(isSecret(key)).toBe(true)
    expect(oneLine({ [key]: SECRET })).toBe(`{"${key}":"${REDACTED}"}`)
  })

  test.each([
    'monkey',
    'keyboard',
    'turkey',
    'donkey',
    'keynote',
    'passenger',
    'compass',
    'secretary',
    'tokenize',
    'pinned',
    'spin',
    'opinion',
    'author',
    'authority',
    'card',
    'credit',
    'number',
    'session',
    'assignment',
    'hotkeyboard',
    'name',
    'id',
    'url',
    'status',
    'error',
    'message',
    '',
    '_',
    '-',
    'constructor',
    'toString',
    'hasOwnProperty',
  ])('%s is not', (key) => {
    expect(isSecret(key)).toBe(false)
    expect(read({ [key]: 'x' })).toEqual({ [key]: 'x' })
  })

  test('every word of the list, in any case and between any separators', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...SECRET_WORDS),
        fc.constantFrom('_', '-', '.', ' '),
        fc.constantFrom('my', 'x', 'user', 'old'),
        fc.boolean(),
        (word, joint, prefix, upper) => {
          const key = [prefix, ...word.split(' ')].join(joint)
          expect(isSecret(upper ? key.toUpperCase() : key)).toBe(true)
          expect(isSecret(prefix + word.split(' ').map((part) => part[0]!.toUpperCase() + part.slice(1)).join('')))
            .toBe(true)
        },
      ),
      { numRuns: 300 },
    )
  })

  test('a list of one’s own takes the place of ours', () => {
    const mine = secretKeys(['iban', 'account number'])
    expect([mine('IBAN'), mine('accountNumber'), mine('account'), mine('password')]).toEqual([true, true, false, false])
  })

  test.each(['customerId', 'customer_id', 'CUSTOMER-ID', 'customer id', 'CustomerIds'])(
    'redaction: %s, in whatever case, is hidden in every case style',
    (name) => {
      const { isSecret, line } = redaction({ keys: [name, 'iban', 'taxFileNumber'] })
      for (
        const key of [
          'customerId',
          'customer_ids',
          'x-customer-id',
          'CUSTOMERID',
          'IBAN',
          'tax-file-number',
          'password',
        ]
      ) {
        expect([key, isSecret(key)]).toEqual([key, true])
        expect(line({ [key]: SECRET })).not.toContain('hunter2')
      }
      for (const key of ['customer', 'id', 'idCustomer', 'tax', 'fileNumber', 'libanon', 'monkey']) {
        expect([key, isSecret(key)]).toEqual([key, false])
      }
    },
  )

  test.each<[unknown]>([['iban'], [['']], [['--']], [[7]], [[undefined]], [{}], [null]])(
    'redaction: keys that are no names are found when it is made: %j',
    (keys) => {
      expect(() => redaction({ keys: keys as string[] })).toThrow(
        new TypeError('redaction: keys must be a list of names or words'),
      )
    },
  )

  test('100,000 distinct keys change no answer and fill no memory', () => {
    const mine = secretKeys()
    for (let i = 0; i < 100_000; i++) mine(`junk-${i}`)
    expect([mine('apiKey'), mine('monkey')]).toEqual([true, false])
  })
})

// Values of all kinds that hold SECRET under a secret key, 1 to 30 levels down.
const anyUnit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code))
const secretKey = fc.constantFrom(
  'password',
  'apiKey',
  'x-api-key',
  'Authorization',
  'refresh_token',
  'cardNumber',
  'Set-Cookie',
)
const plainKey = fc.oneof(
  fc.constantFrom('a', 'user', 'monkey', '__proto__', 'toJSON', 'constructor'),
  fc.string({ maxLength: 5 }),
)
const held = fc.constantFrom<unknown>(
  SECRET,
  [SECRET],
  { deep: SECRET },
  new Map([['a', SECRET]]),
  new Set([SECRET]),
  new Error(SECRET),
  `${SECRET}\n`,
)

function own(key: string, value: unknown): object {
  return Object.defineProperty({}, key, { value, enumerable: true, configurable: true, writable: true })
}

const layer: fc.Arbitrary<(inner: unknown) => unknown> = fc.oneof(
  plainKey.filter((key) => !isSecret(key)).map((key) => (inner: unknown) => own(key, inner)),
  fc.constant((inner: unknown) => [1, inner]),
  fc.constant((inner: unknown) => new Map([['m', inner]])),
  fc.constant((inner: unknown) => new Set([inner])),
  fc.constant((inner: unknown) => new Error('outer', { cause: inner })),
  fc.constant((inner: unknown) => Object.assign(new Error('outer'), { context: inner })),
  fc.constant((inner: unknown) => Object.defineProperty({}, 'got', { enumerable: true, get: () => inner })),
)

test('PITFALLS 22: a secret is not printed at any depth, and what is logged is not changed', () => {
  fc.assert(
    fc.property(secretKey, held, fc.array(layer, { maxLength: 30 }), (key, value, layers) => {
      const before = structuredCloneable(value)
      const whole = layers.reduce<unknown>((inner, wrap) => wrap(inner), own(key, value))
      expect(oneLine(whole)).not.toContain('hunter2')
      expect(JSON.stringify(redact(whole)) ?? '').not.toContain('hunter2')
      expect(structuredCloneable(value)).toEqual(before)
    }),
    { numRuns: 500 },
  )
})

function structuredCloneable(value: unknown): unknown {
  return value instanceof Error ? value.message : structuredClone(value)
}

// A secret that only its shape, or its name within a text, gives away. The marker is in its secret part.
const MARK = 'aHVudGVyMi00NzEx'
const JWT = `eyJhbGciOiJIUzI1NiJ9.eyJzdWIi${MARK}.c2ln${MARK}`
const shaped = fc.constantFrom(
  JWT,
  `eyJhbGciOiJSU0EtT0FFUCJ9.${MARK}.${MARK}.${MARK}.${MARK}`,
  `Bearer ${MARK}`,
  `bearer  ${MARK}`,
  `Basic ${MARK}==`,
  `postgres://ada:${MARK}@db.test/x`,
  `?api_key=${MARK}`,
  `a=1&user%5Bpassword%5D=${MARK}&b=2`,
  `next=%2Fx%3Ftoken%3D${MARK}`,
  `{"password":"${MARK}","a":1}`,
  `{ apiKey: '${MARK}' }`,
  `-----BEGIN PRIVATE KEY-----\n${MARK}\n-----END PRIVATE KEY-----`,
  `ghp_${MARK}0123456789`,
  `sk-proj-${MARK}0123456789`,
)
const holder = fc.constantFrom<(text: string) => unknown>(
  (text) => text,
  (text) => ({ a: text }),
  (text) => ({ [text]: 1 }),
  (text) => [text],
  (text) => new Map([['a', text]]),
  (text) => new Map([[text, 'a']]),
  (text) => new Set([text]),
  (text) => new Error(text),
  (text) => Object.assign(new Error('outer'), { stack: `Error: ${text}\n    at x` }),
  (text) => new Error('outer', { cause: new Error(text) }),
  (text) => new AggregateError([new Error(text)], 'outer'),
  (text) =>
    new Headers({ 'x-note': encodeURI(text).replaceAll('%20', ' ').replaceAll('%22', '"').replaceAll('%25', '%') }),
  (text) => new URLSearchParams({ token: text, a: '1' }),
  (text) => new URL(`https://ada:${encodeURIComponent(text)}@a.test/?a=1&secret=${encodeURIComponent(text)}`),
  (text) => new TextEncoder().encode(text),
  (text) => Object.defineProperty({}, 'got', { enumerable: true, get: () => text }),
  (text) => new Proxy({ a: text }, {}),
  (text) => secret(text),
  (text) => ({ [Symbol('s')]: text, symbol: Symbol(text) }),
  (text) =>
    new (class Note {
      note = text
      toJSON(): string {
        return `raw ${text}`
      }
    })(),
)

test('PITFALLS 22: a secret that shows by its shape is not printed, whatever holds it, at any depth', () => {
  const around = fc.constantFrom('', ' ', 'x ', 'see: ', '(', '\n', 'é')
  fc.assert(
    fc.property(
      shaped,
      around,
      around,
      holder,
      fc.array(layer, { maxLength: 30 }),
      (text, before, after, hold, layers) => {
        const whole = layers.reduce<unknown>((inner, wrap) => wrap(inner), hold(before + text + after))
        expect(oneLine(whole)).not.toContain(MARK)
        expect(JSON.stringify(standardRedaction.copy(whole)) ?? '').not.toContain(MARK)
        expect(standardRedaction.text(before + text + after)).not.toContain(MARK)
        expect(standardRedaction.string(before + text + after)).not.toContain(MARK)
      },
    ),
    { numRuns: 1_000 },
  )
})

test('what only looks a little like one survives in every holder', () => {
  const plain = fc.oneof(
    fc.uuid(),
    fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
    fc.integer({ min: 1_000_000_000_000, max: 2_500_000_000_000 }).map(String),
    fc.ipV4(),
    fc.ipV6(),
    fc.constantFrom('monkey', 'keyboard', 'monkey=1', '4111111111111112', 'Basic plan', 'eyJpZCI6N30', 'sk-SK'),
  )
  fc.assert(
    fc.property(plain, (text) => {
      expect(read([text, { a: text }, new Map([['a', text]]), new Set([text])])).toEqual([
        text,
        { a: text },
        { a: text },
        [text],
      ])
      expect(standardRedaction.text(`x ${text}, y`)).toBe(`x ${text}, y`)
    }),
    { numRuns: 1_000 },
  )
  // A number is a number.
  expect(read([4_111_111_111_111_111, 1_735_689_600_007])).toEqual([4_111_111_111_111_111, 1_735_689_600_007])
})

test('anything at all becomes one line of JSON, and is not changed', () => {
  fc.assert(
    fc.property(
      fc.anything({
        withBigInt: true,
        withDate: true,
        withMap: true,
        withSet: true,
        withTypedArray: true,
        withNullPrototype: true,
        withSparseArray: true,
      }),
      (value) => {
        const before = fc.stringify(value)
        oneLine(value)
        expect(fc.stringify(value)).toBe(before)
      },
    ),
    { numRuns: 300 },
  )
})

test('frozen input is fine, and the copy is another object', () => {
  const input = Object.freeze({ password: SECRET, list: Object.freeze([1]) })
  const copy = redact(input) as { list: unknown }
  expect(copy).toEqual({ password: REDACTED, list: [1] })
  expect(copy.list).not.toBe(input.list)
})

describe('fault 46: nothing that is logged can throw', () => {
  const trap = (): never => {
    throw new Error('trap')
  }

  test('cycles, BigInt, symbols, functions, numbers that JSON has not', () => {
    const cycle: Record<string, unknown> = { a: 1 }
    cycle['self'] = cycle
    cycle['list'] = [cycle]
    expect(read(cycle)).toEqual({ a: 1, self: '[circular]', list: ['[circular]'] })
    const shared = { x: 1 }
    expect(read([shared, shared])).toEqual([{ x: 1 }, { x: 1 }])
    expect(read({ b: 10n, s: Symbol('s'), f: trap, n: [Number.NaN, Infinity, -0], u: undefined, z: null }))
      .toEqual({ b: '10', s: '[symbol]', f: '[function]', n: ['NaN', 'Infinity', 0], z: null })
    expect(jsonLine(undefined)).toBe('null')
  })

  test('throwing getters, Proxies and keys', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const hostile = {
      good: 1,
      get bad() {
        return trap()
      },
      proxy: new Proxy({}, { ownKeys: trap, get: trap, getPrototypeOf: trap, has: trap }),
      revoked: proxy,
      date: new Date(Number.NaN),
      map: new Map<unknown, unknown>([[{ toString: trap }, 1]]),
      json: { toJSON: trap },
      error: Object.defineProperty(new Error('x'), 'message', { get: trap }),
      fake: Object.create(Date.prototype) as unknown,
    }
    expect(read(hostile)).toMatchObject({
      good: 1,
      bad: '[unreadable]',
      proxy: '[unreadable]',
      revoked: '[unreadable]',
      date: null,
      json: { toJSON: '[function]' },
    })
  })

  test('a secret getter is not even called', () => {
    let called = false
    jsonLine({
      get password() {
        called = true
        return SECRET
      },
    })
    expect(called).toBe(false)
  })

  test('toJSON is not called: it is the input’s code', () => {
    expect(read({ toJSON: () => SECRET, a: 1 })).toEqual({ toJSON: '[function]', a: 1 })
  })

  test('Map, Set, Headers, Date and bytes', () => {
    expect(read({
      map: new Map<unknown, unknown>([['password', SECRET], ['a', 1], [1, 2]]),
      set: new Set(['a', { token: SECRET }]),
      headers: new Headers({ authorization: `Bearer ${SECRET}`, accept: '*/*' }),
      date: new Date(0),
      bytes: new TextEncoder().encode(SECRET),
      view: new DataView(new ArrayBuffer(3)),
      buffer: new ArrayBuffer(5),
      floats: new Float64Array(2),
    })).toEqual({
      map: { password: REDACTED, a: 1, 1: 2 },
      set: ['a', { token: REDACTED }],
      headers: { accept: '*/*', authorization: REDACTED },
      date: '1970-01-01T00:00:00.000Z',
      bytes: '[12 bytes]',
      view: '[3 bytes]',
      buffer: '[5 bytes]',
      floats: '[16 bytes]',
    })
  })

  test('URL and URLSearchParams are texts, with what is secret in them hidden', () => {
    expect(read({
      url: new URL(`https://ada:${SECRET}@a.test/x?token=${SECRET}&page=2#top`),
      query: new URLSearchParams({ 'card number': SECRET, 'user[pin]': '1234', page: '2' }),
    })).toEqual({
      url: `https://ada:${REDACTED}@a.test/x?token=${REDACTED}&page=2#top`,
      query: `card+number=${REDACTED}&user%5Bpin%5D=${REDACTED}&page=2`,
    })
  })

  test('a getter is called once, also one that an error has', () => {
    const calls: string[] = []
    const counted = (key: string): PropertyDescriptor => ({ enumerable: true, get: () => void calls.push(key) })
    const error = new Error('x')
    for (const key of ['cause', 'errors', 'other']) Object.defineProperty(error, key, counted(key))
    read(error)
    read(Object.defineProperty({}, 'got', counted('got')))
    expect(calls.sort()).toEqual(['cause', 'errors', 'got', 'other'])
  })

  test('what lies deeper than eight is not written, nor more than 100 of anything', () => {
    const eight = { a: { b: { c: { d: { e: { f: { g: { h: { i: 1 } } } } } } } } }
    expect(oneLine(eight)).toBe('{"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":{"i":1}}}}}}}}}')
    expect(oneLine({ z: eight })).toContain('"h":"[deep]"')
    const many = Array.from({ length: 101 }, (_, i) => i)
    expect(read(many)).toHaveLength(100)
    expect(read(new Set(many))).toHaveLength(100)
    expect(Object.keys(read(new Map(many.map((i) => [i, i]))) as object)).toHaveLength(100)
    expect(Object.keys(read(Object.fromEntries(many.map((i) => [`k${i}`, i]))) as object)).toHaveLength(100)
  })

  test('errors: name, message, stack, own fields, causes and what an AggregateError gathers', () => {
    const error = Object.assign(new TypeError('outer', { cause: new Error('root', { cause: { password: SECRET } }) }), {
      token: SECRET,
      status: 502,
    })
    expect(read(error)).toMatchObject({
      name: 'TypeError',
      message: 'outer',
      stack: expect.stringContaining('outer'),
      token: REDACTED,
      status: 502,
      cause: { message: 'root', cause: { password: REDACTED } },
    })
    expect(read(new AggregateError([new Error('one'), new Error('two')], 'all'))).toMatchObject({
      errors: [{ message: 'one' }, { message: 'two' }],
    })
    const cyclic = new Error('c')
    cyclic.cause = cyclic
    expect(read(cyclic)).toMatchObject({ message: 'c', cause: '[circular]' })
  })

  test('prototypes are left alone', () => {
    const line = oneLine(JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'))
    expect(line).toContain('polluted')
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })
})

describe('fault 46: bounded in time and size', () => {
  const timed = (make: () => unknown): number => {
    const value = make()
    expect(oneLine(value).length).toBeLessThan(17_000)
    return quickest(() => jsonLine(value))
  }
  /** The best of five: what else the machine does must not count. */
  const quickest = (work: () => unknown): number =>
    Math.min(...Array.from({ length: 5 }, () => {
      const start = performance.now()
      work()
      return performance.now() - start
    }))
  const nested = (depth: number): unknown => {
    let value: unknown = { password: SECRET }
    for (let i = 0; i < depth; i++) value = { a: value }
    return value
  }
  const text = 'x'.repeat(2_000)

  // Ten milliseconds on a quiet machine; these allow for a busy one.
  test.each<[string, () => unknown]>([
    ['1,000 deep', () => nested(1_000)],
    ['100,000 deep', () => nested(100_000)],
    ['10 MB in one string', () => ({ a: 'x'.repeat(10_000_000) })],
    ['10 MB in 100 strings', () => Array.from({ length: 100 }, () => 'x'.repeat(100_000))],
    ['20 MB in 10,000 short strings', () => Array.from({ length: 100 }, () => Array.from({ length: 100 }, () => text))],
    ['200 MB by sharing one list', () => {
      const list = Array.from({ length: 100 }, () => text)
      return Array.from({ length: 100 }, () => Array.from({ length: 10 }, () => list))
    }],
    // The engine lists all keys before it gives the first.
    ['20,000 keys', () => Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`k${i}`, i]))],
    [
      '10 MB of keys',
      () => Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`${i}${'k'.repeat(100_000)}`, i])),
    ],
    ['300,000 items', () => Array.from({ length: 300_000 }, (_, i) => i)],
    ['a Map of 300,000', () => new Map(Array.from({ length: 300_000 }, (_, i) => [i, i]))],
    ['shared 100 wide, 8 deep', () => {
      let value: unknown = 1
      for (let i = 0; i < 8; i++) value = Array.from({ length: 100 }, () => value)
      return value
    }],
    [
      'an endless iterator posing as an array',
      () =>
        new Proxy({}, {
          get: (_target, _key, self) => self as unknown,
          ownKeys: () => ['a'],
          getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
        }),
    ],
    ['10 MB of dots', () => ({ a: 'eyJ.'.repeat(2_500_000) })],
    ['10 MB of control characters', () => ({ a: '\u0000'.repeat(10_000_000) })],
  ])('%s', (_name, make) => {
    expect(timed(make)).toBeLessThan(100)
  })

  test('a long line says that it was cut, stays JSON and holds no secret', () => {
    const cut = read({ list: Array.from({ length: 100 }, () => ({ password: SECRET, text })) }) as {
      truncated: boolean
      start: string
    }
    expect(cut.truncated).toBe(true)
    expect(cut.start).not.toContain('hunter2')
    expect(cut.start.length).toBeLessThanOrEqual(8_192)
  })

  test('less than 20 µs for a typical line', () => {
    const record = {
      time: '2026-01-01T00:00:00.000Z',
      level: 'info',
      message: 'request',
      method: 'GET',
      path: '/v1/notes/7',
      status: 200,
      ms: 3.2,
      requestId: 'abc',
      headers: { accept: '*/*', authorization: 'x' },
    }
    const ms = quickest(() => {
      for (let i = 0; i < 1_000; i++) jsonLine(record)
    })
    expect(ms).toBeLessThan(100) // 20 µs each, times five for a busy machine
  })
})

describe('PITFALLS 22: nothing forges a line', () => {
  test.each([
    '\n{"level":"info"}',
    '\r\n',
    '\u2028',
    '\u2029',
    '\x85',
    '\x9b31m',
    '\x1b[2J',
    '\x7f',
    '\0',
    '\ud800',
    '"}\n{"a":"',
  ])('%j', (text) => {
    expect((JSON.parse(oneLine({ a: text, [text]: 1 })) as { a: string }).a).toBe(text)
    expect(JSON.parse(jsonString(text))).toBe(text)
    // deno-lint-ignore no-control-regex
    expect(jsonString(text)).not.toMatch(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/)
  })

  test('any text survives being written and read', () => {
    fc.assert(
      fc.property(fc.string({ unit: anyUnit, maxLength: 100 }), (text) => {
        expect(JSON.parse(jsonString(text))).toBe(text)
        expect(JSON.parse(oneLine([text]))).toEqual([text])
      }),
      { numRuns: 100 },
    )
  })

  test('long text is cut', () => {
    expect(JSON.parse(jsonString('x'.repeat(5_000)))).toBe(`${'x'.repeat(2_048)}…`)
    expect(JSON.parse(jsonString('x'.repeat(50), 10))).toBe('xxxxxxxxxx…')
  })
})
