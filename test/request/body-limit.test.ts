import { describe, expect, test, vi } from 'vitest'
import { readBody } from '../../src/core/body.ts'
import { compose } from '../../src/core/compose.ts'
import type { Platform } from '../../src/core/context.ts'
import { errors } from '../../src/core/errors.ts'
import type { Handler } from '../../src/core/handler.ts'
import type { BodyLimitOptions } from '../../src/request/body-limit.ts'
import { bodyLimit } from '../../src/request/body-limit.ts'
import { contextOf, recorder, requestTo, send, settled, source, upload } from '../helpers.ts'
import { codeOf, leavesStreamsAlone, refusesToBeMade, spy } from './support.ts'

const KB = 1_024
const framed: Partial<Platform> = { name: 'bun', framed: true }
const node: Partial<Platform> = { name: 'node', framed: true }

const echo: Handler = async (request) => new Response(String((await request.arrayBuffer()).byteLength))

/** A POST whose Content-Length is what we say; a body only if given. */
function post(length: string | undefined, body?: ReadableStream<Uint8Array>, method = 'POST'): Request {
  const headers = length === undefined ? {} : { 'content-length': length }
  return body === undefined
    ? requestTo('/', { method, headers })
    : new Request('http://service.test/', { method, headers, body, duplex: 'half' } as RequestInit)
}

describe('lets the good through', () => {
  test('PITFALLS 12: exactly the limit passes, with and without Content-Length, however it is chunked', async () => {
    const wrapped = bodyLimit({ max: '4kb' })(echo)
    for (const [size, count] of [[4 * KB, 1], [KB, 4], [1, 4 * KB]] as const) {
      expect(await (await send(wrapped, upload(source(size, count).stream))).text()).toBe('4096')
      expect(await (await send(wrapped, post('4096', source(size, count).stream))).text()).toBe('4096')
    }
  })

  test('what has no body', async () => {
    for (const method of ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS']) {
      expect((await send(bodyLimit()(spy().handler), requestTo('/', { method }))).status).toBe(200)
      expect((await send(bodyLimit({ unknownLength: 'refuse' })(spy().handler), requestTo('/', { method }))).status)
        .toBe(200)
    }
    expect((await send(bodyLimit()(spy().handler), post('0'))).status).toBe(200)
  })

  test('an empty body of unknown length', async () => {
    expect(await (await send(bodyLimit()(echo), upload(source(1, 0).stream))).text()).toBe('0')
  })

  test('what was read first can be read again by guards and handler, in every form', async () => {
    const wrapped = bodyLimit()(async (request, context) => {
      await readBody(request, context, 100)
      return Response.json([await request.json(), await request.text(), (await request.bytes()).byteLength])
    })
    const request = upload(new Response('{"a":1}').body!, { 'content-type': 'application/json' })
    expect(await (await send(wrapped, request)).json()).toEqual([{ a: 1 }, '{"a":1}', 7])
  })

  test('undefined is the default for every option: 1 MB, read first', async () => {
    const wrapped = bodyLimit({ max: undefined, unknownLength: undefined })(echo)
    expect(await (await send(wrapped, upload(source(1_024 * KB, 1).stream))).text()).toBe('1048576')
    expect((await send(wrapped, upload(source(1_024 * KB + 1, 1).stream))).status).toBe(413)
  })
})

