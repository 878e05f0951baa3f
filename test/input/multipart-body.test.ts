import fc from 'fast-check'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import type { Handler } from '../../src/core/handler.ts'
import { multipartBody, type MultipartBodyOptions } from '../../src/input/multipart-body.ts'
import type { StandardSchema } from '../../src/input/standard-schema.ts'
import { validate, type ValidateOptions } from '../../src/input/validate.ts'
import { contextOf, send } from '../helpers.ts'

const anything: StandardSchema = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } }

type Form = Record<string, string | File | (string | File)[]>

/** What came of it: the code, and what the handler found. */
async function result(
  body: BodyInit,
  options: ValidateOptions & MultipartBodyOptions & { readonly schema?: StandardSchema; readonly type?: string } = {},
) {
  const { parts, schema = anything, type, ...rest } = options
  const seen: Form[] = []
  const handler: Handler = validate({ body: schema }, { codecs: [multipartBody({ parts })], ...rest })(
    (_request, { input }) => {
      seen.push(input.body as Form)
      return new Response('ok')
    },
  )
  const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type }
  const request = new Request('http://service.test/', { method: 'POST', body, headers })
  const response = await send(handler, request, contextOf())
  const text = await response.text()
  const problem = response.status === 200 ? undefined : JSON.parse(text) as { code: string; errors?: unknown[] }
  return { status: response.status, code: problem?.code, problem, text, form: seen[0] }
}

const raw = (body: string, options: Parameters<typeof result>[1] = {}) =>
  result(new TextEncoder().encode(body), { type: 'multipart/form-data; boundary=b', ...options })

const part = (disposition: string, value: string, ...more: string[]): string =>
  `--b\r\n${[`Content-Disposition: form-data; ${disposition}`, ...more].join('\r\n')}\r\n\r\n${value}\r\n`
const field = (name: string, value: string): string => part(`name="${name}"`, value)

describe('lets the good through', () => {
  test('texts and files, from what the platform makes of a form', async () => {
    const body = new FormData()
    body.append('title', 'Hell\u00f6\r\n\u2603')
    body.append('picture', new Blob([new Uint8Array([0, 13, 10, 255])], { type: 'image/png' }), 'a.png')
    const { status, form } = await result(body)
    expect(status).toBe(200)
    expect(form?.['title']).toBe('Hell\u00f6\r\n\u2603')
    const picture = form?.['picture'] as File
    expect(picture).toBeInstanceOf(File)
    expect([picture.name, picture.type, picture.size]).toEqual(['a.png', 'image/png', 4])
    expect([...await picture.bytes()]).toEqual([0, 13, 10, 255])
  })

  test('a name that comes twice is a list; one of `lists` always is', async () => {
    const body = field('a', '1') + field('b', '2') + field('a', '3') + field('c', '4') + '--b--'
    expect((await raw(body, { lists: ['c', 'd'] })).form).toEqual({ a: ['1', '3'], b: '2', c: ['4'] })
  })

  test('a schema of any kind, files included', async () => {
    const schema = v.object({
      age: v.pipe(v.string(), v.toNumber()),
      files: v.array(v.pipe(v.file(), v.mimeType(['text/plain'], 'Not this one.'))),
    })
    const file = (type: string): string => part('name="files"; filename="x.txt"', 'x', `Content-Type: ${type}`)
    const options = { schema, lists: ['files'] }
    const { form } = await raw(field('age', '7') + file('text/plain') + '--b--', options)
    expect(form).toMatchObject({ age: 7, files: [{ name: 'x.txt' }] })
    const { problem } = await raw(field('age', '7') + file('text/html') + '--b--', options)
    expect(problem?.errors).toEqual([{ pointer: '#/files/0', code: 'mime_type', message: 'Not this one.' }])
  })

  test('no parts, and inputs left empty, are nothing', async () => {
    expect((await raw('--b--')).form).toEqual({})
    expect((await raw(part('name=f; filename=""', '', 'Content-Type: application/octet-stream') + '--b--')).form)
      .toEqual({})
    // But a file may be empty, and may lack a name.
    expect((await raw(part('name=f; filename="a"', '') + '--b--')).form).toMatchObject({ f: { name: 'a', size: 0 } })
    expect((await raw(part('name=f; filename=""', 'x') + '--b--')).form).toMatchObject({ f: { size: 1 } })
  })

  test('what the platform writes comes out as it went in', async () => {
    const unit = fc.constantFrom('a', 'b', '"', '-', '\0', '\r', '\n', '\r\n', '\u2603', '\ud83d\ude00', '\ufeff')
    const pair = fc.tuple(fc.constantFrom('a', 'b', 'a"b', '\u2603'), fc.string({ unit, maxLength: 9 }))
    await fc.assert(
      fc.asyncProperty(fc.array(pair, { maxLength: 5 }), async (pairs) => {
        const body = new FormData()
        const wanted: Record<string, string[]> = {}
        for (const [name, value] of pairs) {
          body.append(name, value)
          // The platform makes every line break one of both.
          const list = wanted[name] ??= []
          list.push(value.replace(/\r\n|\r|\n/g, '\r\n'))
        }
        const { form } = await result(body, { lists: Object.keys(wanted) })
        expect({ ...form }).toEqual(wanted)
      }),
      { numRuns: 50 },
    )
  })
})

