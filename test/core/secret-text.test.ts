import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { REDACTED, redaction, standardRedaction } from '../../src/core/redact.ts'

const { text, string, line } = standardRedaction
const R = REDACTED
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const PEM = '-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: AES-128-CBC\n\nMIIE+a/b\n-----END RSA PRIVATE KEY-----'

describe('PITFALLS 22: secrets are hidden by their shape', () => {
  test.each([
    [`${JWT}`, R],
    [`got ${JWT}, sent`, `got ${R}, sent`],
    [`/callback/${JWT}`, `/callback/${R}`],
    [`token-${JWT}`, `token-${R}`],
    ['eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVy.dGFn', R],
    ['4111 1111 1111 1111', R],
    ['4111-1111-1111-1111', R],
    ['q=4111+1111+1111+1111', `q=${R}`],
    ['paid with 5555555555554444.', `paid with ${R}.`],
    ['card-4111111111111111', `card-${R}`],
    ['{"pan":4111111111111111}', `{"pan":${R}}`],
    ['2026-01-02 4111111111111111 12/27 123', `2026-01-02 ${R} 12/27 123`],
    ['?q=my%20card%204111%201111%201111%201111', `?q=my%20card%20${R}`],
    ['4111 1111 1111 1111 123', `${R} 123`],
    ['4512 4111 1111 1111 1111', `4512 ${R}`],
    ['3782 822463 10005', R],
    ['authorization: Bearer abc', `authorization: Bearer ${R}`],
    ['bearer a.b~c+d/e==', `bearer ${R}`],
    ['Basic YTpi', `Basic ${R}`],
    ['Basic dXNlcjpwYXNz', `Basic ${R}`],
    ['Basic ada:hunter2', `Basic ${R}`],
    ['redis://:hunter2@cache.test:6379/0', `redis://:${R}@cache.test:6379/0`],
    ['https://ada:p@ss:w@a.test/?a=1', `https://ada:${R}@a.test/?a=1`],
    ['GET /x?token=abc&a=1', `GET /x?token=${R}&a=1`],
    ['password=hunter2', `password=${R}`],
    ['a=b=c&token=d==&e=f', `a=b=c&token=${R}&e=f`],
    ['url=https://ada:pw@a.test/?api%5Fkey=abc', `url=https://ada:${R}@a.test/?api%5Fkey=${R}`],
    ['next=%2Fx%3Ftoken%3Dabc%26a%3D1&b=2', `next=%2Fx%3Ftoken%3D${R}&b=2`],
    ['Authorization=Bearer hunter2&a=1', `Authorization=${R}&a=1`],
    ['Authorization = Bearer  hunter2 a', `Authorization = ${R} a`],
    ['password = "hun ter2", a', `password = "${R}", a`],
    ['{"password":"hun\\"ter2","a":1}', `{"password":"${R}","a":1}`],
    ['{"a": {"apiKey": "x y"}}', `{"a": {"apiKey": "${R}"}}`],
    ["{ 'x-api-key': 'abc', a: 1 }", `{ 'x-api-key': '${R}', a: 1 }`],
    ['{\\"password\\":\\"hunter2', `{\\"password\\":\\"${R}`],
    [`key:\n${PEM}\nend`, `key:\n${R} RSA PRIVATE KEY-----\nend`],
    [PEM.slice(0, -40), R],
    ['ghp_abcdefghijklmnopqrstuvwxyz0123456789', R],
    ['github_pat_11ABCDEFG0abcdefghijkl_mnopq', R],
    ['xoxb-123456789012-abcdefghijkl', R],
    ['sk-proj-abcdefghijklmnopqrstuvwx', R],
    ['sk_live_abcdefghijklmnopqrstuvwx', R],
  ])('%j', (given, shown) => {
    expect(text(given)).toBe(shown)
    expect(JSON.parse(string(given))).toBe(shown)
    expect(JSON.parse(line([given]))).toEqual([shown])
  })

  test.each(['4222222222222', '30569309025904', '378282246310005', '3530111333300000', '2223003122003222'])(
    'a card of %s, in a text, alone and within words',
    (card) => {
      expect(text(card)).toBe(R)
      expect(text(`card ${card}, thanks`)).toBe(`card ${R}, thanks`)
    },
  )

  test.each(['6011000990139424', '6205500000000000004', '5105105105105100', '4000000000000000006'])(
    'and of %s',
    (card) => {
      expect(text(card)).toBe(R)
    },
  )
})

describe('what is none stays', () => {
  test.each([
    'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    '4111111111111112',
    '41111111111111111',
    'x4111111111111111',
    '4111111111111111x',
    'order_4111111111111111',
    '0.4111111111111111',
    '4111111111111111.5',
    // IMEIs and ids of Twitter and Discord end in check digits too, or may.
    '356938035643809',
    '1735689600007',
    '1541815603606036480',
    '550e8400-e29b-41d4-a716-446655440000',
    '41111111-1111-4111-8111-111111111111',
    'eyJpZCI6N30',
    'eyJpZCI6N30.x',
    'monkey=1&keyboard=2',
    'token=&a=1',
    'http://a.test:8080/x',
    'http://a.test:8080',
    '{"url":"http://a.test:80","mail":"ada@b.test"}',
    'a bearer token is missing',
    'Bearer realm="x", error="invalid_token"',
    'Basic authentication is off',
    'the basic plan',
    'Basic 2 and basic (free) plans',
    'Invalid password: it is too short',
    'Unexpected token } in JSON at position 7',
    '/sk-SK/ask-me',
    'risk-assessment-of-the-whole-house-1',
    '-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----',
    'a-----b',
    '',
  ])('%j', (given) => {
    expect(text(given)).toBe(given)
    expect(JSON.parse(string(given))).toBe(given)
  })

  test('a number without its check digit, and any text without a hint of a secret', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'abcxyz ,.!?()/éÄ\n'), maxLength: 200 }), (given) => {
        expect(text(given)).toBe(given)
      }),
      { numRuns: 300 },
    )
  })
})