describe('refuses the bad', () => {
  test('PITFALLS 12, fault 12: chunked 10 MB against 1 MB: 413, no handler, source cancelled, at most a chunk too much read', async () => {
    for (const size of [1_000, 16 * KB, 64 * KB]) {
      const bytes = source(size, Math.ceil(10_240 * KB / size))
      const inner = spy()
      const context = contextOf()
      const response = await send(bodyLimit({ max: '1mb' })(inner.handler), upload(bytes.stream), context)
      await settled()
      expect(response.status).toBe(413)
      expect(await codeOf(response)).toBe('body-too-large')
      expect(inner.calls).toHaveLength(0)
      expect(bytes.cancelled).toBe(true)
      expect(bytes.pulled * size).toBeLessThanOrEqual(1_024 * KB + size)
      expect(context.events).toEqual([{ kind: 'refused', guard: 'body-limit', code: 'body-too-large', status: 413 }])
    }
  })

  test('PITFALLS 12: a body without end is a 413, too', async () => {
    const bytes = source(KB)
    expect((await send(bodyLimit({ max: '10kb' })(echo), upload(bytes.stream))).status).toBe(413)
    expect(bytes.pulled).toBe(11)
  })

  test.each<[string, BodyLimitOptions]>([
    ['read', {}],
    ['stream', { unknownLength: 'stream' }],
    ['refuse', { unknownLength: 'refuse' }],
  ])('fault 13: a Content-Length above the limit is a 413 without a byte read (%s)', async (_mode, options) => {
    for (const platform of [undefined, framed, node]) {
      for (const length of ['1048577', '999999999999999', '9'.repeat(400)]) {
        const bytes = source(KB, 1)
        const inner = spy()
        const response = await send(
          bodyLimit(options)(inner.handler),
          post(length, bytes.stream),
          contextOf({ platform }),
        )
        expect(response.status).toBe(413)
        expect(bytes.pulled).toBe(0)
        expect(inner.calls).toHaveLength(0)
      }
    }
  })

  test.each(
    [
      '-1',
      '-0',
      '+5',
      '1e3',
      '0x10',
      '5.0',
      '5,5',
      '5, 5',
      '5, 6',
      '5 5',
      '١',
      'five',
      'NaN',
      'Infinity',
      '',
      '5;',
      '5\xa0',
      '__proto__',
    ].filter((value) => /^[\x20-\xff]*$/.test(value)),
  )(
    'PITFALLS 12, fault 14: Content-Length %.20j is a 400',
    async (length) => {
      for (const platform of [undefined, framed, node]) {
        const bytes = source(5, 1)
        const inner = spy()
        const response = await send(bodyLimit()(inner.handler), post(length, bytes.stream), contextOf({ platform }))
        expect(response.status).toBe(400)
        expect(await codeOf(response)).toBe('content-length-invalid')
        expect(inner.calls).toHaveLength(0)
        expect(bytes.pulled).toBe(0)
      }
    },
  )

  test('fault 14: spaces around a Content-Length are not part of it (RFC 9110 §5.5); what is left must be true', async () => {
    expect((await send(bodyLimit()(echo), post(' 5', source(5, 1).stream))).status).toBe(200)
    expect((await send(bodyLimit()(echo), post(' 5', source(6, 1).stream))).status).toBe(400)
  })

  test.each([['longer', 4], ['shorter', 6]])(
    'PITFALLS 12: a body %s than it says is a 400, no handler',
    async (_what, declared) => {
      const inner = spy()
      const response = await send(bodyLimit()(inner.handler), post(String(declared), source(5, 1).stream))
      expect(response.status).toBe(400)
      expect(await codeOf(response)).toBe('body-length-mismatch')
      expect(inner.calls).toHaveLength(0)
    },
  )

  test('PITFALLS 12: a Content-Length of nothing before something, and of something before nothing', async () => {
    expect(await codeOf(await send(bodyLimit()(echo), post('0', source(5, 1).stream)))).toBe('body-length-mismatch')
    expect(await codeOf(await send(bodyLimit()(echo), post('5')))).toBe('body-length-mismatch')
    expect(await codeOf(await send(bodyLimit()(echo), post('5', undefined, 'DELETE')))).toBe('body-length-mismatch')
  })

  test('fault 15: GET and HEAD have no body, whatever their header claims', async () => {
    for (const method of ['GET', 'HEAD']) {
      for (const length of ['5', '1e3', '1048577']) {
        const inner = spy()
        expect((await send(bodyLimit()(inner.handler), post(length, undefined, method))).status).toBe(200)
        expect(inner.calls[0]!.request.body).toBeNull()
      }
    }
  })

  test("unknownLength 'refuse': 411 without a byte read; with Content-Length it is counted as ever", async () => {
    const wrapped = bodyLimit({ unknownLength: 'refuse' })(echo)
    const bytes = source(5, 1)
    const response = await send(wrapped, upload(bytes.stream))
    expect(response.status).toBe(411)
    expect(await codeOf(response)).toBe('length-required')
    expect(bytes.pulled).toBe(0)
    expect((await send(wrapped, post('5', source(5, 1).stream))).status).toBe(200)
    expect((await send(wrapped, post('4', source(5, 1).stream))).status).toBe(400)
  })

  test('on Node, where only Transfer-Encoding tells of a chunked body', async () => {
    const headers = { 'transfer-encoding': 'chunked' }
    const context = (): ReturnType<typeof contextOf> => contextOf({ platform: node })
    expect((await send(bodyLimit({ max: '1kb' })(echo), upload(source(KB, 2).stream, headers), context())).status).toBe(
      413,
    )
    expect(await (await send(bodyLimit({ max: '1kb' })(echo), upload(source(KB, 1).stream, headers), context())).text())
      .toBe('1024')
    expect(
      (await send(bodyLimit({ unknownLength: 'refuse' })(echo), upload(source(1, 1).stream, headers), context()))
        .status,
    ).toBe(411)
  })
})

