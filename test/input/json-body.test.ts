import { describe, expect, test } from 'vitest'
import { readBody, readText } from '../../src/core/body.ts'
import { Problem } from '../../src/core/problem.ts'
import type { ReceivedBody } from '../../src/input/codec.ts'
import type { JsonBodyOptions } from '../../src/input/json-body.ts'
import { jsonBody } from '../../src/input/json-body.ts'
import type { StructureLimits } from '../../src/input/structure.ts'
import { contextOf, requestTo } from '../helpers.ts'

const MARK = '\ufeff'
const utf8 = new TextEncoder()

function received(body: string | Uint8Array, structure: StructureLimits = {}): ReceivedBody {
  const bytes = new Uint8Array(typeof body === 'string' ? utf8.encode(body) : body)
  const request = requestTo('/', { method: 'POST', body: bytes })
  const context = contextOf()
  return {
    contentType: 'application/json',
    context,
    structure,
    lists: new Set(),
    text: () => readText(request, context, 10_000_000),
    bytes: () => readBody(request, context, 10_000_000),
  }
}

/** The value, or the problem; and the events. */
async function read(body: string | Uint8Array, options?: JsonBodyOptions, structure?: StructureLimits) {
  const one = received(body, structure)
  const read = await Promise.resolve(jsonBody(options).decode(one)).then(
    (value) => ({ value }),
    (error: unknown) => {
      if (!(error instanceof Problem)) throw error
      return { status: error.status, code: error.code, errors: error.members?.['errors'], error }
    },
  )
  return { ...read, events: one.context.events, said: one.context.attributes['input.errors'] }
}

const duplicate = { pointer: '#', code: 'duplicate-key', message: 'A key occurs twice in the same object.' }
const unsafe = { pointer: '#', code: 'unsafe-integer', message: 'An integer is too large to be kept.' }

describe('lets the good through', () => {
  test('is a codec for JSON', () => {
    expect(jsonBody().types).toEqual(['application/json'])
  })

  test.each<[text: string, value: unknown]>([
    ['', undefined],
    ['null', null],
    ['"x"', 'x'],
    [' \t\r\n{"a" : [1, -0.5e-1, true]}\n', { a: [1, -0.05, true] }],
    ['"\u2028\\u0000\\ud800"', '\u2028\0\ud800'],
  ])('reads %s', async (text, value) => {
    const all: JsonBodyOptions[] = [
      {},
      { byteOrderMark: 'strip' },
      { duplicateKeys: 'refuse', unsafeIntegers: 'refuse' },
      { duplicateKeys: 'report', unsafeIntegers: 'report' },
    ]
    for (const options of all) expect(await read(text, options)).toEqual({ value, events: [] })
  })

  test('fault 25: of a duplicate key the last counts, and nothing is recorded', async () => {
    expect(await read('{"a":1,"a":2}')).toEqual({ value: { a: 2 }, events: [] })
    expect(await read('9007199254740993')).toEqual({ value: 9_007_199_254_740_992, events: [] })
  })

  test('fault 25: or it is reported too', async () => {
    const event = { kind: 'suspicious', guard: 'validate' }
    expect(await read('{"a":1,"\\u0061":2}', { duplicateKeys: 'report' })).toEqual({
      value: { a: 2 },
      events: [{ ...event, code: 'duplicate-key' }],
    })
    expect(await read('{"a":[9007199254740993]}', { unsafeIntegers: 'report' })).toEqual({
      value: { a: [9_007_199_254_740_992] },
      events: [{ ...event, code: 'unsafe-integer' }],
    })
  })

  test('fault 20: a byte-order mark is stripped where that is wanted, once', async () => {
    expect(await read(`${MARK}{"a":"${MARK}"}`, { byteOrderMark: 'strip' })).toEqual({ value: { a: MARK }, events: [] })
    expect(await read(`${MARK}${MARK}1`, { byteOrderMark: 'strip' })).toMatchObject({ code: 'body-malformed' })
  })
})

