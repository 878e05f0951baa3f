import * as v from 'valibot'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { readBody } from '../../src/core/body.ts'
import { compose } from '../../src/core/compose.ts'
import { errors } from '../../src/core/errors.ts'
import { ALLOW, guard, refusal } from '../../src/core/guard.ts'
import type { Handler } from '../../src/core/handler.ts'
import { legacyEnvelope } from '../../src/core/problem.ts'
import type { SchemaIssue, StandardSchema } from '../../src/input/standard-schema.ts'
import { validate, type ValidateOptions } from '../../src/input/validate.ts'
import { accessLog } from '../../src/logging/access-log.ts'
import { type Circumstances, contextOf, recorder, requestTo, send, source, upload } from '../helpers.ts'

const utf8 = new TextEncoder()

/** A schema as its author might write one by hand. */
function schemaOf(check: (value: unknown) => unknown): StandardSchema {
  const validate = (value: unknown) => check(value) as { value: unknown } | { issues: SchemaIssue[] }
  return { '~standard': { version: 1, vendor: 'test', validate } }
}

const anything = schemaOf((value) => ({ value }))

interface Post {
  readonly body?: BodyInit | undefined
  readonly type?: string | null
  readonly method?: string
  readonly headers?: Record<string, string>
}

function post({ body, type = 'application/json', method = 'POST', headers = {} }: Post): Request {
  const request = new Request('http://service.test/', {
    method,
    headers: { ...headers, ...(type === null ? {} : { 'content-type': type }) },
    ...(body === undefined ? {} : { body, duplex: 'half' }),
  })
  // Fetch gives a string a type of its own.
  if (type === null) request.headers.delete('content-type')
  return request
}

