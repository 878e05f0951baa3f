import { afterEach, describe, expect, test, vi } from 'vitest'
import { csp, WEBSITE_CSP } from '../../src/browser/content-security-policy.ts'
import { NO_HARDWARE } from '../../src/browser/permissions-policy.ts'
import type { SecurityHeadersOptions } from '../../src/browser/security-headers.ts'
import { securityHeaders } from '../../src/browser/security-headers.ts'
import { compose } from '../../src/core/compose.ts'
import { errors } from '../../src/core/errors.ts'
import type { HasNonce } from '../../src/core/facts.ts'
import type { Handler } from '../../src/core/handler.ts'
import { clientIp } from '../../src/request/client-ip.ts'
import { contextOf, recorder, requestTo, send, settled } from '../helpers.ts'
import { leavesStreamsAlone, refusesToBeMade } from '../request/support.ts'

afterEach(() => void vi.restoreAllMocks())

const https = { connection: { encrypted: true } }
const ok: Handler = () => new Response('ok', { headers: { 'content-type': 'text/html' } })

async function headersOf(options?: SecurityHeadersOptions, handler: Handler = ok, encrypted = true): Promise<Headers> {
  const wrapped = (securityHeaders as (options?: SecurityHeadersOptions) => (next: Handler) => Handler)(options)(
    handler,
  )
  return (await send(wrapped, requestTo(), contextOf({ connection: { encrypted } }))).headers
}

const ALL: Record<string, string> = {
  'content-security-policy': WEBSITE_CSP.parts.join(''),
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'permissions-policy': NO_HARDWARE,
  'referrer-policy': 'strict-origin-when-cross-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'x-xss-protection': '0',
  'origin-agent-cluster': '?1',
  'x-dns-prefetch-control': 'off',
  'x-download-options': 'noopen',
  'x-permitted-cross-domain-policies': 'none',
}

/** Each option, and the header that it is about. */
const OFF: [keyof SecurityHeadersOptions, string][] = [
  ['contentSecurityPolicy', 'content-security-policy'],
  ['strictTransportSecurity', 'strict-transport-security'],
  ['permissionsPolicy', 'permissions-policy'],
  ['referrerPolicy', 'referrer-policy'],
  ['crossOriginOpenerPolicy', 'cross-origin-opener-policy'],
  ['crossOriginResourcePolicy', 'cross-origin-resource-policy'],
  ['frameOptions', 'x-frame-options'],
  ['contentTypeOptions', 'x-content-type-options'],
  ['xssProtection', 'x-xss-protection'],
  ['originAgentCluster', 'origin-agent-cluster'],
  ['dnsPrefetchControl', 'x-dns-prefetch-control'],
  ['downloadOptions', 'x-download-options'],
  ['crossDomainPolicies', 'x-permitted-cross-domain-policies'],
]

