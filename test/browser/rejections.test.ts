/** PITFALLS 8: no refusal and no error may lose what browsers and people need to read it. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { cors } from '../../src/browser/cors.ts'
import { csrf } from '../../src/browser/csrf.ts'
import { errors } from '../../src/core/errors.ts'
import { guard, refusal } from '../../src/core/guard.ts'
import type { Handler } from '../../src/core/handler.ts'
import { Problem, problem } from '../../src/core/problem.ts'
import type { Store } from '../../src/core/store.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { policy } from '../../src/policy/policy.ts'
import { bodyLimit } from '../../src/request/body-limit.ts'
import { contentType } from '../../src/request/content-type.ts'
import { headerLimit } from '../../src/request/header-limit.ts'
import { hosts } from '../../src/request/hosts.ts'
import { httpsRedirect } from '../../src/request/https-redirect.ts'
import { ipAccess } from '../../src/request/ip-access.ts'
import { methods } from '../../src/request/methods.ts'
import { timeout } from '../../src/request/timeout.ts'
import { byClientIp } from '../../src/traffic/keys.ts'
import { rateLimit } from '../../src/traffic/rate-limit.ts'
import { contextOf, recorder, send, source, upload } from '../helpers.ts'
import { spy } from '../request/support.ts'

const APP = 'https://app.example'
const UUID = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/
const EXPOSED = ['RateLimit', 'RateLimit-Policy', 'Retry-After', 'X-Request-Id']

beforeEach(() => void vi.spyOn(console, 'error').mockImplementation(() => {}))
afterEach(() => void vi.restoreAllMocks())

const refusing = (code: 'unauthenticated' | 'forbidden', headers = {}) =>
  guard({ name: 'test', decide: () => refusal(problem(code, { headers })) })
const limited = () => rateLimit({ key: byClientIp, limit: 1, window: '1m' })
const broken: Store = { consume: () => Promise.reject(new Error('the store is down')) }
const post = (headers: Record<string, string>, body: BodyInit = '{}'): RequestInit => ({
  method: 'POST',
  body,
  headers,
})
const json = { 'content-type': 'application/json' }

interface Kind {
  readonly slots?: Policy
  readonly init?: RequestInit
  readonly handler?: Handler
  readonly encrypted?: boolean
  /** How often it is sent: the last answer counts. */
  readonly times?: number
}

const KINDS: [string, number, Kind][] = [
  ['429', 429, { slots: { rateLimit: limited() }, times: 2 }],
  ['413 by Content-Length', 413, {
    slots: { bodyLimit: bodyLimit({ max: '1b' }) },
    init: post({ 'content-length': '2' }),
  }],
  ['400 by Content-Length', 400, { init: post({ 'content-length': '1e3' }) }],
  ['415', 415, {
    slots: { contentType: contentType({ allow: ['application/json'] }) },
    init: post({ 'content-type': 'text/plain' }),
  }],
  ['415 by encoding', 415, {
    slots: { contentType: contentType({ allow: ['application/json'] }) },
    init: post({ ...json, 'content-encoding': 'gzip' }),
  }],
  ['401', 401, { slots: { authenticate: refusing('unauthenticated', { 'www-authenticate': 'Bearer' }) } }],
  ['403 of authorize', 403, { slots: { authorize: refusing('forbidden') } }],
  ['403 of csrf', 403, { slots: { csrf: csrf() }, init: post({ ...json, 'sec-fetch-site': 'cross-site' }) }],
  ['403 of ipAccess', 403, { slots: { ipAccess: ipAccess({ allow: ['10.0.0.0/8'] }) } }],
  ['403 of httpsRedirect', 403, { slots: { httpsRedirect: httpsRedirect({ host: 'www.example' }) }, encrypted: false }],
  ['404 that the handler answers', 404, { handler: () => new Response('nothing here', { status: 404 }) }],
  ['404 that the handler throws', 404, {
    handler: () => {
      throw new Problem(404, 'not-found')
    },
  }],
  ['404 as a thrown Response', 404, {
    handler: () => {
      throw new Response(null, { status: 404 })
    },
  }],
  ['405', 405, { slots: { methods: methods({ allow: ['GET'] }) }, init: post(json) }],
  ['421', 421, { slots: { hosts: hosts({ allow: ['other.test'] }) } }],
  ['431', 431, { slots: { headerLimit: headerLimit({ fields: 1 }) }, init: { headers: { 'x-a': 'b', 'x-c': 'd' } } }],
  ['500 thrown', 500, {
    handler: () => {
      throw new Error('bug')
    },
  }],
  ['500 rejected with null', 500, { handler: () => Promise.reject(null) }],
  ['500 for no response', 500, { handler: () => undefined as never }],
  ['503 of a store that is down', 503, {
    slots: { rateLimit: rateLimit({ key: byClientIp, limit: 1, window: '1m', store: broken, onOutage: 'refuse' }) },
  }],
  ['504', 504, { slots: { timeout: timeout({ after: '1ms' }) }, handler: () => new Promise(() => {}) }],
]

async function answer(
  { slots = {}, init = {}, handler = spy().handler, encrypted = true, times = 1 }: Kind,
): Promise<Response> {
  const app = policy({
    cors: cors({ origins: [APP], credentials: true }),
    errors: errors({ log: recorder().log }),
    ...slots,
  })(handler)
  let response: Response | undefined
  for (let i = 0; i < times; i++) {
    const request = new Request('https://service.test/', {
      ...init,
      headers: { origin: APP, ...init.headers as Record<string, string> },
    })
    response = await send(app, request, contextOf({ address: '203.0.113.5', connection: { encrypted } }))
  }
  return response!
}

