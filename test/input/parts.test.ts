import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { compose } from '../../src/core/compose.ts'
import { extend } from '../../src/core/context.ts'
import type { HasParams } from '../../src/core/facts.ts'
import type { Handler, Wrapper } from '../../src/core/handler.ts'
import { Problem } from '../../src/core/problem.ts'
import { formBody } from '../../src/input/form-body.ts'
import { sanitize } from '../../src/input/sanitize.ts'
import type { StandardSchema } from '../../src/input/standard-schema.ts'
import { type Schemas, validate, type ValidateOptions } from '../../src/input/validate.ts'
import { contextOf, requestTo, send } from '../helpers.ts'

/** Takes whatever comes. */
const anything: StandardSchema = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) },
}

const routed = (params: Record<string, string>): Wrapper<HasParams> => (next) => (request, context) =>
  next(request, extend(context, { params }))

/** What came of it: the status, the problem, and what the handler found (nothing, if it was not called). */
async function result(
  schemas: Schemas,
  request: Request,
  options: ValidateOptions = {},
  params: Record<string, string> = {},
) {
  const seen: unknown[] = []
  const context = contextOf()
  const handler: Handler = routed(params)(
    validate(schemas, options)((_request, { input }) => {
      seen.push(input)
      return new Response('ok')
    }) as Handler<HasParams>,
  )
  const response = await send(handler, request, context)
  const text = await response.text()
  const problem = response.status === 200 ? undefined : JSON.parse(text) as { code: string; errors?: object[] }
  return { status: response.status, code: problem?.code, errors: problem?.errors, text, seen, context }
}

const form = (body: BodyInit): Request =>
  requestTo('/', { method: 'POST', body, headers: { 'content-type': 'application/x-www-form-urlencoded' } })