describe('lets the good through', () => {
  test('PITFALLS 23: by default exactly these, and X-XSS-Protection 0, no preload, no nonce', async () => {
    expect(Object.fromEntries(await headersOf())).toEqual({ 'content-type': 'text/html', ...ALL })
  })

  test('undefined is the default, for every option', async () => {
    const options = Object.fromEntries([
      ...OFF.map(([option]) => [option, undefined]),
      ...[
        'contentSecurityPolicyReportOnly',
        'crossOriginEmbedderPolicy',
        'reportingEndpoints',
        'cacheControl',
        'remove',
      ]
        .map((option) => [option, undefined]),
    ]) as SecurityHeadersOptions
    expect(Object.fromEntries(await headersOf(options))).toEqual({ 'content-type': 'text/html', ...ALL })
  })

  test.each(OFF)('false is off: %s', async (option, header) => {
    const headers = await headersOf({ [option]: false })
    const { [header]: _off, ...others } = ALL
    expect(Object.fromEntries(headers)).toEqual({ 'content-type': 'text/html', ...others })
  })

  test.each<[SecurityHeadersOptions, string, string]>([
    [{ referrerPolicy: 'no-referrer' }, 'referrer-policy', 'no-referrer'],
    [{ crossOriginOpenerPolicy: 'same-origin-allow-popups' }, 'cross-origin-opener-policy', 'same-origin-allow-popups'],
    [{ crossOriginEmbedderPolicy: 'credentialless' }, 'cross-origin-embedder-policy', 'credentialless'],
    [{ crossOriginResourcePolicy: 'cross-origin' }, 'cross-origin-resource-policy', 'cross-origin'],
    [{ frameOptions: 'SAMEORIGIN' }, 'x-frame-options', 'SAMEORIGIN'],
    [{ contentTypeOptions: true }, 'x-content-type-options', 'nosniff'],
    [{ permissionsPolicy: 'camera=(self)' }, 'permissions-policy', 'camera=(self)'],
    [{ reportingEndpoints: 'csp="/r"' }, 'reporting-endpoints', 'csp="/r"'],
    [{ cacheControl: 'no-store' }, 'cache-control', 'no-store'],
    [
      { contentSecurityPolicyReportOnly: csp({ 'default-src': ["'none'"] }) },
      'content-security-policy-report-only',
      "default-src 'none'",
    ],
    [
      { strictTransportSecurity: { maxAge: '730d', includeSubDomains: false } },
      'strict-transport-security',
      'max-age=63072000',
    ],
    [
      { strictTransportSecurity: { dangerouslyPreload: true } },
      'strict-transport-security',
      'max-age=31536000; includeSubDomains; preload',
    ],
  ])('%o', async (options, header, value) => {
    expect((await headersOf(options)).get(header)).toBe(value)
  })

  test('PITFALLS 23: HSTS over HTTPS only: by the connection, or by the proxy that clientIp trusts', async () => {
    expect((await headersOf({}, ok, false)).has('strict-transport-security')).toBe(false)
    const wrapped = compose(clientIp({ hops: 1 }), securityHeaders())(ok)
    const via = async (proto: string): Promise<boolean> => {
      const headers = { 'x-forwarded-for': '203.0.113.5', 'x-forwarded-proto': proto }
      return (await send(wrapped, requestTo('/', { headers }))).headers.has('strict-transport-security')
    }
    expect(await via('https')).toBe(true)
    expect(await via('http')).toBe(false)
    const forged = await send(
      compose(clientIp(), securityHeaders())(ok),
      requestTo('/', { headers: { 'x-forwarded-proto': 'https' } }),
      contextOf({ address: '203.0.113.5' }),
    )
    expect(forged.headers.has('strict-transport-security')).toBe(false)
  })

  test('remove takes fields off, the handler’s own too', async () => {
    const handler: Handler = () =>
      new Response('ok', { headers: { server: 'x', 'x-powered-by': 'y', 'set-cookie': 'a=b' } })
    const headers = await headersOf({ remove: ['Server', 'x-powered-by', 'X-XSS-Protection'] }, handler)
    for (const gone of ['server', 'x-powered-by', 'x-xss-protection']) expect(headers.has(gone)).toBe(false)
    expect(headers.getSetCookie()).toEqual(['a=b'])
  })
})

describe('PITFALLS 23: nonces', () => {
  const both = {
    contentSecurityPolicy: csp({ 'default-src': ["'self'"] }, { nonce: true }),
    contentSecurityPolicyReportOnly: csp({ 'script-src': ["'strict-dynamic'"] }, { nonce: true }),
  }
  const page: Handler<HasNonce> = (_request, { nonce }) =>
    new Response(`<script nonce="${nonce}">1</script>`, {
      headers: { 'content-type': 'text/html', 'cache-control': 'public, max-age=60' },
    })
  const noncesIn = (header: string | null): string[] =>
    [...header!.matchAll(/'nonce-([^']+)'/g)].map((match) => match[1]!)

  test('PITFALLS 23: 1,000 nonces are unique and 128 bits; page, both policies and context agree; private, no-store is forced', async () => {
    const seen = new Set<string>()
    const wrapped = securityHeaders(both)(page)
    await Promise.all(Array.from({ length: 1_000 }, async () => {
      const response = await send(wrapped)
      const inPage = /nonce="([^"]+)"/.exec(await response.text())![1]!
      expect(atob(inPage)).toHaveLength(16)
      expect(new Set(noncesIn(response.headers.get('content-security-policy')))).toEqual(new Set([inPage]))
      expect(new Set(noncesIn(response.headers.get('content-security-policy-report-only')))).toEqual(new Set([inPage]))
      expect(response.headers.get('cache-control')).toBe('private, no-store')
      seen.add(inPage)
    }))
    expect(seen.size).toBe(1_000)
  })

  test('the nonce is where it belongs, the other headers are there too, HSTS over HTTPS', async () => {
    const response = await send(securityHeaders(both)(page), requestTo(), contextOf(https))
    const nonce = /nonce="([^"]+)"/.exec(await response.text())![1]!
    expect(response.headers.get('content-security-policy')).toBe(
      `default-src 'self'; script-src 'self' 'nonce-${nonce}'; style-src 'self' 'nonce-${nonce}'`,
    )
    for (const header of ['strict-transport-security', 'permissions-policy', 'x-content-type-options']) {
      expect(response.headers.get(header)).toBe(ALL[header])
    }
  })

  test('only the policy that wants one has one', async () => {
    const wrapped = securityHeaders({ contentSecurityPolicyReportOnly: csp({ 'script-src': [] }, { nonce: true }) })(
      page,
    )
    const { headers } = await send(wrapped)
    expect(headers.get('content-security-policy')).toBe(ALL['content-security-policy'])
    expect(noncesIn(headers.get('content-security-policy-report-only'))).toHaveLength(2)
  })

  test('a refusal or an error inside has a nonce and no-store, too', async () => {
    const { log } = recorder()
    const wrapped = compose(securityHeaders(both), errors({ log }))(() => {
      throw new Error('bug')
    })
    const response = await send(wrapped)
    expect(response.status).toBe(500)
    expect(noncesIn(response.headers.get('content-security-policy'))).toHaveLength(2)
    expect(response.headers.get('cache-control')).toBe('private, no-store')
  })

  test('PITFALLS 23: a 304 is not for shared caches', async () => {
    const response = await send(
      securityHeaders(both)(() => new Response(null, { status: 304, headers: { etag: '"1"' } })),
    )
    expect(response.headers.get('cache-control')).toBe('private, no-store')
  })

  test('making one draws no randomness', () => {
    const draw = vi.spyOn(crypto, 'getRandomValues')
    securityHeaders(both)
    expect(draw).not.toHaveBeenCalled()
  })
})

