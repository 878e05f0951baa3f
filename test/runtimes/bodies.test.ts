/** What comes in: sizes, types, encodings, validation. */
import { describe, expect, inject, test } from 'vitest'
import { caller, raw, statusOf } from './client.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const code = async (response: Response): Promise<string> =>
  `${response.status} ${(await response.json() as { code: string }).code}`

function chunks(count: number, size: number): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull: (controller) => count-- > 0 ? controller.enqueue(new Uint8Array(size).fill(97)) : controller.close(),
  })
}

describe.each(inject('targets'))('bodies on $name', (target) => {
  const call = caller(target)
  const post = (path: string, body: BodyInit, headers: Record<string, string> = JSON_TYPE): Promise<Response> =>
    call(path, { method: 'POST', body, headers })
  const stream = (path: string, count: number, size: number): Promise<Response> =>
    call(path, { method: 'POST', body: chunks(count, size), duplex: 'half' })

  test('a binary body comes back byte for byte', async () => {
    const body = crypto.getRandomValues(new Uint8Array(60_000))
    const response = await post('/core/echo', body, { 'content-type': 'application/octet-stream' })
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(body)
  })

  test('a chunked body is read whole', async () => {
    expect(await (await stream('/core/length', 10, 1_000)).json()).toEqual({ bytes: 10_000 })
  })

  test('a chunked body may be streamed back', async () => {
    const response = await stream('/upload/mirror', 10, 1_000)
    expect((await response.arrayBuffer()).byteLength).toBe(10_000)
  })

  test('an empty body is one', async () => {
    expect(await (await post('/core/length', '')).json()).toEqual({ bytes: 0 })
  })

  test('exactly the limit passes', async () => {
    const response = await post('/core/length', new Uint8Array(102_400), {})
    expect(await response.json()).toEqual({ bytes: 102_400 })
  })

  test('413 by Content-Length, with the head', async () => {
    const response = await post('/core/length', new Uint8Array(102_401), {})
    expect(response.headers.get('x-frame-options')).toBe('DENY')
    expect(await code(response)).toBe('413 body-too-large')
  })

  test('413 by bytes where the body is chunked', async () => {
    expect(await code(await stream('/core/length', 103, 1_000))).toBe('413 body-too-large')
  })

  test('413 in the middle of a counted stream', async () => {
    expect(await code(await stream('/small/count', 3, 1_000))).toBe('413 body-too-large')
  })

  test('a counted stream below the limit passes', async () => {
    expect(await (await stream('/small/count', 1, 1_000)).json()).toEqual({ bytes: 1_000 })
  })

  test('411 where a length is demanded', async () => {
    expect(await code(await stream('/strict', 1, 10))).toBe('411 length-required')
  })

  test.each(['-1', '1e3', '0x10', '+5', '5, 6', '99999999999999999999'])(
    'a Content-Length of %s never reaches the handler as a body',
    async (length) => {
      const answer = await raw(
        target,
        `POST /core/length HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${length}\r\n\r\nhello`,
      )
      // workerd's own parser says 500; on Cloudflare no such request gets that far.
      expect([0, 400, 413, ...(target.name === 'workerd' ? [500] : [])]).toContain(statusOf(answer))
    },
  )

  test.each([
    ['another type', { 'content-type': 'text/plain' }, '415 content-type-unsupported'],
    ['a type that only looks like JSON', { 'content-type': 'application/jsonp' }, '415 content-type-unsupported'],
    ['another charset', { 'content-type': 'application/json; charset=utf-16' }, '415 content-type-unsupported'],
    ['a compressed body', { ...JSON_TYPE, 'content-encoding': 'gzip' }, '415 content-encoding-unsupported'],
  ])('415 for %s', async (_what, headers, expected) => {
    expect(await code(await post('/validate', '{"name":"a","epochs":1}', headers))).toBe(expected)
  })

  test('415 says what would be taken', async () => {
    const response = await post('/type', 'x', { 'content-type': 'text/html' })
    expect([response.status, response.headers.get('accept')]).toEqual([415, 'application/json, text/csv'])
  })

  // Deno gives every POST and DELETE a body, an empty one where there is none.
  test.each(['POST', 'DELETE'])('%s without a body needs no type', async (method) => {
    const answer = await raw(target, `${method} /type HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`)
    expect(statusOf(answer)).toBe(200)
  })

  test('415 for a body without a type', async () => {
    expect(await code(await call('/type', { method: 'POST', body: new Uint8Array(3) }))).toBe(
      '415 content-type-unsupported',
    )
  })

  test.each(['application/json; charset=UTF-8', 'APPLICATION/JSON', 'application/ld+json'])(
    '%s is JSON',
    async (type) => {
      const response = await post('/validate', '{"name":"a","epochs":1}', { 'content-type': type })
      expect(await response.json()).toEqual({ input: { name: 'a', epochs: 1 }, again: 23 })
    },
  )

  test.each([
    ['a lone brace', '{', '400 body-malformed'],
    ['single quotes', "{'a':1}", '400 body-malformed'],
    ['a byte-order mark', '\ufeff{}', '400 encoding-invalid'],
    ['invalid UTF-8', new Uint8Array([0x22, 0xff, 0xfe, 0x22]), '400 encoding-invalid'],
    ['nesting', `${'['.repeat(5_000)}${']'.repeat(5_000)}`, '400 input-too-complex'],
    ['nothing at all', '', '400 input-invalid'],
    ['__proto__', '{"__proto__":{"admin":true},"name":"a","epochs":1}', '400 input-invalid'],
  ])('%s is refused', async (_what, body, expected) => {
    expect(await code(await post('/validate', body))).toBe(expected)
  })

  test('a 400 names the field and the rule, and repeats no value', async () => {
    const response = await post('/validate', '{"name":"","epochs":-77.5,"hunter2":1}')
    const text = await response.text()
    expect(JSON.parse(text)).toMatchObject({
      code: 'input-invalid',
      errors: [
        { pointer: '#/name', code: 'min_length', message: 'The name is empty.' },
        { pointer: '#/epochs', code: 'min_value', message: 'Epochs must be at least 1.' },
      ],
    })
    expect(text).not.toMatch(/77\.5|hunter2/)
  })

  test('a generic 400 does not say where', async () => {
    const response = await post('/generic', '{"name":1}')
    expect(response.status).toBe(400)
    expect(await response.json()).not.toHaveProperty('errors')
  })

  test('the handler can read a body that was validated', async () => {
    expect(await (await post('/validate', '{"name":"a","epochs":3,"more":0}')).json()).toEqual({
      input: { name: 'a', epochs: 3 },
      again: 32,
    })
  })

  test('a chunked body is validated too', async () => {
    const body = new Blob(['{"name":"a",', '"epochs":3}']).stream()
    const response = await call('/validate', { method: 'POST', body, duplex: 'half', headers: JSON_TYPE })
    expect(await response.json()).toMatchObject({ input: { name: 'a', epochs: 3 } })
  })
})
