import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { compose } from '../../src/core/compose.ts'
import { onPath } from '../../src/core/request.ts'
import { clientIp } from '../../src/request/client-ip.ts'
import type { HttpsRedirectOptions } from '../../src/request/https-redirect.ts'
import { httpsRedirect } from '../../src/request/https-redirect.ts'
import { requestId } from '../../src/request/request-id.ts'
import { contextOf, requestTo, send } from '../helpers.ts'
import { codeOf, leavesStreamsAlone, refusesToBeMade, spy } from './support.ts'

beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => {}))
afterEach(() => void vi.restoreAllMocks())

const host = 'www.example'
const page = { 'sec-fetch-mode': 'navigate', accept: 'text/html' }

function visit(path: string, init: RequestInit = { headers: page }, encrypted = false): Promise<Response> {
  return send(httpsRedirect({ host })(spy().handler), requestTo(path, init), contextOf({ connection: { encrypted } }))
}

describe('lets the good through', () => {
  test('what came over HTTPS, whatever it is', async () => {
    expect((await visit('/', {}, true)).status).toBe(200)
    expect((await visit('/', { headers: page }, true)).status).toBe(200)
    expect((await visit('/', { method: 'POST' }, true)).status).toBe(200)
  })

  test('what a trusted proxy received over HTTPS', async () => {
    const wrapped = compose(clientIp({ hops: 1 }), httpsRedirect({ host }))(spy().handler)
    const headers = { ...page, 'x-forwarded-for': '203.0.113.5', 'x-forwarded-proto': 'https' }
    expect((await send(wrapped, requestTo('/', { headers }))).status).toBe(200)
    expect((await send(wrapped, requestTo('/', { headers: { ...headers, 'x-forwarded-proto': 'http' } }))).status).toBe(
      308,
    )
  })

  test('what is excepted, by path in its normal form', async () => {
    const wrapped = httpsRedirect({ host, except: onPath('/health/*') })(spy().handler)
    expect((await send(wrapped, requestTo('/health/live'))).status).toBe(200)
    expect((await send(wrapped, requestTo('/healthy'))).status).toBe(403)
  })

  test.each([
    '//health/live',
    '/HEALTH/live',
    '/admin/..%2fhealth/live',
    '/health/..%2fadmin',
    '/health/%2e%2e%2fadmin',
    '/health%2flive',
    '/admin%5c..%5chealth',
    '/health/.%00',
    '/%68ealth/live',
    '/x/../admin',
  ])(
    'PITFALLS 33: what routers may take for another path is not excepted: %s',
    async (path) => {
      const wrapped = httpsRedirect({ host, except: onPath('/health/*') })(spy().handler)
      expect((await send(wrapped, requestTo(path))).status).toBe(403)
    },
  )

  test('undefined is the default of except', async () => {
    expect((await send(httpsRedirect({ host, except: undefined })(spy().handler))).status).toBe(403)
  })
})

