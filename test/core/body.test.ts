import { describe, expect, test, vi } from 'vitest'
import { contentLength, hasBody, readBody, rebuild } from '../../src/core/body.ts'
import { Problem } from '../../src/core/problem.ts'
import { contextOf, requestTo, settled, source, upload } from '../helpers.ts'

const context = contextOf()
const post = (body: BodyInit, headers: Record<string, string> = {}): Request =>
  requestTo('/', { method: 'POST', body, headers })
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** The code of the problem that a promise rejects with. */
async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(() => 'nothing was thrown', (caught: unknown) => caught)
  expect(error).toBeInstanceOf(Problem)
  return (error as Problem).code
}

/** A request with whatever Content-Length: `Request` itself would not always keep it. */
function claiming(length: string, body: ReadableStream<Uint8Array>): Request {
  const request = upload(body)
  const headers = new Headers({ 'content-length': length })
  return Object.defineProperty(request, 'headers', { value: headers })
}

describe('PITFALLS 12: Content-Length', () => {
  test.each<[string | null, number | undefined]>([
    [null, undefined],
    ['0', 0],
    ['5', 5],
    ['007', 7],
    ['999999999999999', 999_999_999_999_999],
    ['-1', Number.NaN],
    ['1e3', Number.NaN],
    ['5, 5', Number.NaN],
    ['5,6', Number.NaN],
    ['+5', Number.NaN],
    ['0x5', Number.NaN],
    ['5.0', Number.NaN],
    ['', Number.NaN],
    ['five', Number.NaN],
    ['9999999999999999', 10_000_000_000_000_000],
    ['Infinity', Number.NaN],
    ['５', Number.NaN],
    ['5 5', Number.NaN],
  ])('%j is %s', (value, expected) => {
    const headers = { get: (name: string) => name === 'content-length' ? value : null }
    expect(contentLength({ headers } as unknown as Request)).toBe(expected)
  })

  test('of two header lines is not a number, even if they agree', () => {
    const headers = new Headers([['content-length', '5'], ['content-length', '5']])
    expect(contentLength({ headers } as Request)).toBeNaN()
  })

  test('tells on Node whether there is a body, without looking at it', () => {
    const node = contextOf({ platform: { name: 'node', framed: true } })
    const seen = (method: string, headers: Record<string, string>): boolean => {
      const request = {
        method,
        headers: new Headers(headers),
        get body(): never {
          throw new Error('looked')
        },
      }
      return hasBody(request as unknown as Request, node)
    }
    expect(seen('GET', { 'content-length': '5' })).toBe(false)
    expect(seen('HEAD', {})).toBe(false)
    expect(seen('POST', {})).toBe(false)
    expect(seen('POST', { 'content-length': '0' })).toBe(false)
    expect(seen('POST', { 'content-length': '5' })).toBe(true)
    expect(seen('DELETE', { 'transfer-encoding': 'chunked' })).toBe(true)
  })

  test('PITFALLS 12: on HTTP/2 no header need tell, so the body does', () => {
    const h2 = contextOf({ platform: { name: 'node', framed: false } })
    expect(hasBody(post('x'), h2)).toBe(true)
    expect(hasBody(requestTo('/', { method: 'POST' }), h2)).toBe(false)
  })

  test('elsewhere the body tells', () => {
    expect(hasBody(post('x'), context)).toBe(true)
    expect(hasBody(requestTo('/', { method: 'POST' }), context)).toBe(false)
    expect(hasBody(requestTo(), context)).toBe(false)
  })
})