describe("unknownLength 'stream'", () => {
  const wrapped = (handler: Handler, max: '4kb' | '1mb' = '4kb'): Handler =>
    compose(errors({ log: recorder().log }), bodyLimit({ max, unknownLength: 'stream' }))(handler)

  test('passes the body on as it comes: the handler has the first chunk before the second exists', async () => {
    const bytes = source(KB)
    const response = await send(
      wrapped(async (request) => {
        const reader = request.body!.getReader()
        expect((await reader.read()).value).toHaveLength(KB)
        expect(bytes.pulled).toBeLessThanOrEqual(2)
        await reader.cancel('enough')
        return new Response('ok')
      }),
      upload(bytes.stream),
    )
    expect(response.status).toBe(200)
    expect(bytes.cancelled).toBe(true)
    expect(bytes.pulled).toBeLessThanOrEqual(2)
  })

  test('PITFALLS 12, fault 12: beyond the limit the stream breaks, the client gets a 413, the source is cancelled', async () => {
    for (const read of ['arrayBuffer', 'text', 'json', 'bytes'] as const) {
      const bytes = source(KB)
      const response = await send(
        wrapped(async (request) => Response.json(await request[read]())),
        upload(bytes.stream),
      )
      await settled()
      expect(response.status).toBe(413)
      expect(await codeOf(response)).toBe('body-too-large')
      expect(bytes.cancelled).toBe(true)
      expect(bytes.pulled).toBeLessThanOrEqual(6)
    }
  })

  test('exactly the limit passes', async () => {
    expect(await (await send(wrapped(echo), upload(source(KB, 4).stream))).text()).toBe('4096')
  })

  test('a body longer than its Content-Length breaks there, where nobody else has counted', async () => {
    const bytes = source(KB)
    expect((await send(wrapped(echo, '1mb'), post('2048', bytes.stream))).status).toBe(413)
    expect(bytes.pulled).toBeLessThanOrEqual(4)
    expect(await (await send(wrapped(echo), post('2048', source(KB, 2).stream))).text()).toBe('2048')
  })

  test('method, address, headers and signal are the same', async () => {
    const abort = new AbortController()
    const inner = spy()
    const init = {
      method: 'PATCH',
      body: source(1, 1).stream,
      headers: { 'x-a': 'b' },
      signal: abort.signal,
      duplex: 'half',
    }
    await send(wrapped(inner.handler), new Request('http://service.test/a?b=c', init as RequestInit))
    const { request } = inner.calls[0]!
    expect([request.method, request.url, request.headers.get('x-a')]).toEqual([
      'PATCH',
      'http://service.test/a?b=c',
      'b',
    ])
    abort.abort()
    expect(request.signal.aborted).toBe(true)
  })
})