describe('lets the good through', () => {
  test('V4, V17: params, query, headers, cookies and body, each by its schema', async () => {
    const request = requestTo('/notes/7?page=2&tag=a&tag=b', {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie: 'theme=dark; name="A%20B"', 'x-version': '3' },
      body: '{"title":"T"}',
    })
    const { seen, status } = await result(
      {
        params: v.object({ id: v.pipe(v.string(), v.toNumber()) }),
        query: z.object({ page: z.coerce.number(), tag: z.array(z.string()) }),
        headers: v.object({ 'x-version': v.literal('3') }),
        cookies: type({ theme: "'dark' | 'light'", name: 'string' }),
        body: v.object({ title: v.string() }),
      },
      request,
      {},
      { id: '7' },
    )
    expect(status).toBe(200)
    expect(seen).toEqual([{
      params: { id: 7 },
      query: { page: 2, tag: ['a', 'b'] },
      headers: { 'x-version': '3' },
      cookies: expect.objectContaining({ theme: 'dark', name: 'A B' }),
      body: { title: 'T' },
    }])
  })

  test.each<[name: string, ok: StandardSchema]>([
    ['valibot', v.object({ n: v.pipe(v.string(), v.minLength(2)) })],
    ['zod', z.object({ n: z.string().min(2) })],
    ['arktype', type({ n: 'string >= 2' })],
  ])('%s decides about a query, and says where', async (_name, schema) => {
    expect((await result({ query: schema }, requestTo('/?n=ab'))).seen).toEqual([{ query: { n: 'ab' } }])
    const refused = await result({ query: schema }, requestTo('/?n=a'))
    expect(refused.status).toBe(400)
    expect(refused.errors).toEqual([expect.objectContaining({ in: 'query', pointer: '#/n' })])
  })

  test('async schemas are awaited, part by part', async () => {
    const slow = v.pipeAsync(
      v.object({ a: v.string() }),
      v.checkAsync(async ({ a }) => await Promise.resolve(a === '1')),
    )
    expect((await result({ query: slow, cookies: slow }, requestTo('/?a=1', { headers: { cookie: 'a=1' } }))).seen)
      .toEqual([{ query: { a: '1' }, cookies: { a: '1' } }])
    expect((await result({ query: slow, cookies: slow }, requestTo('/?a=1', { headers: { cookie: 'a=2' } }))).code)
      .toBe('input-invalid')
  })

  test.each<[query: string, fields: Record<string, unknown>]>([
    ['', {}],
    ['?', {}],
    ['?a', { a: '' }],
    ['?a=', { a: '' }],
    ['?=b', { '': 'b' }],
    ['?a=1=2', { a: '1=2' }],
    ['?a=%C3%A4+b', { a: 'ä b' }],
    ['?a=100%', { a: '100%' }],
    ['?a=%zz', { a: '%zz' }],
    ['?a=1&&b=2&', { a: '1', b: '2' }],
    ['?a=1&a=2&a=3', { a: ['1', '2', '3'] }],
    ['?a[b][c]=1', { 'a[b][c]': '1' }],
    ['?a=%EF%BF%BD', { a: '\ufffd' }],
    ['?a=1#b=2', { a: '1' }],
    ['#?a=1', {}],
  ])('the query %s', async (query, fields) => {
    const { seen } = await result({ query: anything }, requestTo(`/${query}`))
    expect(seen.map((input) => ({ ...(input as { query: object }).query }))).toEqual([fields])
  })

  test('what is a list is one even if it comes once', async () => {
    const schema = v.object({ tag: v.array(v.string()) })
    expect((await result({ query: schema }, requestTo('/?tag=a'), { lists: ['tag'] })).seen)
      .toEqual([{ query: { tag: ['a'] } }])
    expect((await result({ query: schema }, requestTo('/?tag=a'))).code).toBe('input-invalid')
    expect((await result({ body: schema }, form('tag=a'), { codecs: [formBody()], lists: ['tag'] })).seen)
      .toEqual([{ body: { tag: ['a'] } }])
  })

  test.each<[cookie: string, fields: Record<string, unknown>]>([
    ['', {}],
    ['a=1', { a: '1' }],
    ['a=1; b=2', { a: '1', b: '2' }],
    ['a=1;b=2 ;  c = 3', { a: '1', b: '2', c: '3' }],
    ['a="x y"', { a: 'x y' }],
    ['a=%7B%22b%22%3A1%7D', { a: '{"b":1}' }],
    ['a=%zz', { a: '%zz' }],
    ['a=b=c', { a: 'b=c' }],
    ['junk; a=1', { a: '1' }],
    ['a=1; a=2', { a: ['1', '2'] }],
    ['__Host-s=1', { '__Host-s': '1' }],
  ])('the cookies %s', async (cookie, fields) => {
    const { seen } = await result({ cookies: anything }, requestTo('/', { headers: { cookie } }))
    expect(seen.map((input) => ({ ...(input as { cookies: object }).cookies }))).toEqual([fields])
  })

  test('headers come by their names in lower case', async () => {
    const { seen } = await result({ headers: anything }, requestTo('/', { headers: { 'X-One': '1', accept: 'a, b' } }))
    expect((seen[0] as { headers: object }).headers).toMatchObject({ 'x-one': '1', accept: 'a, b' })
  })

  test('V4: a form is read as texts', async () => {
    const schema = v.object({ name: v.string(), age: v.pipe(v.string(), v.toNumber()) })
    const { seen } = await result({ body: schema }, form('name=A+%26+B&age=36'), { codecs: [formBody()] })
    expect(seen).toEqual([{ body: { name: 'A & B', age: 36 } }])
  })

  test('several codecs: each takes its types, and `+json` is JSON only where JSON is taken', async () => {
    const post = (type: string, body: string): Request =>
      requestTo('/', { method: 'POST', body, headers: { 'content-type': type } })
    const csv = {
      types: ['text/csv'],
      decode: (body: { text(): Promise<string> }) => body.text().then((text) => text.split(',')),
    }
    const options: ValidateOptions = { codecs: [formBody(), csv] }
    expect((await result({ body: anything }, post('text/csv; charset=utf-8', 'a,b'), options)).seen)
      .toEqual([{ body: ['a', 'b'] }])
    expect((await result({ body: anything }, post('application/vnd.x+json', '{}'), options)).status).toBe(415)
  })
})