describe('PITFALLS 28: a page is redirected, an API call is refused', () => {
  test.each<[string, RequestInit]>([
    ['a navigation', { headers: page }],
    ['a navigation by HEAD', { method: 'HEAD', headers: page }],
    ['an old browser', { headers: { accept: 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8' } }],
  ])('PITFALLS 28: %s gets a 308, whose Location keeps path and query', async (_what, init) => {
    const response = await visit('/a%20b/c?d=e&f=%2F', init)
    expect(response.status).toBe(308)
    expect(response.headers.get('location')).toBe('https://www.example/a%20b/c?d=e&f=%2F')
    expect(await response.text()).toBe('')
  })

  test.each<[string, RequestInit]>([
    ['a call without Accept', {}],
    ['a JSON call', { headers: { accept: 'application/json' } }],
    ['curl', { headers: { accept: '*/*' } }],
    ['a form post', { method: 'POST', headers: page }],
    ['a navigation with a token', { headers: { ...page, authorization: 'Bearer secret' } }],
    ['a script’s fetch', { headers: { 'sec-fetch-mode': 'cors', accept: 'text/html' } }],
    ['an image', { headers: { 'sec-fetch-mode': 'no-cors', accept: 'text/html' } }],
    ['a method by another case', { method: 'PATCH', headers: page }],
    ['OPTIONS', { method: 'OPTIONS', headers: page }],
  ])('PITFALLS 28: %s gets a 403, loudly', async (_what, init) => {
    const context = contextOf()
    const inner = spy()
    const response = await send(httpsRedirect({ host })(inner.handler), requestTo('/', init), context)
    expect(response.status).toBe(403)
    expect(response.headers.has('location')).toBe(false)
    expect(await codeOf(response)).toBe('https-required')
    expect(inner.calls).toHaveLength(0)
    expect(context.events).toEqual([{ kind: 'refused', guard: 'https-redirect', code: 'https-required', status: 403 }])
  })

  test('PITFALLS 28: behind a proxy that clientIp does not know it refuses, with a warning, and does not redirect for ever', async () => {
    for (
      const claim of [{ 'x-forwarded-proto': 'https' }, { 'x-forwarded-proto': 'HTTPS' }, {
        forwarded: 'for=_a;proto="https"',
      }]
    ) {
      const response = await visit('/', { headers: { ...page, ...claim } as Record<string, string> })
      expect(response.status).toBe(403)
      expect(await codeOf(response)).toBe('https-required')
    }
    expect(console.warn).toHaveBeenCalledTimes(3) // a server each
    expect((await visit('/', { headers: { ...page, 'x-forwarded-proto': 'http' } })).status).toBe(308)
  })

  test('PITFALLS 28: an untrusted X-Forwarded-Proto opens nothing', async () => {
    const wrapped = compose(clientIp(), httpsRedirect({ host }))(spy().handler)
    expect((await send(wrapped, requestTo('/', { headers: { 'x-forwarded-proto': 'https' } }))).status).toBe(403)
  })
})

describe('refuses the bad', () => {
  test.each([
    '//evil.test/x',
    '/\\evil.test',
    '/\\/evil.test',
    '/%5cevil.test',
    '/.evil.test',
    '/@evil.test',
    '/%0d%0aset-cookie:%20x=1',
    '/?next=\r\nset-cookie: x=1',
    '/%2f%2fevil.test/..',
    '/https://evil.test',
    '/;@evil.test',
    '/%00',
    '/\u2028',
    '/__proto__',
    `/${'a'.repeat(100_000)}`,
  ])('fault 29: %.40j is redirected within our host, in one header', async (path) => {
    const response = await visit(path)
    expect(response.status).toBe(308)
    const location = response.headers.get('location')!
    expect(new URL(location).origin).toBe('https://www.example')
    expect(location).toMatch(/^[\x21-\x7e]+$/)
    expect(response.headers.has('set-cookie')).toBe(false)
  })

  test('a forged Host leads nobody away', async () => {
    const response = await visit('/', { headers: { ...page, host: 'evil.test', 'x-forwarded-host': 'evil.test' } })
    expect(response.headers.get('location')).toBe('https://www.example/')
  })

  test('PITFALLS 26: the redirect, which caches keep, has no request id', async () => {
    const response = await send(
      compose(requestId(), httpsRedirect({ host }))(spy().handler),
      requestTo('/', { headers: page }),
    )
    expect(response.status).toBe(308)
    expect(response.headers.has('x-request-id')).toBe(false)
  })

  test('an async exception excepts nothing: a promise is not true', async () => {
    const except = (() => Promise.resolve(true)) as unknown as () => boolean
    expect((await send(httpsRedirect({ host, except })(spy().handler))).status).toBe(403)
  })
})

describe('survives the broken', () => {
  test.each<[HttpsRedirectOptions, ...string[]]>([
    [{} as never, 'httpsRedirect: host'],
    [{ host: '' }, 'httpsRedirect: host'],
    [{ host: 'https://www.example' }, 'httpsRedirect: host', 'https://www.example'],
    [{ host: 'www.example/path' }, 'httpsRedirect: host'],
    [{ host: 'user@www.example' }, 'httpsRedirect: host'],
    [{ host: 'www.example\r\nx: y' }, 'httpsRedirect: host'],
    [{ host: 'www.example:https' }, 'httpsRedirect: host'],
    [{ host: '*.example' }, 'httpsRedirect: host'],
    [{ host: 'b\xfccher.example' }, 'httpsRedirect: host'],
    [{ host: 42 as never }, 'httpsRedirect: host'],
    [{ host, except: '/health' as never }, 'httpsRedirect: except'],
  ])('throws when made with %o', (options, ...words) => {
    refusesToBeMade(() => httpsRedirect(options), ...words)
  })
})

test('leaves streams alone', () => leavesStreamsAlone(httpsRedirect({ host, except: () => true })))