describe('refuses the bad', () => {
  test.each(['{', '{"a":1,}', "{'a':1}", 'NaN', '01', '"\t"', '1 2', '[1]secret'])(
    'fault 23: %j is malformed, and the refusal keeps nothing of it',
    async (text) => {
      for (const options of [{}, { byteOrderMark: 'strip' }, { duplicateKeys: 'refuse' }] as const) {
        const { error, ...rest } = await read(text, options) as Record<string, unknown> & { error: Problem }
        expect(rest).toEqual({ status: 400, code: 'body-malformed', events: [] })
        expect(error.cause).toBeUndefined()
      }
    },
  )

  test.each<[json: string, options: JsonBodyOptions, errors: unknown[]]>([
    ['{"a":1,"a":2}', { duplicateKeys: 'refuse' }, [duplicate]],
    ['[{"b":{"a":1,"x":[],"\\u0061":2}}]', { duplicateKeys: 'refuse' }, [duplicate]],
    ['[-9007199254740992]', { unsafeIntegers: 'refuse' }, [unsafe]],
    [
      '{"a":9007199254740993,"a":1}',
      { duplicateKeys: 'refuse', unsafeIntegers: 'refuse', byteOrderMark: 'strip' },
      [duplicate, unsafe],
    ],
  ])('fault 25: %s with %j', async (json, options, errors) => {
    expect(await read(json, options)).toMatchObject({ status: 400, code: 'input-invalid', errors, events: [] })
  })

  test('the log learns what is wrong', async () => {
    const all: JsonBodyOptions = { duplicateKeys: 'refuse', unsafeIntegers: 'refuse' }
    expect((await read('{"a":9007199254740993,"a":1}', all)).said).toBe('# duplicate-key; # unsafe-integer')
    expect((await read('{"a":1}', all)).said).toBeUndefined()
  })

  test('one refused, the other reported', async () => {
    const json = '{"a":9007199254740993,"a":1}'
    expect(await read(json, { duplicateKeys: 'refuse', unsafeIntegers: 'report' })).toMatchObject({
      errors: [duplicate],
      events: [{ code: 'unsafe-integer' }],
    })
    expect(await read(json, { duplicateKeys: 'report', unsafeIntegers: 'refuse' })).toMatchObject({
      errors: [unsafe],
      events: [{ code: 'duplicate-key' }],
    })
  })

  test('what is no JSON is malformed, not suspicious', async () => {
    expect(await read('{"a":1,"a":2', { duplicateKeys: 'report' })).toMatchObject({
      code: 'body-malformed',
      events: [],
    })
  })

  test('fault 20: a byte-order mark', async () => {
    expect(await read(`${MARK}1`)).toMatchObject({ status: 400, code: 'encoding-invalid' })
  })

  test.each<[what: string, bytes: number[]]>([
    ['a lone continuation byte', [0x22, 0x80, 0x22]],
    ['an overlong slash', [0x22, 0xc0, 0xaf, 0x22]],
    ['a surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['a sequence cut off', [0x22, 0xe2, 0x82]],
    ['UTF-16LE with a mark', [0xff, 0xfe, 0x31, 0x00]],
    ['a mark cut off', [0xef, 0xbb]],
  ])('fault 19: invalid UTF-8, %s, stripped of its mark or not', async (_what, bytes) => {
    for (const byteOrderMark of ['refuse', 'strip'] as const) {
      expect(await read(new Uint8Array(bytes), { byteOrderMark })).toMatchObject({
        status: 400,
        code: 'encoding-invalid',
      })
    }
  })

  test.each<[what: string, json: string, structure: StructureLimits]>([
    ['keys', `{${Array.from({ length: 1_001 }, (_, i) => `"${i}":0`).join()}}`, { keys: 1_000 }],
    ['items', `[${'0,'.repeat(10_001)}0]`, { items: 10_000 }],
    ['levels', '['.repeat(100_000), { depth: 99_999 }],
  ])('faults 21, 22: too many %s, by the bounds of the value', async (_what, json, structure) => {
    expect(await read(json)).toMatchObject({ status: 400, code: 'input-too-complex' })
    expect(await read(json, {}, structure)).toMatchObject({ code: 'input-too-complex' })
    expect(await read(json, {}, { depth: 100_000, keys: 1_001, items: 100_001 })).not.toMatchObject({
      code: 'input-too-complex',
    })
  })

  test.each([
    [{ duplicateKeys: 'warn' }, 'duplicateKeys'],
    [{ unsafeIntegers: true }, 'unsafeIntegers'],
    [{ duplicateKeys: null }, 'duplicateKeys'],
    [{ byteOrderMark: 'allow' }, 'byteOrderMark'],
  ])('throws when made with %j', (options, name) => {
    expect(() => jsonBody(options as unknown as JsonBodyOptions)).toThrow(new RegExp(`^jsonBody: ${name} must be '`))
    expect(() => jsonBody(options as unknown as JsonBodyOptions)).toThrow(TypeError)
  })

  test('undefined is the default', async () => {
    const options = { duplicateKeys: undefined, unsafeIntegers: undefined, byteOrderMark: undefined }
    expect(await read('{"a":1,"a":2}', options)).toMatchObject({ value: { a: 2 } })
  })
})