test('V16, V17, V20: `sanitizeInput` and `requestValidator` are `sanitize` and `validate`: each part is cleaned, then checked', async () => {
  const schema = v.object({ name: v.pipe(v.string(), v.maxLength(3)), password: v.string() })
  const seen: unknown[] = []
  const handler = compose(sanitize(), validate({ query: v.object({ q: v.string() }), body: schema }))(
    (_request, { input }) => {
      seen.push(input)
      return new Response()
    },
  )
  const request = requestTo('/?q=+a%00+', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"name":"  Ada\\u0000 ","password":" a\\u0000b "}',
  })
  const context = contextOf()
  await send(handler, request, context)
  expect(seen).toEqual([{ query: { q: 'a' }, body: { name: 'Ada', password: ' a\0b ' } }])
  expect(context.events.map(({ kind }) => kind)).toEqual(['altered', 'altered'])
})

describe('refuses the bad', () => {
  test('V13: a form is 415 where only JSON is read, and the answer says what is', async () => {
    const response = await send(validate({ body: anything })(() => new Response()), form('a=1'))
    expect([response.status, response.headers.get('accept')]).toEqual([415, 'application/json'])
    const both = validate({ body: anything }, { codecs: [formBody()] })(() => new Response())
    const other = await send(
      both,
      requestTo('/', { method: 'POST', body: '{}', headers: { 'content-type': 'text/x' } }),
    )
    expect(other.headers.get('accept')).toBe('application/x-www-form-urlencoded')
  })

  test.each<[what: string, schemas: Schemas, request: () => Request]>([
    ['query', { query: v.object({ role: v.string() }) }, () => requestTo('/?role=user&role=admin')],
    [
      'cookies',
      { cookies: v.object({ role: v.string() }) },
      () => requestTo('/', { headers: { cookie: 'role=a; role=b' } }),
    ],
  ])('PITFALLS 15: a repeated value in %s is 400 where one is expected', async (_what, schemas, request) => {
    const { status, errors } = await result(schemas, request())
    expect([status, errors]).toEqual([400, [expect.objectContaining({ pointer: '#/role' })]])
  })

  test.each<[what: string, schemas: Schemas, request: () => Request, options?: ValidateOptions]>([
    ['the query', { query: anything }, () => requestTo('/?__proto__=1')],
    ['the query, escaped', { query: anything }, () => requestTo('/?%5F_proto__=1')],
    ['the query', { query: anything }, () => requestTo('/?constructor=1')],
    ['cookies', { cookies: anything }, () => requestTo('/', { headers: { cookie: '__proto__=1' } })],
    ['a form', { body: anything }, () => form('prototype=1'), { codecs: [formBody()] }],
  ])('PITFALLS 15, fault 24: a key that pollutes is 400 in %s', async (_what, schemas, request, options) => {
    expect(await result(schemas, request(), options)).toMatchObject({ status: 400, code: 'input-invalid', seen: [] })
    expect(({} as { admin?: unknown }).admin).toBeUndefined()
  })

  test.each([
    ['an overlong byte', '/?a=%C0%AF'],
    ['half a character', '/?a=%C3'],
    ['a surrogate', '/?a=%ED%A0%80'],
    ['a name', '/?%FF=1'],
  ])('fault 19: %s that is no UTF-8 is 400', async (_what, path) => {
    expect(await result({ query: anything }, requestTo(path))).toMatchObject({ status: 400, code: 'encoding-invalid' })
    expect(await result({ body: anything }, form(path.slice(2)), { codecs: [formBody()] }))
      .toMatchObject({ status: 400, code: 'encoding-invalid' })
  })

  test('fault 26: ten thousand brackets nest nothing', async () => {
    const name = `a${'[b]'.repeat(10_000)}`
    const { seen } = await result({ body: anything }, form(`${name}=1`), { codecs: [formBody()] })
    expect(Object.keys((seen[0] as { body: object }).body)).toEqual([name])
  })

  test('fault 22: too many pairs are 400 before they are made into anything', async () => {
    const many = 'a&'.repeat(400_000)
    expect((await result({ body: anything }, form(many), { codecs: [formBody()] })).code).toBe('input-too-complex')
    expect((await result({ query: anything }, requestTo(`/?${'a=1&'.repeat(5)}`), { structure: { keys: 3 } })).code)
      .toBe('input-too-complex')
  })

  test('everything in the head is looked at before the body, which is then not read', async () => {
    const request = requestTo('/?page=x', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{',
    })
    const { errors } = await result({
      query: v.object({ page: v.pipe(v.string(), v.digits()) }),
      cookies: v.object({ theme: v.string() }),
      body: anything,
    }, request)
    expect(errors).toEqual([
      { in: 'query', pointer: '#/page', code: 'digits', message: expect.any(String) },
      { in: 'cookie', pointer: '#/theme', code: 'object', message: expect.any(String) },
    ])
    expect(request.bodyUsed).toBe(false)
  })

  test('at most 20 errors over all parts', async () => {
    const twelve = v.object(Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`k${i}`, v.string()])))
    const { errors, context } = await result({ query: twelve, cookies: twelve, headers: twelve }, requestTo('/'))
    expect(errors).toHaveLength(20)
    expect(String(context.attributes['input.errors']).split('; ')).toHaveLength(20)
  })

  test('the log has places and rules, for a generic refusal too', async () => {
    const { text, context } = await result({ query: v.object({ page: v.string() }) }, requestTo('/'), { generic: true })
    expect(text).not.toContain('page')
    expect(context.attributes['input.errors']).toBe('query#/page object')
  })

  test('a path parameter that is none is 400', async () => {
    const { errors } = await result({ params: v.object({ id: v.pipe(v.string(), v.uuid()) }) }, requestTo('/'), {}, {
      id: 'x',
    })
    expect(errors).toEqual([expect.objectContaining({ in: 'path', pointer: '#/id', code: 'uuid' })])
  })
})

