import { expect, test } from 'vitest'
import { toFetch } from '../../adapters/fetch.ts'
import { refusedEarly } from '../../adapters/shared/early.ts'
import type { End } from '../../src/core/context.ts'
import { onEnd } from '../../src/core/context.ts'
import type { Handler } from '../../src/core/handler.ts'
import { source } from '../helpers.ts'

const request = (path = '/', init?: RequestInit): Request => new Request(`https://api.test${path}`, init)

test('a synchronous handler is answered synchronously, with its head', () => {
  const fetch = toFetch((_request, context) => {
    context.head.set('x-announced', 'yes')
    return new Response('x')
  })
  const response = fetch(request())
  expect(response).toBeInstanceOf(Response)
  expect((response as Response).headers.get('x-announced')).toBe('yes')
})

test('what a handler throws is a problem, and never a rejection', async () => {
  const app: Handler = (_request, context) => {
    context.head.set('x-announced', 'yes')
    throw Object.assign(new Error('not you'), { expose: true, status: 403 })
  }
  for (const handler of [app, (...args: Parameters<Handler>) => Promise.resolve().then(() => app(...args))]) {
    const response = await toFetch(handler)(request())
    expect([response.status, response.headers.get('x-announced')]).toEqual([403, 'yes'])
    expect(await response.json()).toMatchObject({ code: 'bad-request' })
  }
})

test('the facts are those that were given', async () => {
  const given: Promise<unknown>[] = []
  const connection = { address: '192.0.2.1', port: 7, encrypted: true }
  const fetch = toFetch((_request, { clock, connection, platform, waitUntil }) => {
    waitUntil(Promise.resolve('work'))
    return Response.json([clock.now(), connection, platform.name])
  }, { clock: { now: () => 42, monotonic: () => 1 }, connection, waitUntil: (work) => given.push(work) })
  expect(await (await fetch(request())).json()).toEqual([42, connection, 'fetch'])
  expect(await given[0]).toBe('work')
})

test('without waitUntil, work runs unattended and its errors are dropped', async () => {
  const fetch = toFetch((_request, { waitUntil }) => {
    waitUntil(Promise.reject(new Error('nobody sees this')))
    return new Response('x')
  })
  expect((await fetch(request())).status).toBe(200)
  await new Promise((resolve) => setTimeout(resolve, 10))
})

test('fault 31: where the runtime does not, a target and a Host that name different servers are told apart', () => {
  const refused = (url: string, host: string): boolean => {
    const one = new Request(url)
    // Fetch forbids the header, runtimes set it.
    Object.defineProperty(one, 'headers', { value: new Headers([['host', host]]) })
    return refusedEarly(one) !== undefined
  }
  expect(refused('http://a.test/', 'a.test')).toBe(false)
  expect(refused('http://a.test/', 'A.TEST:80')).toBe(false)
  expect(refused('https://a.test/', 'a.test:443')).toBe(false)
  expect(refused('http://[::1]:81/', '[::1]:81')).toBe(false)
  expect(refused('http://evil.test/', 'a.test')).toBe(true)
  expect(refused('http://a.test/', 'a.test, b.test')).toBe(true)
  expect(refused('http://a.test/', 'a.test:81')).toBe(true)
  expect(refused('http://a.test.evil.test/', 'a.test')).toBe(true)
  expect(refused('http://a.test/', 'x@a.test')).toBe(true)
  expect(refusedEarly(new Request('http://a.test/'))).toBeUndefined()
})

test('TRACE, TRACK and CONNECT never reach a handler', async () => {
  const fetch = toFetch(() => new Response('reflected'))
  for (const method of ['TRACE', 'TRACK', 'CONNECT']) {
    const one = request()
    Object.defineProperty(one, 'method', { value: method })
    const response = await fetch(one)
    expect([response.status, response.headers.get('cache-control')]).toEqual([501, 'no-store'])
  }
})

test.each<[string, () => Response, RequestInit, End]>([
  ['a string', () => new Response('x'), {}, { status: 200, bytes: undefined, outcome: 'complete' }],
  ['a stream', () => new Response(source(10, 3).stream), {}, { status: 200, bytes: 30, outcome: 'complete' }],
  ['a broken stream', () => new Response(source(10, 3, 'error').stream), {}, {
    status: 200,
    bytes: 30,
    outcome: 'failed',
  }],
  ['a stream that nobody reads, for HEAD', () => new Response(source(10).stream), { method: 'HEAD' }, {
    status: 200,
    bytes: 0,
    outcome: 'complete',
  }],
])('the end of %s is told once', async (_name, answer, init, end) => {
  const ends: End[] = []
  const fetch = toFetch((_request, context) => {
    onEnd(context, (one) => ends.push(one))
    return answer()
  })
  const response = await fetch(request('/', init))
  if (init.method === undefined) await response.arrayBuffer().catch(() => {})
  // Bun gives a string its type only when it is sent: there, an untyped stream counts as one, too.
  if ('Bun' in globalThis && end.bytes !== 0) expect(ends).toHaveLength(1)
  else expect(ends).toEqual([end])
})