describe('PITFALLS 9: every kind of response', () => {
  const has = (response: Response): void => {
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('content-security-policy')).toBe(ALL['content-security-policy'])
  }

  test('PITFALLS 9: a redirect, whose headers are immutable', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      const response = await send(securityHeaders()(() => Response.redirect('http://service.test/there', status)))
      has(response)
      expect(response.status).toBe(status)
      expect(response.headers.get('location')).toBe('http://service.test/there')
    }
  })

  test('PITFALLS 9: something fetched, whose headers are immutable', async () => {
    const response = await send(securityHeaders()(() => fetch('data:text/plain,fetched')))
    has(response)
    expect(await response.text()).toBe('fetched')
  })

  test.each([204, 205, 304])('PITFALLS 9: a %d keeps its null body', async (status) => {
    const response = await send(securityHeaders()(() => new Response(null, { status })))
    has(response)
    expect(response.status).toBe(status)
    expect(response.body).toBeNull()
  })

  test('PITFALLS 9: one response object given to many requests gets nobody’s headers twice', async () => {
    const shared = new Response(null, { status: 204 })
    const wrapped = compose(securityHeaders())((_request, context) => {
      context.head.append('set-cookie', `id=${Math.random()}`)
      return shared
    })
    await send(wrapped)
    expect((await send(wrapped)).headers.getSetCookie()).toHaveLength(1)
  })

  test('PITFALLS 9: a 101 and a WebSocket response are the same object, untouched', async () => {
    const headers = new Headers()
    for (
      const upgraded of [{ status: 101, headers }, { status: 200, headers, webSocket: {} }] as unknown as Response[]
    ) {
      expect(await send(securityHeaders()(() => upgraded))).toBe(upgraded)
    }
    expect([...headers]).toEqual([])
  })

  test('PITFALLS 9: both of two cookies survive, and what the handler set itself', async () => {
    const handler: Handler = () => {
      const response = new Response('ok', {
        headers: { 'x-frame-options': 'SAMEORIGIN', 'content-security-policy': "default-src 'none'", vary: 'Accept' },
      })
      response.headers.append('set-cookie', 'a=1')
      response.headers.append('set-cookie', 'b=2; Expires=Thu, 01 Jan 2026 00:00:00 GMT')
      return response
    }
    const headers = await headersOf({ cacheControl: 'no-store' }, handler)
    expect(headers.getSetCookie()).toEqual(['a=1', 'b=2; Expires=Thu, 01 Jan 2026 00:00:00 GMT'])
    expect(headers.get('x-frame-options')).toBe('SAMEORIGIN')
    expect(headers.get('content-security-policy')).toBe("default-src 'none'")
    expect(headers.get('vary')).toBe('Accept')
    expect(headers.get('cache-control')).toBe('no-store')
  })

  test.each([200, 201, 206, 400, 401, 403, 404, 413, 415, 421, 429, 431, 500, 503, 504])('a %d', async (status) => {
    has(await send(securityHeaders()(() => new Response('x', { status }))))
  })

  test('what is thrown and what is no response at all', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    for (
      const broken of [
        () => {
          throw new Error('bug')
        },
        () => Promise.reject('bug'),
        () => undefined as never,
        () => Response.error(),
      ]
    ) {
      const response = await send(securityHeaders()(broken))
      has(response)
      expect(response.status).toBe(500)
    }
  })
})