test("a generic refusal of a codec of one's own keeps its status, and says nothing more", async () => {
  const codec = {
    types: ['text/csv'],
    decode: (): never => {
      throw new Problem(422, 'csv-invalid', { detail: 'm4rk3r', members: { line: 'm4rk3r' } })
    },
  }
  const csv = () => requestTo('/', { method: 'POST', body: 'a', headers: { 'content-type': 'text/csv' } })
  expect(await result({ body: anything }, csv(), { codecs: [codec] })).toMatchObject({
    status: 422,
    code: 'csv-invalid',
  })
  const generic = await result({ body: anything }, csv(), { codecs: [codec], generic: true })
  expect(generic).toMatchObject({ status: 422, code: 'csv-invalid', seen: [] })
  expect(generic.text).not.toContain('m4rk3r')
})

describe('options', () => {
  test.each<[options: unknown, message: RegExp]>([
    [{ lists: ['a'], encodings: ['br'] }, /validate: encodings/],
    [{ ratio: 0 }, /validate: ratio/],
    [{ codecs: [] }, /validate: codecs/],
    [{ codecs: [{ types: ['Text/X'], decode: String }] }, /validate: codecs/],
    [{ structure: { depth: -1 } }, /validate: structure\.depth/],
    [{ response: {} as never, onInvalidResponse: 'ignore' }, /validate: onInvalidResponse/],
    [{ response: { 200: 1 } }, /validate: response/],
  ])('%j is a TypeError that names it', (options, message) => {
    expect(() => validate({ body: anything }, options as ValidateOptions)).toThrow(message)
  })

  test.each<[schemas: unknown, message: RegExp]>([
    [{}, /there is no schema/],
    [undefined, /there is no schema/],
    [{ body: anything, query: undefined }, /query must be a Standard Schema/],
    [{ bodi: anything }, /no part 'bodi'/],
    [{ query: {} }, /query must be a Standard Schema/],
    [{ body: anything, params: 1 }, /params must be a Standard Schema/],
  ])('%j are no schemas', (schemas, message) => {
    expect(() => validate(schemas as Schemas)).toThrow(message)
  })
})
