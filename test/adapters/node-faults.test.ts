/** What a hostile or broken client sends to `serve` on Node: the numbers are those of PITFALLS' list of faults. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { NodeServer } from '../../adapters/node.ts'
import { serve } from '../../adapters/node.ts'
import type { End } from '../../src/core/context.ts'
import { onEnd } from '../../src/core/context.ts'
import type { Handler } from '../../src/core/handler.ts'
import { delay, head, onNode, send, until } from './wire.ts'

const PROBLEM = 'application/problem+json'
let server: NodeServer
let seen: string[]
let ends: End[]
const rejections: unknown[] = []
const note = (reason: unknown): void => void rejections.push(reason)

const app: Handler = async (request, context) => {
  seen.push(request.url)
  onEnd(context, (end) => ends.push(end))
  context.head.set('x-announced', 'yes')
  const { pathname } = new URL(request.url)
  if (pathname === '/slow') await delay(300)
  return new Response(request.method === 'POST' ? `got ${(await request.text()).length}` : request.url)
}

describe.skipIf(!onNode)('serve on Node survives', () => {
  beforeAll(async () => {
    process.on('unhandledRejection', note)
    server = await serve(app, {
      port: 0,
      headersTimeout: '300ms',
      requestTimeout: '600ms',
      keepAliveTimeout: '100ms',
      drain: '500ms',
    })
  })
  beforeEach(() => {
    seen = []
    ends = []
  })
  afterAll(async () => {
    await server?.close()
    process.off('unhandledRejection', note)
    expect(rejections).toEqual([])
  })

  test('fault 1: a head that trickles in gets 408 and the connection closes, while others are served', async () => {
    const slow = Array.from({ length: 50 }, () => send(server.port, [...'GET / HTTP/1.1\r\nHost: a'], { every: 50 }))
    await delay(100)
    const { status, ms } = await send(server.port, head('GET /health', 'Connection: close'))
    expect(status).toBe(200)
    expect(ms).toBeLessThan(250)
    for (const one of await Promise.all(slow)) {
      expect([one.status, one.closed]).toEqual([408, true])
      expect(one.ms).toBeLessThan(1_200)
      expect(one.text).toContain(PROBLEM)
    }
  })

  test('fault 2: a body that trickles in gets 408, its handler is told, and the connection closes', async () => {
    const parts = [head('POST /', 'Content-Length: 100'), ...'x'.repeat(60)]
    const { status, closed, ms, body } = await send(server.port, parts, { every: 30, wait: 4_000 })
    expect([status, closed]).toEqual([408, true])
    expect(ms).toBeLessThan(2_500)
    expect(JSON.parse(body)).toMatchObject({ status: 408, code: 'bad-request' })
    expect(await until(() => ends.length > 0)).toBe(true)
    expect(ends).toEqual([{ status: 408, bytes: undefined, outcome: 'aborted' }])
  })

  test('fault 3: an idle connection is closed when keepAliveTimeout has passed', async () => {
    const { status, closed, ms } = await send(server.port, head('GET /'), { wait: 4_000 })
    expect([status, closed]).toEqual([200, true])
    // Node adds a second, for clients that count from when they saw the answer.
    expect(ms).toBeLessThan(2_000)
  })

  test.each([
    ['fault 4: a header line of 20 KB', head('GET /', `X: ${'a'.repeat(20_000)}`)],
    ['fault 5: 3,000 small headers', head('GET /', ...Array.from({ length: 3_000 }, (_, i) => `a${i}: b`))],
    ['a request line of 20 KB', head(`GET /${'a'.repeat(20_000)}`)],
  ])('%s is 431', async (_name, bytes) => {
    const { status, closed, text, body } = await send(server.port, bytes)
    expect([status, closed]).toEqual([431, true])
    expect(text).toContain(PROBLEM)
    expect(JSON.parse(body)).toMatchObject({ code: 'headers-too-large' })
    expect(seen).toEqual([])
  })

  test.each([
    [
      'fault 7: Content-Length with Transfer-Encoding',
      head('POST /', 'Content-Length: 5', 'Transfer-Encoding: chunked'),
    ],
    ['fault 8: two differing Content-Length', head('POST /', 'Content-Length: 5', 'Content-Length: 6') + 'hello'],
    ['fault 9: Transfer-Encoding: chunked, identity', head('POST /', 'Transfer-Encoding: chunked, identity')],
    ['fault 9: Transfer-Encoding: xchunked', head('POST /', 'Transfer-Encoding: xchunked')],
    ['fault 14: Content-Length: -1', head('POST /', 'Content-Length: -1')],
    ['fault 14: Content-Length: 1e3', head('POST /', 'Content-Length: 1e3')],
    ['a header without a name', 'GET / HTTP/1.1\r\nHost: a.test\r\n: x\r\n\r\n'],
    ['a space before the colon', head('GET /', 'X-A : b')],
    ['a folded header line', 'GET / HTTP/1.1\r\nHost: a.test\r\nX: a\r\n b\r\n\r\n'],
    ['a NUL in a header', head('GET /', 'X: a\0b')],
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ])('%s is a 400 problem, and the connection closes', async (_name, bytes) => {
    const { status, closed, text, body } = await send(server.port, bytes, { wait: 1_500 })
    expect([status, closed]).toEqual([400, true])
    for (const field of [PROBLEM, 'cache-control: no-store', 'x-content-type-options: nosniff', 'connection: close']) {
      expect(text.toLowerCase()).toContain(field)
    }
    expect(JSON.parse(body)).toMatchObject({ status: 400, code: 'bad-request' })
    expect(text).not.toMatch(/HPE|Error|stack/)
    expect(seen).toEqual([])
  })

  test.each([
    ['a chunk size that is no number', 'xyz\r\n'],
    ['a line feed in a chunk extension', '5;a=\nb\r\nhello\r\n0\r\n\r\n'],
    ['a negative chunk size', '-1\r\n'],
    ['a chunk longer than its size', '3\r\nhello\r\n0\r\n\r\n'],
  ])('fault 10: %s is a 400, and the connection closes', async (_name, chunks) => {
    const { status, closed } = await send(server.port, head('POST /', 'Transfer-Encoding: chunked') + chunks)
    expect([status, closed]).toEqual([400, true])
    expect(await until(() => ends.length === seen.length)).toBe(true)
  })

  test('fault 11: a chunked body that is cut off by FIN leaves nothing behind', async () => {
    const bytes = head('POST /', 'Transfer-Encoding: chunked') + '5\r\nhel'
    const { status, closed } = await send(server.port, bytes, { end: true })
    expect(closed).toBe(true)
    expect([0, 400]).toContain(status)
    expect(await until(() => ends.length === 1)).toBe(true)
    expect(ends[0]!.outcome).toBe('aborted')
  })

  test.each([
    ['two Host headers', 'GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n', 400],
    ['two Host headers in other case', 'GET / HTTP/1.1\r\nHost: a.test\r\nhOST: a.test\r\n\r\n', 400],
    ['no Host header', 'GET / HTTP/1.1\r\nX: y\r\n\r\n', 400],
    ['a target on another host', head('GET http://evil.test/x'), 400],
    ['a target with credentials', head('GET http://u:p@a.test/x'), 400],
    ['a target whose host hides behind @', head('GET http://a.test@evil.test/x'), 400],
    ['a target on another port', head('GET http://a.test:81/x'), 400],
    ['a target of another scheme', head('GET ftp://a.test/x'), 400],
    ['a target that is no path', head('GET evil.test'), 400],
    ['OPTIONS *', head('OPTIONS *'), 400],
    ['a backslash in the path', head('GET /\\..\\x'), 400],
    ['a Host that is no host', 'GET / HTTP/1.1\r\nHost: a b<c>\r\n\r\n', 400],
    ['a Host with credentials', 'GET / HTTP/1.1\r\nHost: a@evil.test\r\n\r\n', 400],
    ['TRACE', head('TRACE /'), 501],
    ['TRACK', head('TRACK /'), 501],
    ['CONNECT', 'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n', 501],
    ['an expectation nobody knows', head('GET /', 'Expect: 200-ok'), 417],
  ])('fault 31: %s is refused before the handler', async (_name, bytes, expected) => {
    const { status, text, body } = await send(server.port, bytes, { wait: 1_500, until: '"code":' })
    expect(status).toBe(expected)
    expect(text.toLowerCase()).toContain(PROBLEM)
    expect(text.toLowerCase()).toContain('x-content-type-options: nosniff')
    expect(JSON.parse(body)).toMatchObject({ status: expected })
    expect(seen).toEqual([])
  })

  test.each([
    ['//evil.test/x', 'http://a.test//evil.test/x'],
    ['/\t/evil.test'.replace('\t', '%09'), 'http://a.test/%09/evil.test'],
    ['/a/../../x', 'http://a.test/x'],
    ['http://a.test/x?y=1', 'http://a.test/x?y=1'],
    ['http://A.TEST:80/x', 'http://a.test/x'],
    ['http://a.test?y', 'http://a.test/?y'],
  ])('fault 31: the target %s stays on our origin', async (target, url) => {
    const { status, body } = await send(server.port, head(`GET ${target}`, 'Connection: close'))
    expect([status, body]).toEqual([200, url])
    expect(new URL(seen[0]!).origin).toBe('http://a.test')
  })

  test('garbage after a whole request does not take its answer away', async () => {
    const { text, closed } = await send(server.port, head('GET /slow') + '\0garbage\r\n\r\n')
    expect(text).toContain('HTTP/1.1 200 OK')
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect(closed).toBe(true)
  })

  test('fault 43: a client that leaves before its body is whole is an abort, and nothing else', async () => {
    const one = send(server.port, head('POST /', 'Content-Length: 1000') + 'abc', { wait: 100 })
    await one
    expect(await until(() => ends.length === 1)).toBe(true)
    expect(ends[0]!.outcome).toBe('aborted')
  })

  test('HTTP/1.0 needs no Host', async () => {
    const { status, closed } = await send(server.port, 'GET /old HTTP/1.0\r\n\r\n')
    expect([status, closed, seen]).toEqual([200, true, ['http://localhost/old']])
  })
})