describe('PITFALLS 11: one read, shared', () => {
  test('by several readers and the handler, in every form, as often as they like, without a clone', async () => {
    const clone = vi.spyOn(Request.prototype, 'clone')
    const tee = vi.spyOn(ReadableStream.prototype, 'tee')
    const request = post('{"a":1}', { 'content-type': 'application/json' })
    const [one, two] = await Promise.all([readBody(request, context, 100), readBody(request, context, 7)])
    expect(text(one)).toBe('{"a":1}')
    expect(text(two)).toBe('{"a":1}')
    for (let i = 0; i < 2; i++) {
      expect(await request.json()).toEqual({ a: 1 })
      expect(await request.text()).toBe('{"a":1}')
      expect(text(new Uint8Array(await request.arrayBuffer()))).toBe('{"a":1}')
      expect(await (request as unknown as { bytes(): Promise<Uint8Array> }).bytes()).toEqual(one)
      const blob = await request.blob()
      expect(blob.type).toMatch(/^application\/json/)
      expect(await blob.text()).toBe('{"a":1}')
      expect(await new Response(request.body).text()).toBe('{"a":1}')
      expect(await request.clone().json()).toEqual({ a: 1 })
      expect(request.bodyUsed).toBe(false)
    }
    expect(text(await readBody(request, context, 100))).toBe('{"a":1}')
    expect(clone).not.toHaveBeenCalled()
    expect(tee).not.toHaveBeenCalled()
    vi.restoreAllMocks()
  })

  test('forms, with files', async () => {
    const form = new FormData()
    form.append('a', '1')
    form.append('file', new Blob(['bytes']), 'f.txt')
    const request = post(form)
    await readBody(request, context, 10_000)
    for (let i = 0; i < 2; i++) {
      const read = await request.formData()
      expect(read.get('a')).toBe('1')
      expect(await (read.get('file') as File).text()).toBe('bytes')
    }
    const search = post(new URLSearchParams({ q: 'é' }))
    await readBody(search, context, 100)
    expect((await search.formData()).get('q')).toBe('é')
    const none = post(new Uint8Array([1]))
    await readBody(none, context, 100)
    await expect(none.formData()).rejects.toThrow()
  })

  test('leaves the rest of the request as it was', async () => {
    const abort = new AbortController()
    const request = requestTo('/a?b=1', { method: 'PUT', body: 'x', headers: { 'x-a': '1' }, signal: abort.signal })
    await readBody(request, context, 10)
    expect(request).toBeInstanceOf(Request)
    expect([request.method, request.url, request.headers.get('x-a'), request.signal.aborted]).toEqual([
      'PUT',
      'http://service.test/a?b=1',
      '1',
      false,
    ])
    abort.abort()
    expect(request.signal.aborted).toBe(true)
  })

  test('two requests do not share', async () => {
    const [a, b] = [post('a'), post('b')]
    await Promise.all([readBody(a, context, 10), readBody(b, context, 10)])
    expect([await a.text(), await b.text()]).toEqual(['a', 'b'])
    expect(await post('c').text()).toBe('c')
  })

  test('what one reader of the request does to its bytes, another does not see', async () => {
    const request = post('abc')
    await readBody(request, context, 10)
    new Uint8Array(await request.arrayBuffer()).fill(0)
    const reader = request.body!.getReader()
    ;(await reader.read()).value!.fill(0)
    expect(await request.text()).toBe('abc')
  })

  test('a request without a body is empty', async () => {
    const request = requestTo('/', { method: 'POST' })
    expect((await readBody(request, context, 10)).byteLength).toBe(0)
    expect(await request.text()).toBe('')
    await expect(request.json()).rejects.toThrow(SyntaxError)
  })

  test('bytes that are no UTF-8 survive', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    const request = post(bytes)
    expect(await readBody(request, context, 256)).toEqual(bytes)
    expect(new Uint8Array(await request.arrayBuffer())).toEqual(bytes)
  })

  test('a failed read fails every reader alike, and rejects nowhere else', async () => {
    const request = upload(source(10, 10).stream)
    expect(await codeOf(readBody(request, context, 50))).toBe('body-too-large')
    expect(await codeOf(readBody(request, context, 1_000))).toBe('body-too-large')
    expect(await codeOf(request.json())).toBe('body-too-large')
    expect(await codeOf(new Response(request.body).text())).toBe('body-too-large')
    await settled() // an unhandled rejection would fail the run
  })

  test('a body that was read before is unreadable, not empty', async () => {
    const request = post('x')
    await request.text()
    expect(await codeOf(readBody(request, context, 10))).toBe('body-unreadable')
  })
})