describe('refuses the bad', () => {
  test.each<[SecurityHeadersOptions, ...string[]]>([
    [
      { contentSecurityPolicy: { 'default-src': ["'self'"] } as never },
      'securityHeaders: contentSecurityPolicy',
      'csp(',
    ],
    [{ contentSecurityPolicy: "default-src 'self'" as never }, 'securityHeaders: contentSecurityPolicy'],
    [{ contentSecurityPolicy: true as never }, 'securityHeaders: contentSecurityPolicy'],
    [{ contentSecurityPolicyReportOnly: {} as never }, 'securityHeaders: contentSecurityPolicyReportOnly'],
    [
      { contentSecurityPolicy: { nonce: false, parts: ['x\r\nset-cookie: a=b'], risks: [] } },
      'content-security-policy',
    ],
    [{ strictTransportSecurity: { maxAge: '364d' } }, 'strictTransportSecurity: maxAge', '364d'],
    [{ strictTransportSecurity: { maxAge: '31535999s' } }, 'strictTransportSecurity: maxAge'],
    [{ strictTransportSecurity: { maxAge: 31_536_000 as never } }, 'strictTransportSecurity: maxAge'],
    [
      { strictTransportSecurity: { dangerouslyPreload: true, includeSubDomains: false } },
      'dangerouslyPreload',
      'includeSubDomains',
    ],
    [{ referrerPolicy: 'no-referer' as never }, 'securityHeaders: referrerPolicy', 'no-referer'],
    [{ referrerPolicy: 'unsafe-url' as never }, 'securityHeaders: referrerPolicy'],
    [{ referrerPolicy: 'no-referrer\r\nx: y' as never }, 'securityHeaders: referrerPolicy'],
    [{ crossOriginOpenerPolicy: 'unsafe-none' as never }, 'securityHeaders: crossOriginOpenerPolicy'],
    [{ crossOriginEmbedderPolicy: 'unsafe-none' as never }, 'securityHeaders: crossOriginEmbedderPolicy'],
    [{ crossOriginResourcePolicy: '*' as never }, 'securityHeaders: crossOriginResourcePolicy'],
    [{ frameOptions: 'deny' as never }, 'securityHeaders: frameOptions'],
    [{ frameOptions: 'ALLOW-FROM https://a.example' as never }, 'securityHeaders: frameOptions'],
    [{ xssProtection: '1; mode=block' as never }, 'securityHeaders: xssProtection'],
    [{ contentTypeOptions: 'sniff' as never }, 'securityHeaders: contentTypeOptions'],
    [{ permissionsPolicy: { camera: [] } as never }, 'securityHeaders: permissionsPolicy', 'permissions('],
    [{ permissionsPolicy: 'camera=()\r\nx: y' }, 'permissions-policy'],
    [{ reportingEndpoints: { csp: '/r' } as never }, 'securityHeaders: reportingEndpoints', 'endpoints('],
    [{ cacheControl: true as never }, 'securityHeaders: cacheControl'],
    [{ cacheControl: 'no-store\nset-cookie: a=b' }, 'cache-control'],
    [{ cacheControl: 'no-store\u2028' }, 'cache-control'],
    [{ remove: ['x powered by'] }, 'securityHeaders: remove', 'x powered by'],
    [{ remove: ['server:'] }, 'securityHeaders: remove'],
    [{ remove: [''] }, 'securityHeaders: remove'],
    [{ remove: [undefined as never] }, 'securityHeaders: remove'],
  ])('PITFALLS 23: throws when made with %o', (options, ...words) => {
    refusesToBeMade(() => securityHeaders(options), ...words)
  })

  test('what weakens it is announced by whoever mounts it', () => {
    expect(securityHeaders()['~risks']).toBeUndefined()
    const weak = securityHeaders({
      contentSecurityPolicy: csp({ 'script-src': ["'unsafe-inline'"] }),
      strictTransportSecurity: { dangerouslyPreload: true },
    })
    expect(weak['~risks']).toEqual([
      "contentSecurityPolicy: script-src 'unsafe-inline'",
      'strictTransportSecurity: dangerouslyPreload',
    ])
  })
})

describe('leaves streams alone', () => {
  test('with fixed headers', () => leavesStreamsAlone(securityHeaders()))

  test('with nonces', () =>
    leavesStreamsAlone(securityHeaders({ contentSecurityPolicy: csp({ 'default-src': ["'self'"] }, { nonce: true }) })))

  test('PITFALLS 10: the headers are there before the stream ends, and a source that breaks breaks the body only', async () => {
    const broken = new ReadableStream({
      start: (controller) => controller.enqueue(new Uint8Array(1)),
      pull: (controller) => controller.error(new Error('the source broke')),
    })
    const response = await send(securityHeaders()(() => new Response(broken)))
    expect(response.headers.get('x-frame-options')).toBe('DENY')
    await expect(response.arrayBuffer()).rejects.toThrow('the source broke')
    await settled()
  })
})