test('names of one’s own are secret in texts too', () => {
  const mine = redaction({ keys: ['customerId'] })
  expect(mine.text('/x?customer_id=7&a=1')).toBe(`/x?customer_id=${R}&a=1`)
  expect(text('/x?customer_id=7&a=1')).toBe('/x?customer_id=7&a=1')
})

describe('a long text is cut, and no part of what the cut goes through is shown', () => {
  const secrets = [
    JWT,
    `${JWT}${'x'.repeat(5_000)}`,
    `eyJ${'a'.repeat(3_000)}`,
    '4111 1111 1111 1111',
    '4111111111111111',
    '3782 822463 10005',
    `Bearer ${'hunter2'.repeat(50)}`,
    `Basic ${'dXNl'.repeat(50)}`,
    `postgres://ada:${'hunter2'.repeat(50)}@a.test`,
    `?token=${'hunter2'.repeat(50)}&a=1`,
    `"password":"${'hunter2 '.repeat(50)}","a":1`,
    PEM,
    `ghp_${'hunter2'.repeat(20)}`,
    `sk-${'hunter2'.repeat(20)}`,
  ]
  const told = ['hunter2', 'dXNl', 'eyJ', 'MIIE', 'AES', '4111', '3782', 'dBjf']

  test('wherever it begins', () => {
    fc.assert(
      fc.property(fc.constantFrom(...secrets), fc.nat(120), fc.constantFrom(0, 1, 45, 4_000), (secret, from, more) => {
        const given = `${'-'.repeat(from)} ${secret} ${'-'.repeat(more)}`
        const shown = JSON.parse(string(given, 60)) as string
        expect(shown.length).toBeLessThanOrEqual(Math.max(61, given.length <= 60 ? 200 : 0))
        for (const part of told) expect(shown).not.toContain(part)
      }),
      { numRuns: 1_000 },
    )
  })

  test('in all that writes', () => {
    for (const secret of secrets) {
      for (const most of [200, 2_048, 32_768]) {
        for (const before of [1, 5, 12, 30]) {
          const given = `${'x '.repeat(most).slice(0, most - before)} ${secret} end`
          const shown = `${most === 32_768 ? text(given) : ''} ${line({ a: given, [given]: 1 })} ${string(given, most)}`
          for (const part of told) expect(shown).not.toContain(part)
        }
      }
    }
  })

  test('what is not secret is shown up to the cut', () => {
    expect(JSON.parse(string('x'.repeat(100), 60))).toBe(`${'x'.repeat(60)}…`)
    expect(JSON.parse(string('x'.repeat(70), 60))).toBe(`${'x'.repeat(60)}…`)
    expect(JSON.parse(string('x'.repeat(60), 60))).toBe('x'.repeat(60))
  })
})

describe('fault 46: bounded in time', () => {
  const quickest = (work: () => unknown): number =>
    Math.min(...Array.from({ length: 5 }, () => {
      const start = performance.now()
      work()
      return performance.now() - start
    }))

  // Ten milliseconds on a quiet machine; these allow for a busy one.
  test.each([
    'eyJ',
    'eyJ.',
    'eyJ-',
    'a.eyJ',
    '=',
    'a=',
    'token=',
    'token="',
    'token=\\"',
    '": "',
    '%3D',
    '%',
    '4',
    '4 ',
    '4111 ',
    '4111-',
    '4111111111111112 ',
    '4111 1111 1111 1112 ',
    'Bearer ',
    'Bearer  ',
    'Basic ',
    'basic a',
    '://',
    '://a:',
    '://a:b',
    '://a:b@',
    ':',
    '@',
    '-----BEGIN ',
    '-----BEGIN PRIVATE KEY-----',
    '-----BEGIN A ',
    '-----END',
    'sk-',
    'xoxb-',
    'gh._',
    '"',
    '\\',
    '\\"',
    'a',
    '-',
    '[',
    ' ',
    'k%6',
    '\u00e9',
  ])('64 KB and more of %j', (unit) => {
    const given = unit.repeat(Math.ceil(70_000 / unit.length))
    expect(quickest(() => text(given))).toBeLessThan(100)
  })

  test('10 MB', () => {
    const given = 'eyJ.token=4111 '.repeat(700_000)
    given.charCodeAt(1) // flat: it is what reads it that is measured
    expect(quickest(() => text(given))).toBeLessThan(100)
  })

  test('an ordinary text costs next to nothing', () => {
    const given = '/v1/notes/my-first-note/comments/latest/and/some/more/of/it/x'
    const ms = quickest(() => {
      for (let i = 0; i < 10_000; i++) text(given)
    })
    expect(ms).toBeLessThan(20) // 0.1 to 0.2 µs each, times ten for a busy machine
  })
})