describe('PITFALLS 12: the limit', () => {
  test('exactly the limit passes, one byte more does not', async () => {
    for (const size of [1, 999, 1_000]) {
      expect((await readBody(upload(source(size, 1).stream), context, 1_000)).byteLength).toBe(size)
    }
    expect(await codeOf(readBody(upload(source(1_001, 1).stream), context, 1_000))).toBe('body-too-large')
    expect((await readBody(upload(source(10, 100).stream), context, 1_000)).byteLength).toBe(1_000)
    expect(await codeOf(readBody(upload(source(10, 101).stream), context, 1_000))).toBe('body-too-large')
  })

  test('a body without end is cancelled after the limit and at most one chunk', async () => {
    const endless = source(64 * 1024)
    const limit = 1_048_576
    expect(await codeOf(readBody(upload(endless.stream), context, limit))).toBe('body-too-large')
    await settled()
    expect(endless.cancelled).toBe(true)
    expect(endless.pulled * 64 * 1024).toBeLessThanOrEqual(limit + 64 * 1024)
  })

  test('a later reader with a smaller limit is refused', async () => {
    const request = post('0123456789')
    await readBody(request, context, 10)
    expect(await codeOf(readBody(request, context, 9))).toBe('body-too-large')
    expect(await request.text()).toBe('0123456789')
  })

  test('a Content-Length above the limit is refused without reading a byte', async () => {
    const untouched = source(10)
    expect(await codeOf(readBody(claiming('1001', untouched.stream), context, 1_000))).toBe('body-too-large')
    expect(untouched.pulled).toBe(0)
  })

  test('one beyond all numbers, likewise', async () => {
    const untouched = source(10)
    expect(await codeOf(readBody(claiming('9'.repeat(400), untouched.stream), context, 1_000))).toBe('body-too-large')
    expect(untouched.pulled).toBe(0)
  })

  test.each(['-1', '1e3', '5, 5', ''])(
    'fault 14: the Content-Length %j is refused without reading a byte',
    async (length) => {
      const untouched = source(10)
      expect(await codeOf(readBody(claiming(length, untouched.stream), context, 1_000))).toBe('content-length-invalid')
      expect(untouched.pulled).toBe(0)
    },
  )

  test('a lying Content-Length is caught, too long and too short', async () => {
    expect(await codeOf(readBody(claiming('99', source(10, 10).stream), context, 1_000))).toBe('body-length-mismatch')
    expect(await codeOf(readBody(claiming('101', source(10, 10).stream), context, 1_000))).toBe('body-length-mismatch')
    expect((await readBody(claiming('100', source(10, 10).stream), context, 1_000)).byteLength).toBe(100)
  })

  test('where the runtime frames bodies, its own reader is used and its answer still checked', async () => {
    const framed = contextOf({ platform: { framed: true } })
    expect((await readBody(claiming('100', source(10, 10).stream), framed, 1_000)).byteLength).toBe(100)
    expect(await codeOf(readBody(claiming('99', source(10, 10).stream), framed, 1_000))).toBe('body-length-mismatch')
    expect(await codeOf(readBody(upload(source(10, 101).stream), framed, 1_000))).toBe('body-too-large')
  })

  test('chunks that are no bytes do not get round the count', async () => {
    let left = 100
    const strings = new ReadableStream<unknown>({
      pull: (controller) => left-- > 0 ? controller.enqueue('x'.repeat(100)) : controller.close(),
    }) as ReadableStream<Uint8Array>
    const request = Object.defineProperty(requestTo('/', { method: 'POST', body: 'x' }), 'body', { value: strings })
    expect(await codeOf(readBody(request, context, 1_000))).toBe('body-too-large')
  })

  test('fault 11: a body that breaks off is a 400 whose cause stays inside', async () => {
    const error = await readBody(upload(source(10, 2, 'error').stream), context, 1_000).catch((caught: unknown) =>
      caught
    )
    expect(error).toMatchObject({ status: 400, code: 'body-unreadable', cause: expect.anything() })
    expect((error as Problem).detail).toBeUndefined()
  })
})

describe('rebuild', () => {
  test('makes a request to hand on, with the bytes that were read', async () => {
    const abort = new AbortController()
    const request = requestTo('/a', { method: 'POST', body: 'abc', headers: { 'x-a': '1' }, signal: abort.signal })
    await readBody(request, context, 10)
    const fresh = await rebuild(request)
    expect(fresh).not.toBe(request)
    expect([fresh.method, fresh.url, fresh.headers.get('x-a'), await fresh.text()]).toEqual([
      'POST',
      'http://service.test/a',
      '1',
      'abc',
    ])
    abort.abort()
    expect(fresh.signal.aborted).toBe(true)
    expect(await request.text()).toBe('abc')
  })

  test('passes an unread body on as a stream, unread', async () => {
    const endless = source(10)
    const fresh = await rebuild(upload(endless.stream), { headers: { 'x-b': '2' } })
    expect(endless.pulled).toBeLessThanOrEqual(1)
    expect(fresh.headers.get('x-b')).toBe('2')
    await fresh.body!.cancel()
    await settled()
    expect(endless.cancelled).toBe(true)
  })

  test('takes requests without a body', async () => {
    expect((await rebuild(requestTo())).body).toBeNull()
    expect(await (await rebuild(requestTo('/', { method: 'POST' }))).text()).toBe('')
    const read = requestTo('/')
    await readBody(read, context, 10)
    expect((await rebuild(read)).method).toBe('GET')
  })
})