function hasEverything({ headers }: Response, encrypted = true): void {
  expect(headers.get('x-request-id')).toMatch(UUID)
  expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('x-frame-options')).toBe('DENY')
  expect(headers.has('strict-transport-security')).toBe(encrypted)
  expect(headers.get('access-control-allow-origin')).toBe(APP)
  expect(headers.get('access-control-allow-credentials')).toBe('true')
  expect(headers.get('vary')!.split(', ')).toContain('Origin')
}

describe('PITFALLS 8: request id, security headers and CORS fields with the exposed ones are on every kind of answer', () => {
  test.each(KINDS)('PITFALLS 8: %s', async (_what, status, kind) => {
    const response = await answer(kind)
    expect(response.status).toBe(status)
    hasEverything(response, kind.encrypted)
    const exposed = response.headers.get('access-control-expose-headers')!.split(', ')
    expect(exposed).toEqual(expect.arrayContaining(EXPOSED))
    if (response.headers.get('content-type') === 'application/problem+json') {
      expect(response.headers.get('cache-control')).toBe('no-store')
      const body = (await response.json()) as { status: number; instance: string }
      expect(body.status).toBe(status)
      expect(body.instance).toBe(`urn:uuid:${response.headers.get('x-request-id')}`)
    }
  })

  test('PITFALLS 8: a body that is too large when counted', async () => {
    const app = policy({ cors: cors({ origins: [APP], credentials: true }), bodyLimit: bodyLimit({ max: '1kb' }) })(
      spy().handler,
    )
    const request = upload(source(512, 4).stream, { origin: APP })
    const response = await send(app, request, contextOf({ address: '203.0.113.5' }))
    expect(response.status).toBe(413)
    hasEverything(response, false)
  })

  test('PITFALLS 8: a 429 says when to come back, in fields that scripts may read', async () => {
    const { headers } = await answer({ slots: { rateLimit: limited() }, times: 2 })
    for (const field of ['ratelimit', 'ratelimit-policy', 'retry-after', 'x-request-id']) {
      expect(headers.has(field)).toBe(true)
      expect(headers.get('access-control-expose-headers')!.toLowerCase().split(', ')).toContain(field)
    }
    expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  })

  test('PITFALLS 8: what a refusal says itself is kept', async () => {
    const headers = { 'www-authenticate': 'Bearer' }
    expect(
      (await answer({ slots: { authenticate: refusing('unauthenticated', headers) } })).headers.get('www-authenticate'),
    ).toBe('Bearer')
    expect((await answer({ slots: { methods: methods({ allow: ['GET'] }) }, init: post(json) })).headers.get('allow'))
      .toBe('GET, HEAD')
  })

  test('PITFALLS 8: an origin that is not listed gets none of it, and the same refusal', async () => {
    for (const [, status, kind] of KINDS.filter(([what]) => what !== '429')) {
      const response = await answer({
        ...kind,
        init: { ...kind.init, headers: { ...kind.init?.headers as object, origin: 'https://evil.test' } },
      })
      expect(response.status).toBe(status)
      expect(response.headers.has('access-control-allow-origin')).toBe(false)
      expect(response.headers.get('vary')).toContain('Origin')
    }
  })
})

describe('a preflight', () => {
  const everything: Policy = {
    hosts: hosts({ allow: ['other.test'] }),
    methods: methods({ allow: ['GET'] }),
    ipAccess: ipAccess({ allow: ['10.0.0.0/8'] }),
    httpsRedirect: httpsRedirect({ host: 'www.example' }),
    headerLimit: headerLimit({ fields: 1 }),
    rateLimit: limited(),
    csrf: csrf(),
    authenticate: refusing('unauthenticated'),
  }
  const init = {
    method: 'OPTIONS',
    headers: { 'access-control-request-method': 'POST', 'sec-fetch-site': 'cross-site' },
  }

  test('PITFALLS 8: has request id, security headers and CORS fields, and is answered before every guard', async () => {
    const response = await answer({ slots: everything, init, encrypted: false, times: 5 })
    expect(response.status).toBe(204)
    hasEverything(response, false)
    expect(response.headers.get('access-control-allow-methods')).toContain('POST')
    expect(response.headers.has('ratelimit')).toBe(false)
  })

  test('PITFALLS 8: uses up nobody’s quota', async () => {
    const app = policy({ cors: cors({ origins: [APP] }), rateLimit: limited() })(spy().handler)
    const from = (more: RequestInit): Promise<Response> =>
      send(
        app,
        new Request('https://service.test/', { ...more, headers: { origin: APP, ...more.headers as object } }),
        contextOf({ address: '203.0.113.5' }),
      )
    for (let i = 0; i < 10; i++) expect((await from(init)).status).toBe(204)
    expect((await from({})).status).toBe(200)
    expect((await from({})).status).toBe(429)
    expect((await from(init)).status).toBe(204)
  })

  test('PITFALLS 37: HEAD, and an OPTIONS that is no preflight, use up the quota as GET does', async () => {
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      const response = await answer({ slots: { rateLimit: limited() }, init: { method }, times: 2 })
      expect(response.status).toBe(429)
    }
  })

  test('PITFALLS 37: HEAD is held to what GET is held to', async () => {
    for (
      const [what, status, { slots }] of [
        ['hosts', 421, { slots: { hosts: hosts({ allow: ['other.test'] }) } }],
        ['ipAccess', 403, { slots: { ipAccess: ipAccess({ allow: ['10.0.0.0/8'] }) } }],
        ['authenticate', 401, { slots: { authenticate: refusing('unauthenticated') } }],
      ] as [string, number, Kind][]
    ) {
      for (const method of ['GET', 'HEAD', 'OPTIONS']) {
        expect((await answer({ slots: slots!, init: { method } })).status, `${what} ${method}`).toBe(status)
      }
    }
  })
})