/** What came of it: the status, the problem, and what the handler found (nothing, if it was not called). */
async function result(
  schema: StandardSchema,
  request: Request,
  options: ValidateOptions = {},
  circumstances: Circumstances = {},
) {
  const seen: unknown[] = []
  const context = contextOf(circumstances)
  const handler: Handler = validate({ body: schema }, options)((_request, { input }) => {
    seen.push(input.body)
    return new Response('ok')
  })
  const response = await send(handler, request, context)
  const text = await response.text()
  const problem = response.status === 200 ? undefined : JSON.parse(text) as { code: string; errors?: unknown[] }
  return { status: response.status, response, code: problem?.code, problem, text, seen, events: context.events }
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('lets the good through', () => {
  test('gives the handler what the schema made of the body', async () => {
    const schema = v.object({ name: v.pipe(v.string(), v.trim()), age: v.optional(v.number(), 18) })
    const { status, seen } = await result(schema, post({ body: '{"name":"  Ada ","extra":1}' }))
    expect(status).toBe(200)
    expect(seen).toEqual([{ name: 'Ada', age: 18 }])
  })

  test.each([
    'application/json',
    'application/json; charset=utf-8',
    'application/json;charset=UTF-8',
    'APPLICATION/JSON',
    'Application/Json ; Charset="utf-8"',
    'application/json; charset=utf8',
    'application/json; profile="x"',
    'application/vnd.api+json',
    'application/problem+json',
    'application/ld+json; charset=utf-8',
  ])('PITFALLS 13: takes %s', async (type) => {
    expect(await result(anything, post({ body: '{"a":1}', type }))).toMatchObject({ status: 200, seen: [{ a: 1 }] })
  })

  test.each<[what: string, Post]>([
    ['a GET', { method: 'GET', type: null }],
    ['a HEAD', { method: 'HEAD', type: null }],
    ['a POST without a body', { type: null }],
    ['a POST without a body that claims JSON', {}],
    ['a POST with an empty body', { body: '' }],
    ['a DELETE', { method: 'DELETE', type: null }],
  ])('PITFALLS 13: %s is undefined to the schema', async (_what, init) => {
    const { status, seen } = await result(anything, post(init))
    expect([status, seen]).toEqual([200, [undefined]])
    expect((await result(v.object({}), post(init))).code).toBe('input-invalid')
  })

  test('a body without a type that turns out to be empty cannot be told before it is read: 415', async () => {
    expect((await result(anything, upload(source(0, 0).stream))).code).toBe('content-type-unsupported')
  })

  test.each<[text: string, value: unknown]>([
    ['null', null],
    ['0', 0],
    ['"x"', 'x'],
    ['[]', []],
    [' \t\r\n{"a" : 1}\n', { a: 1 }],
    ['-0.5e-1', -0.05],
    ['"\\u0000\\ud800"', '\0\ud800'],
    ['{"":""}', { '': '' }],
    ['"\u2028"', '\u2028'],
  ])('reads %s', async (text, value) => {
    expect(await result(anything, post({ body: text }))).toMatchObject({ status: 200, seen: [value] })
  })

  test('fault 25: of a duplicate key the last counts, for the schema and the handler alike', async () => {
    expect((await result(anything, post({ body: '{"a":1,"a":2}' }))).seen).toEqual([{ a: 2 }])
  })

  test('an asynchronous schema is awaited', async () => {
    const slow = schemaOf(async (value) => {
      await Promise.resolve()
      return value === 5 ? { value: 'five' } : { issues: [{ message: 'wrong' }] }
    })
    expect(await result(slow, post({ body: '5' }))).toMatchObject({ status: 200, seen: ['five'] })
    expect(await result(slow, post({ body: '6' }))).toMatchObject({ status: 400, seen: [] })
  })

  test('a schema that is a function (arktype) is one', async () => {
    const callable = Object.assign(() => undefined, { '~standard': anything['~standard'] })
    expect((await result(callable, post({ body: '1' }))).seen).toEqual([1])
  })

  test('a body of exactly the limit passes, one byte more does not', async () => {
    const text = `"${'x'.repeat(1_022)}"`
    expect((await result(anything, post({ body: text }), { max: '1kb' })).status).toBe(200)
    expect((await result(anything, post({ body: `${text} ` }), { max: '1kb' })).code).toBe('body-too-large')
  })
})

describe('refuses the bad', () => {
  test.each([
    'text/plain',
    'text/plain;charset=UTF-8',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    'text/json',
    'application/jsonp',
    'application/json-seq',
    'application/jsonx',
    'json',
    '+json',
    'application/+json',
    'image/svg+json',
    'application/json, text/plain',
    'text/plain; application/json',
    '*/*',
    '',
    'application/json; charset=utf-16',
    'application/json; charset=utf-7',
    'application/json;charset=iso-8859-1',
    'application/json; charset="utf-16le"',
    'application/json; CHARSET = latin1',
  ])('PITFALLS 13, fault 20: JSON as %j is 415', async (type) => {
    const { status, seen, code, response, events } = await result(anything, post({ body: '{"a":1}', type }))
    expect([status, code, seen]).toEqual([415, 'content-type-unsupported', []])
    expect(response.headers.get('accept')).toBe('application/json')
    expect(events).toMatchObject([{ kind: 'refused', guard: 'validate', status: 415 }])
  })

  test('PITFALLS 13: JSON without a type is 415', async () => {
    expect((await result(anything, post({ body: utf8.encode('{"a":1}'), type: null }))).code).toBe(
      'content-type-unsupported',
    )
  })

  test.each(['gzip', 'br', 'deflate', 'x-unknown', 'gzip, gzip', 'identity, gzip'])(
    'fault 17: Content-Encoding %s is 415, unread',
    async (encoding) => {
      const { stream, ...body } = source(10)
      const request = upload(stream, { 'content-type': 'application/json', 'content-encoding': encoding })
      const { code, response } = await result(anything, request)
      expect(code).toBe('content-encoding-unsupported')
      expect(response.headers.get('accept-encoding')).toBe('identity')
      expect(body.pulled).toBe(0)
    },
  )

  const malformed = [
    '{',
    '}',
    '[',
    ']',
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1,}',
    '{,"a":1}',
    '{"a":1 "b":2}',
    '{a:1}',
    "{'a':1}",
    '{"a":1}}',
    '{"a":1}#',
    '{"a":1}{',
    '[1,]',
    '[,1]',
    '[1,,2]',
    '[1 2]',
    '[1:2]',
    '["a"',
    '"a',
    "'a'",
    '"\t"',
    '"\n"',
    '"\\x41"',
    '"\\u12"',
    '"\\',
    'tru',
    'True',
    'NaN',
    'Infinity',
    '-Infinity',
    'undefined',
    '01',
    '1.',
    '.5',
    '+1',
    '1e',
    '0x1',
    '- 1',
    '1_000',
    '/* */1',
    '1//',
    ' ',
    '\u00a01',
    '\u20601',
    '\0',
    '1\0',
    '[\u000b1]',
    '<html>',
    'a=1&b=2',
  ]
  test.each(malformed)('fault 23: %j is 400', async (text) => {
    const { status, code, seen } = await result(anything, post({ body: text }))
    expect([status, code, seen]).toEqual([400, 'body-malformed', []])
  })

  test.each<[what: string, bytes: number[]]>([
    ['a lone continuation byte', [0x22, 0x80, 0x22]],
    ['an overlong slash', [0x22, 0xc0, 0xaf, 0x22]],
    ['a surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['beyond Unicode', [0x22, 0xf4, 0xbf, 0xbf, 0xbf, 0x22]],
    ['a sequence cut off', [0x22, 0xe2, 0x82]],
    ['Latin-1', [0x22, 0xe9, 0x22]],
    ['UTF-16LE with a mark', [0xff, 0xfe, 0x31, 0x00]],
    ['a byte-order mark', [0xef, 0xbb, 0xbf, 0x31]],
  ])('fault 19: invalid UTF-8 (%s) is 400', async (_what, bytes) => {
    expect(await result(anything, post({ body: new Uint8Array(bytes) }))).toMatchObject({
      status: 400,
      code: 'encoding-invalid',
      seen: [],
    })
  })

  test.each<[what: string, bytes: number[]]>([
    ['UTF-16 without a mark', [0x31, 0x00]],
    ['UTF-32', [0x00, 0x00, 0x00, 0x31]],
  ])('fault 20: %s is 400', async (_what, bytes) => {
    expect(await result(anything, post({ body: new Uint8Array(bytes) }))).toMatchObject({
      status: 400,
      code: 'body-malformed',
    })
  })

  test.each<[what: string, text: string]>([
    ['arrays', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['objects', '{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000)],
    ['arrays never closed', '['.repeat(500_000)],
    ['33 levels', '['.repeat(33) + ']'.repeat(33)],
  ])('fault 21: too many levels of %s are 400', async (_what, body) => {
    const { status, code, seen } = await result(anything, post({ body }))
    expect([status, seen]).toEqual([400, []])
    expect(['input-too-complex', 'body-malformed']).toContain(code)
  })

  test('fault 22: a million keys or items are 400, in bounded time, before the schema', async () => {
    const check = vi.fn((value: unknown) => ({ value }))
    const keys = `{${Array.from({ length: 1_000_000 }, (_, i) => `"${i.toString(36)}":0`).join()}}`
    const items = `[${'0,'.repeat(1_000_000)}0]`
    for (const body of [keys, items]) {
      const request = post({ body })
      const started = performance.now()
      expect((await result(schemaOf(check), request, { max: '50mb' })).code).toBe('input-too-complex')
      expect(performance.now() - started).toBeLessThan(1_000)
      expect((await result(schemaOf(check), post({ body }))).code).toBe('body-too-large')
    }
    expect(check).not.toHaveBeenCalled()
  })

  test('fault 22: too many keys are refused before JSON.parse has to make them', async () => {
    const parse = vi.spyOn(JSON, 'parse')
    const body = (count: number): string => `[${'{"a\\\\":"\\":","b":":::"},'.repeat(count)}{}]`
    const request = post({ body: body(501) })
    const handler = validate({ body: anything })(() => new Response('ok'))
    expect((await send(handler, request)).status).toBe(400)
    expect(parse).not.toHaveBeenCalled()
    expect((await send(handler, post({ body: body(500) }))).status).toBe(200)
    expect(parse).toHaveBeenCalledTimes(1)
  })

  test.each([
    '{"__proto__":{"admin":true}}',
    '{"a":[{"__proto__":{}}]}',
    '{"constructor":{"prototype":{"polluted":1}}}',
    '{"a":{"b":{"prototype":1}}}',
    '{"\\u005f_proto__":1}',
    '[[[{"constructor":1}]]]',
  ])('PITFALLS 15, fault 24: %s is 400, before the schema', async (body) => {
    const check = vi.fn((value: unknown) => ({ value }))
    const { status, problem } = await result(schemaOf(check), post({ body }))
    expect(status).toBe(400)
    expect(problem?.errors).toEqual([{ pointer: '#', code: 'key-forbidden', message: 'A key has a forbidden name.' }])
    expect(check).not.toHaveBeenCalled()
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined()
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test("bounds are the user's to set", async () => {
    const structure = { depth: 2, keys: 2, items: 2, characters: 5 }
    const codes = await Promise.all(['[[1]]', '[[[1]]]', '{"a":1,"b":2}', '{"a":1,"b":2,"c":3}', '[1,2,3]', '"123456"']
      .map(async (body) => (await result(anything, post({ body }), { structure })).code))
    const no = 'input-too-complex'
    expect(codes).toEqual([undefined, no, undefined, no, no, no])
  })

  test('V2, V7: says where and which rule', async () => {
    const schema = v.object({ epochs: v.pipe(v.number(), v.minValue(1, 'At least one epoch.')), name: v.string() })
    const { status, problem, response } = await result(schema, post({ body: '{"epochs":0}' }))
    expect(status).toBe(400)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(problem).toEqual({
      type: 'about:blank',
      title: 'Bad Request',
      status: 400,
      detail: expect.any(String) as string,
      code: 'input-invalid',
      errors: [
        { pointer: '#/epochs', code: 'min_value', message: 'At least one epoch.' },
        { pointer: '#/name', code: 'object', message: 'Invalid key: Expected "name" but received undefined' },
      ],
    })
  })

  test('V2: in the legacy envelope, details are [{ field, message, code }]', async () => {
    const schema = v.object({ user: v.object({ tags: v.array(v.pipe(v.string(), v.minLength(2, 'Too short.'))) }) })
    const handler = compose(errors({ format: legacyEnvelope }), validate({ body: schema }))(() => new Response('ok'))
    const response = await send(handler, post({ body: '{"user":{"tags":["ok","x"]}}' }))
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.json()).toEqual({
      success: false,
      error: 'ValidationError',
      message: 'Validation failed. Please check your input.',
      statusCode: 400,
      timestamp: '2026-01-01T00:00:00.000Z',
      details: [{ field: 'user.tags.1', message: 'Too short.', code: 'min_length' }],
    })
  })

  test('at most 20 errors, however many there are', async () => {
    const body = JSON.stringify(Array.from({ length: 5_000 }, () => 'x'))
    const { problem } = await result(v.array(v.number('A number.')), post({ body }))
    expect(problem?.errors).toHaveLength(20)
  })

  test('generic: says that, not where', async () => {
    const schema = v.object({ user: v.string(), password: v.string() })
    for (const body of ['{"user":5}', '{}', '{"__proto__":1}', '7']) {
      const { status, problem } = await result(schema, post({ body }), { generic: true })
      expect(status).toBe(400)
      expect(problem).toMatchObject({ code: 'input-invalid' })
      expect(problem).not.toHaveProperty('errors')
    }
  })

  test.each<[what: string, make: () => unknown]>([
    ['body', () => validate({ body: undefined as unknown as StandardSchema })],
    ['body', () => validate({ body: (() => true) as unknown as StandardSchema })],
    [
      'body',
      () =>
        validate({
          body: { '~standard': { version: 2, vendor: 'x', validate: () => ({}) } } as unknown as StandardSchema,
        }),
    ],
    ['body', () => validate({ body: { '~standard': { version: 1, vendor: 'x' } } as unknown as StandardSchema })],
    ...(['0kb', '-1mb', '1', 'big', 1_000, null, '1mib'].slice(0, 5) as ValidateOptions['max'][])
      .map((max): [string, () => unknown] => ['max', () => validate({ body: anything }, { max })]),
    ...(['depth', 'keys', 'items', 'characters'] as const).flatMap((name) =>
      [0, -1, 1.5, Number.NaN, Infinity, '3' as unknown as number].map((
        bound,
      ): [string, () => unknown] => [
        `structure\\.${name}`,
        () => validate({ body: anything }, { structure: { [name]: bound } }),
      ])
    ),
  ])('throws when made for a bad %s', (option, make) => {
    expect(make).toThrow(TypeError)
    expect(make).toThrow(new RegExp(`^validate: ${option} must be`))
  })
})

describe('survives the broken', () => {
  test.each<[what: string, check: () => unknown]>([
    ['throws', () => {
      throw new Error('bug in the schema')
    }],
    ['throws a string', () => {
      throw 'bug'
    }],
    ['rejects', () => Promise.reject(new Error('database down'))],
    ['answers nothing', () => undefined],
    ['answers nothing later', () => Promise.resolve(null)],
    ['gives issues that are no list', () => ({ issues: 5 })],
  ])('ASVS 16.5.3: a schema that %s is a 500, and the handler does not run', async (_what, check) => {
    const error = vi.spyOn(console, 'error').mockImplementation(() => {})
    const { status, seen, text } = await result(schemaOf(check), post({ body: '{"a":1}' }))
    expect([status, seen]).toEqual([500, []])
    expect(text).not.toMatch(/bug|database/)
    expect(error).toHaveBeenCalledTimes(1)
  })

  test('a body that breaks off is 400', async () => {
    const request = upload(source(4, 2, 'error').stream, { 'content-type': 'application/json' })
    expect(await result(anything, request)).toMatchObject({ status: 400, code: 'body-unreadable', seen: [] })
  })

  test('PITFALLS 12: a body without a length is cut at the limit, and its source cancelled', async () => {
    const body = source(1_024)
    const request = upload(body.stream, { 'content-type': 'application/json' })
    expect((await result(anything, request, { max: '4kb' })).code).toBe('body-too-large')
    expect(body.cancelled).toBe(true)
    expect(body.pulled).toBeLessThanOrEqual(6)
  })

  test('V14, PITFALLS 12: a Content-Length above the limit is refused unread, a senseless one too', async () => {
    for (
      const [length, code] of [['999999999', 'body-too-large'], ['-1', 'content-length-invalid'], [
        '1e3',
        'content-length-invalid',
      ]]
    ) {
      const body = source(10)
      const request = upload(body.stream, { 'content-type': 'application/json', 'content-length': length! })
      expect((await result(anything, request)).code).toBe(code)
      expect(body.pulled).toBe(0)
    }
  })

  test('a Content-Length that lies is 400', async () => {
    const request = post({ body: '{"a":1}', headers: { 'content-length': '3' } })
    expect(['body-length-mismatch', undefined]).toContain((await result(anything, request)).code)
    const lying = upload(new Response('{"a":1}').body!, { 'content-type': 'application/json', 'content-length': '8' })
    expect((await result(anything, lying)).code).toBe('body-length-mismatch')
  })
})

describe('PITFALLS 11: the body is read once, for all', () => {
  test('a digest, a schema and the handler read one body, and nobody clones', async () => {
    const clone = vi.spyOn(Request.prototype, 'clone')
    const body = source(0, 0)
    const chunks = ['{"a":', '[1,2', ']}'].map((part) => utf8.encode(part))
    let pulled = 0
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        const chunk = chunks[pulled++]
        if (chunk === undefined) controller.close()
        else controller.enqueue(chunk)
      },
    }, { highWaterMark: 0 })
    expect(body.pulled).toBe(0)

    const digests: string[] = []
    const signed = guard({
      name: 'signature',
      async decide(request, context) {
        const bytes = await readBody(request, context, 1_000)
        const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
        digests.push([...digest].map((byte) => byte.toString(16).padStart(2, '0')).join(''))
        return bytes.byteLength === 11 ? ALLOW : refusal({ status: 400, code: 'unsigned' })
      },
    })
    const schema = v.object({ a: v.array(v.number()) })
    const handler = compose(signed, validate({ body: schema }), signed)(async (request, { input }) => {
      const again: unknown[] = [await request.json(), await request.json(), JSON.parse(await request.text())]
      again.push(JSON.parse(new TextDecoder().decode(await request.arrayBuffer())))
      return Response.json([input.body, ...again])
    })
    const response = await send(handler, upload(stream, { 'content-type': 'application/json' }))
    expect(await response.json()).toEqual(Array(5).fill({ a: [1, 2] }))
    expect(pulled).toBe(4)
    expect(new Set(digests).size).toBe(1)
    expect(digests).toHaveLength(2)
    expect(clone).not.toHaveBeenCalled()
  })

  test('what the handler does to its input does not change the body, nor the other way round', async () => {
    const handler = validate({ body: v.any() as StandardSchema<unknown, { a: number }> })(
      async (request, { input }) => {
        input.body.a = 2
        const own = await request.json() as { a: number }
        own.a = 3
        return Response.json([input.body, await request.json()])
      },
    )
    expect(await (await send(handler, post({ body: '{"a":1}' }))).json()).toEqual([{ a: 2 }, { a: 1 }])
  })

  test('a smaller limit further in still holds', async () => {
    const inner: Handler = validate({ body: anything }, { max: '5b' })(() => new Response('ok'))
    const outer: Handler = validate({ body: anything }, { max: '1kb' })((request, { input: _input, ...context }) =>
      inner(request, context)
    )
    expect((await send(outer, post({ body: '{"a":1}' }))).status).toBe(413)
    expect((await send(outer, post({ body: '[1,2]' }))).status).toBe(200)
  })
})

describe('PITFALLS 14: a marker posted anywhere comes out nowhere', () => {
  const MARKER = 'S3CR3Tmarker'
  const schemas: Record<string, StandardSchema> = {
    object: v.object({ a: v.number(), list: v.array(v.object({ b: v.boolean() })) }),
    strictObject: v.strictObject({ a: v.number() }),
    'strict, deep': v.object({ nested: v.strictObject({ deep: v.strictObject({ x: v.number() }) }) }),
    picklist: v.object({ a: v.picklist(['one', 'two']), nested: v.picklist(['x']) }),
    union: v.union([v.object({ a: v.literal(1) }), v.object({ a: v.literal(2) }), v.string()]),
    variant: v.variant('a', [v.object({ a: v.literal('x') }), v.object({ a: v.literal('y') })]),
    'own messages': v.object({
      a: v.pipe(v.any(), v.check(() => false, (issue) => `I do not like ${JSON.stringify(issue.input)}`)),
      list: v.array(v.any(), (issue) => `no list: ${String(issue.input)}`),
    }),
    'case and space': v.object({ a: v.pipe(v.string(), v.trim(), v.toUpperCase(), v.url()) }),
    'a record of e-mail addresses': v.record(v.pipe(v.string(), v.email()), v.number()),
    'an echo': schemaOf((value) => ({
      issues: [
        { message: `bad: ${JSON.stringify(value)}` },
        { message: `bad: ${MARKER}`, path: ['a'] },
        { message: MARKER.toLowerCase(), path: ['not', 'there'] },
        { message: `bad key "${MARKER}"`, path: ['nested'] },
      ],
    })),
  }
  const bodies: Record<string, unknown> = {
    'a value': { a: MARKER },
    'a value among spaces': { a: `  ${MARKER} ` },
    'a sentence': { a: `my password is ${MARKER}, honestly` },
    'a nested value': { a: 1, nested: { deep: { x: MARKER } } },
    'a list': { a: [MARKER], list: [{ b: MARKER }] },
    'a key': { a: 1, [MARKER]: 1 },
    'a key with more': { a: 1, [`${MARKER} x@y`]: { [MARKER]: MARKER } },
    'a nested key': { nested: { [MARKER]: 1, deep: { [MARKER]: MARKER } } },
    'the whole body': MARKER,
    'a list alone': [MARKER],
  }

  test.each(
    Object.entries(schemas).flatMap(([schema, one]) =>
      Object.entries(bodies).map((
        [place, body],
      ): [string, string, StandardSchema, unknown] => [schema, place, one, body])
    ),
  )('%s: %s', async (_schema, _place, schema, body) => {
    const lines: string[] = []
    const { log, records } = recorder()
    const context = contextOf()
    const handler = compose(
      accessLog({ write: (line) => void lines.push(line), query: true }),
      errors({ log }),
      validate({ body: schema }),
    )(() => new Response('ok'))
    const request = requestTo(`/?token=${MARKER}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-note': MARKER,
        'authorization': `Bearer ${MARKER}`,
        'cookie': MARKER,
      },
      body: JSON.stringify(body),
    })
    const response = await send(handler, request, context)
    const head = JSON.stringify([...response.headers])
    const out = `${await response.text()}${head}${lines.join('')}${
      JSON.stringify([records, context.events, context.attributes])
    }`
    expect(lines).toHaveLength(1)
    expect(out.toLowerCase()).not.toContain(MARKER.toLowerCase())
  })

  test.each(['{"a":"*', '{"a":*}', '"*', '*', '{"*":}', '{"__proto__":"*"}', '["*",'])(
    'malformed: %s',
    async (text) => {
      const { status, text: out, response, events } = await result(anything, post({ body: text.replace('*', MARKER) }))
      expect(status).toBe(400)
      expect(out + JSON.stringify([[...response.headers], events])).not.toContain(MARKER)
    },
  )

  test('in the type, the encoding, the path and the query', async () => {
    for (
      const headers of [{ 'content-type': `application/${MARKER}` }, {
        'content-encoding': MARKER,
        'content-type': 'application/json',
      }]
    ) {
      const request = new Request(`http://service.test/${MARKER}?${MARKER}=${MARKER}`, {
        method: 'POST',
        body: '{}',
        headers,
      })
      const { status, text, response, events } = await result(anything, request)
      expect(status).toBe(415)
      expect(text + JSON.stringify([[...response.headers], events])).not.toContain(MARKER)
    }
  })
})

describe('leaves streams alone', () => {
  test('a response that streams is passed on as it is', async () => {
    const body = source(3)
    const made = new Response(body.stream)
    const handler = validate({ body: anything })(() => made)
    expect(await handler(post({ body: '1' }), contextOf())).toBe(made)
    expect(body.pulled).toBe(0)
  })

  test('no body is read where there is none to read', () => {
    const handler = validate({ body: anything })(() => new Response('ok'))
    expect(handler(post({ method: 'GET', type: null }), contextOf())).toBeInstanceOf(Response)
  })
})