describe('refuses the bad', () => {
  test.each<[what: string, body: string, code: string]>([
    ['no form', '', 'taken'],
    ['no boundary', 'x', 'body-malformed'],
    ['no last boundary', field('a', '1'), 'body-malformed'],
    ['text that is no UTF-8', field('a', '1'), 'encoding-invalid'],
  ])('%s', async (what, body, code) => {
    const bytes = new TextEncoder().encode(body + (code === 'encoding-invalid' ? '--b--' : ''))
    const wrong = code === 'encoding-invalid' ? bytes.map((byte) => byte === 0x31 ? 0xff : byte) : bytes
    const { code: found = 'taken' } = await result(wrong, { type: 'multipart/form-data; boundary=b' })
    expect([what, found]).toEqual([what, code])
  })

  test.each(['multipart/form-data', 'multipart/form-data; boundary=a; boundary=b'])('a %s', async (type) => {
    expect((await result('--b--', { type })).code).toBe('body-malformed')
  })

  test('too many keys, items or parts, before they are all read', async () => {
    const keys = (count: number) => Array.from({ length: count }, (_, i) => field(`k${i}`, '')).join('') + '--b--'
    expect((await raw(keys(3), { structure: { keys: 3 } })).code).toBeUndefined()
    expect((await raw(keys(4), { structure: { keys: 3 } })).code).toBe('input-too-complex')
    expect((await raw(keys(3), { parts: 3 })).code).toBeUndefined()
    expect((await raw(keys(4), { parts: 3 })).code).toBe('input-too-complex')
    expect((await raw(keys(1_001))).code).toBe('input-too-complex')
    const items = field('a', '').repeat(4) + '--b--'
    expect((await raw(items, { structure: { items: 3 } })).code).toBe('input-too-complex')
  })

  test('PITFALLS 15, fault 24: names that objects have', async () => {
    for (const name of ['__proto__', 'constructor', 'prototype']) {
      for (const body of [field(name, '1'), field(name, '1').repeat(2), part(`name=${name}; filename=x`, '1')]) {
        const { code, form } = await raw(`${body}--b--`)
        expect([code, form]).toEqual(['input-invalid', undefined])
      }
    }
    expect(({} as Record<string, unknown>)['1']).toBeUndefined()
  })

  test('a name and a type of a file are not taken as they are', async () => {
    const file = async (filename: string, type: string): Promise<[name: string, type: string]> => {
      const { form } = await raw(part(`name=f; filename="${filename}"`, 'x', `Content-Type: ${type}`) + '--b--')
      const { name, type: kind } = form!['f'] as File
      return [name, kind]
    }
    expect(await file('../../etc/passwd', 'text/html; charset=utf-8')).toEqual(['passwd', 'text/html'])
    expect(await file('C:\\dir\\a.png', 'image')).toEqual(['a.png', 'application/octet-stream'])
    expect(await file('a.png', 'a/b/c')).toEqual(['a.png', 'application/octet-stream'])
    expect(await file('a.png', 'a b/c')).toEqual(['a.png', 'application/octet-stream'])
    expect(await file('a.png', '')).toEqual(['a.png', 'application/octet-stream'])
  })

  test('PITFALLS 14: says nothing of what came in', async () => {
    const secret = 's3cr3t-m4rk3r'
    const schema = v.strictObject({ a: v.literal('x'), f: v.string() })
    const bodies = [
      field(secret, secret),
      field('a', secret),
      part(`name=f; filename="${secret}.png"`, secret, `Content-Type: ${secret}/${secret}`),
      part(`name="${secret}`, secret),
      secret,
    ]
    for (const body of bodies) {
      const { status, text } = await raw(`${body}--b--`, { schema })
      expect(status).toBe(400)
      expect(text).not.toContain(secret)
    }
  })

  test('throws when made for a bad number of parts', () => {
    for (const parts of [0, -1, 1.5, Number.NaN]) {
      expect(() => multipartBody({ parts })).toThrow(/^multipartBody: parts must be/)
    }
  })
})