describe('survives the broken', () => {
  test('a body that breaks off is a 400, no handler', async () => {
    const inner = spy()
    const response = await send(bodyLimit()(inner.handler), upload(source(5, 2, 'error').stream))
    expect(response.status).toBe(400)
    expect(await codeOf(response)).toBe('body-unreadable')
    expect(inner.calls).toHaveLength(0)
  })

  test('fault 43: a client that leaves in the middle of its body is a 400 that nobody reads, and no unhandled rejection', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const abort = new AbortController()
    const body = new ReadableStream<Uint8Array>({
      start: (controller) =>
        abort.signal.addEventListener('abort', () => controller.error(new Error('the client left'))),
    })
    const answer = send(bodyLimit()(echo), upload(body))
    abort.abort()
    expect((await answer).status).toBe(400)
    await settled()
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  test('a source that refuses to be cancelled changes nothing', async () => {
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(KB)),
      cancel: () => Promise.reject(new Error('no')),
    }, { highWaterMark: 0 })
    expect((await send(bodyLimit({ max: '1kb' })(echo), upload(body))).status).toBe(413)
    await settled()
  })

  test('a body that was already read is a 400, not a hang', async () => {
    const request = upload(source(5, 1).stream)
    await request.text()
    expect((await send(bodyLimit()(echo), request)).status).toBe(400)
  })

  test('a bug of the handler is not taken for a bad body', async () => {
    const { log, records } = recorder()
    const wrapped = compose(errors({ log }), bodyLimit())(() => Promise.reject(new Error('bug')))
    expect((await send(wrapped, upload(source(5, 1).stream))).status).toBe(500)
    expect(records).toHaveLength(1)
  })

  test.each<[BodyLimitOptions, ...string[]]>([
    [{ max: 1_000 as never }, 'bodyLimit: max', '1000'],
    [{ max: '0b' }, 'bodyLimit: max'],
    [{ max: '1MB' as never }, 'bodyLimit: max', '1MB'],
    [{ max: '-1mb' as never }, 'bodyLimit: max'],
    [{ max: 'Infinitymb' as never }, 'bodyLimit: max'],
    [{ max: '1tb' as never }, 'bodyLimit: max'],
    [{ max: '0.0001b' }, 'bodyLimit: max'],
    [{ max: '999999999999999gb' }, 'bodyLimit: max'],
    [{ max: null as never, unknownLength: 'buffer' as never }, 'bodyLimit: unknownLength'],
    [{ unknownLength: true as never }, 'bodyLimit: unknownLength'],
    [{ unknownLength: 'toString' as never }, 'bodyLimit: unknownLength'],
  ])('throws when made with %o', (options, ...words) => {
    refusesToBeMade(() => bodyLimit(options), ...words)
  })
})

describe('leaves streams alone', () => {
  test('PITFALLS 11: a framed body of known length is handed on unread, the very same request, and nothing is cloned', async () => {
    const clone = vi.spyOn(Request.prototype, 'clone')
    for (const platform of [framed, node]) {
      const bytes = source(KB)
      const request = post('1024', bytes.stream)
      const inner = spy()
      await send(bodyLimit()(inner.handler), request, contextOf({ platform }))
      expect(inner.calls[0]!.request).toBe(request)
      expect(bytes.pulled).toBe(0)
    }
    expect(clone).not.toHaveBeenCalled()
    clone.mockRestore()
  })

  test('answers, and uploads under a limit of their own, stay streams', () =>
    leavesStreamsAlone((next) => (request, context) =>
      request.body === null ? bodyLimit()(next)(request, context) : next(request, context)
    ))
})
