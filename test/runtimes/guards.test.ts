/** Who may, how often, and from where. */
import { describe, expect, inject, test } from 'vitest'
import { caller, raw, send, statusOf, unique } from './client.ts'

const APP = 'https://app.example'

describe.each(inject('targets'))('guards on $name', (target) => {
  const call = caller(target)
  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> => call(path, { headers })

  test('a limit lets its number through, then answers 429 with Retry-After', async () => {
    const client = { 'x-client': unique('client') }
    const statuses: number[] = []
    for (let i = 0; i < 3; i++) statuses.push((await get('/limit', client)).status)
    const response = await get('/limit', client)
    expect([...statuses, response.status]).toEqual([200, 200, 200, 429])
    const seconds = Number(response.headers.get('retry-after'))
    expect(Number.isInteger(seconds) && seconds > 3_590 && seconds <= 3_600).toBe(true)
    expect(await response.json()).toMatchObject({ code: 'rate-limit-exceeded', retryAfter: seconds })
  })

  test('RateLimit fields list every policy, and count down', async () => {
    const client = { 'x-client': unique('client') }
    await get('/limit', client)
    const { headers } = await get('/limit', client)
    expect(headers.get('ratelimit-policy')).toBe('"burst";q=3;w=3600, "day";q=100;w=86400')
    expect(headers.get('ratelimit')).toMatch(/^"burst";r=1;t=(?:3600|3599), "day";r=98;t=(?:86400|86399)$/)
    expect(headers.get('x-ratelimit-remaining')).toBe('98')
  })

  test('20 requests at once: exactly 3 pass', async () => {
    const client = { 'x-client': unique('client') }
    const all = await Promise.all(Array.from({ length: 20 }, () => get('/limit', client)))
    expect(all.filter(({ status }) => status === 200)).toHaveLength(3)
  })

  test('a 429 is readable by the scripts of an allowed origin', async () => {
    const client = { 'x-client': unique('client'), origin: APP }
    for (let i = 0; i < 3; i++) await get('/limit', client)
    const { status, headers } = await get('/limit', client)
    expect([status, headers.get('access-control-allow-origin')]).toEqual([429, APP])
    expect(headers.get('access-control-expose-headers')).toContain('Retry-After')
  })

  test('a preflight is not counted', async () => {
    const client = { 'x-client': unique('client') }
    const headers = { ...client, origin: APP, 'access-control-request-method': 'POST' }
    for (let i = 0; i < 5; i++) expect((await call('/limit', { method: 'OPTIONS', headers })).status).toBe(204)
    expect((await get('/limit', client)).headers.get('ratelimit')).toMatch(/^"burst";r=2;/)
  })

  test('report mode lets pass and records', async () => {
    const client = { 'x-client': unique('client') }
    expect(await (await get('/report', client)).json()).toEqual([])
    const response = await get('/report', client)
    expect(response.status).toBe(200)
    expect(response.headers.has('ratelimit')).toBe(false)
    expect(await response.json()).toEqual([
      { kind: 'would-refuse', guard: 'rate-limit', code: 'rate-limit-exceeded', status: 429 },
    ])
  })

  test('a cost that the limit can never allow is a 400 without Retry-After', async () => {
    const response = await get('/cost')
    expect([response.status, response.headers.get('retry-after')]).toEqual([400, null])
  })

  test('CORS: an allowed origin is echoed, with Vary', async () => {
    const { headers } = await get('/core/json', { origin: APP })
    expect(headers.get('access-control-allow-origin')).toBe(APP)
    expect(headers.get('access-control-allow-credentials')).toBe('true')
    expect(headers.get('vary')).toBe('Origin')
  })

  test.each([
    'https://app.example.evil.example',
    'https://evil.example',
    'http://app.example',
    'https://APP.example',
    'https://app.example.',
    'null',
    'file://',
  ])('CORS: %s may not read, and Vary says that it matters', async (origin) => {
    const { status, headers } = await get('/core/json', { origin })
    expect([status, headers.get('access-control-allow-origin'), headers.get('vary')]).toEqual([200, null, 'Origin'])
  })

  test('CORS: a preflight is answered before the route', async () => {
    const response = await call('/core/nowhere', {
      method: 'OPTIONS',
      headers: {
        origin: APP,
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'content-type',
      },
    })
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-methods')).toBe('GET, HEAD, POST, PUT, PATCH, DELETE')
    expect(response.headers.get('access-control-max-age')).toBe('600')
    expect(response.headers.get('vary')).toContain('Access-Control-Request-Method')
  })

  test('CORS: a preflight from elsewhere gets no permission', async () => {
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'PUT' }
    const response = await call('/core/json', { method: 'OPTIONS', headers })
    expect([response.status, response.headers.get('access-control-allow-methods')]).toEqual([204, null])
  })

  test.each<[string, Record<string, string>, number]>([
    ['no browser', {}, 200],
    ['the same origin', { 'sec-fetch-site': 'same-origin' }, 200],
    ['another site', { 'sec-fetch-site': 'cross-site' }, 403],
    ['a sibling site', { 'sec-fetch-site': 'same-site' }, 403],
    ['a trusted origin', { 'sec-fetch-site': 'cross-site', origin: APP }, 200],
    ['an older browser on another site', { origin: 'https://evil.example' }, 403],
    ['a sandboxed page', { origin: 'null' }, 403],
  ])('CSRF: a POST of %s', async (_who, headers, status) => {
    const answer = await send(target, { method: 'POST', path: '/csrf', headers })
    expect(answer.status).toBe(status)
  })

  test('CSRF: GET passes', async () => {
    expect((await send(target, { path: '/csrf', headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(200)
  })

  test.each([
    ['api.example', 200],
    ['API.example:8080', 200],
    ['deep.api.example.org', 200],
    ['example.org', 421],
    ['evil.example', 421],
    ['api.example.evil.example', 421],
  ])('the host %s is %i', async (host, status) => {
    expect(statusOf(await raw(target, `GET /hosts HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`))).toBe(
      status,
    )
  })

  test('a request id from a trusted peer is taken over', async () => {
    const id = unique('trusted')
    const response = await get('/core/id', { 'x-request-id': id })
    expect([response.headers.get('x-request-id'), await response.json()]).toEqual([id, { requestId: id }])
  })

  test.each([
    ['short', 'xyz'], // no UUID holds it
    ['long', 'a'.repeat(2_000)],
    ['an expression', '${jndi:ldap://evil}'],
    ['spaces', 'a b c d e f g h'],
    ['an escape', '\u001b[31mred-alert'],
  ])('a hostile request id (%s) is replaced', async (_what, id) => {
    const answer = await raw(
      target,
      `GET /core/id HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-Id: ${id}\r\nConnection: close\r\n\r\n`,
    )
    // A runtime may refuse the control character itself.
    if (statusOf(answer) !== 200) return expect(statusOf(answer)).toBe(id.includes('\u001b') ? 400 : 200)
    expect(answer).toMatch(/^x-request-id: [\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\r$/im)
    expect(answer).not.toContain(id)
  })

  test('every request has an id of its own', async () => {
    const ids = await Promise.all(
      Array.from({ length: 20 }, async () => (await get('/limit')).headers.get('x-request-id')),
    )
    expect(new Set(ids).size).toBe(20)
  })

  test('forged forwarding headers do not change who the client is', async () => {
    const forged = { 'x-forwarded-for': '203.0.113.9', 'x-real-ip': '203.0.113.9', forwarded: 'for=203.0.113.9' }
    expect(await (await get('/core/ip', forged)).json()).toEqual({ clientIp: '127.0.0.1', clientNetwork: '127.0.0.1' })
  })

  test('behind one proxy the rightmost address counts', async () => {
    const response = await get('/proxied', { 'x-forwarded-for': 'evil, 198.51.100.7', 'x-forwarded-proto': 'https' })
    expect(await response.json()).toEqual({
      clientIp: '198.51.100.7',
      clientNetwork: '198.51.100.7',
      secure: true,
      events: ['forwarded-address-claimed'],
    })
    // The proxy vouches for HTTPS, so browsers are told to stay there.
    expect(response.headers.get('strict-transport-security')).toContain('max-age=31536000')
  })

  test('through known networks the chain is walked from the right', async () => {
    const response = await get('/networks', { 'x-forwarded-for': '192.0.2.1, 2001:db8::7, 10.1.2.3' })
    expect(await response.json()).toMatchObject({ clientIp: '2001:db8::7', clientNetwork: '2001:db8::/64' })
  })

  test.each([['203.0.113.9', 403], ['::ffff:203.0.113.9', 403], ['198.51.100.7', 200]])(
    'a deny list and %s',
    async (address, status) => {
      expect((await get('/access', { 'x-forwarded-for': address })).status).toBe(status)
    },
  )

  test('plain HTTP: a browser is sent to HTTPS, an API call refused', async () => {
    const page = await send(target, { path: '/https/a?b=1', headers: { 'sec-fetch-mode': 'navigate' } })
    expect([page.status, Object.fromEntries(page.headers)['location']]).toEqual([
      308,
      'https://www.example/https/a?b=1',
    ])
    expect(
      (await send(target, { path: '/https/a', headers: { authorization: 'Bearer x', accept: 'text/html' } })).status,
    ).toBe(403)
  })

  test('431 for too many header fields', async () => {
    const headers = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`x-field-${i}`, 'v']))
    expect((await get('/headers', headers)).status).toBe(431)
  })

  test('431 for a header that is too large', async () => {
    expect((await get('/headers', { 'x-large': 'v'.repeat(5_000) })).status).toBe(431)
  })

  test('a deadline is a 504, and the signal aborts', async () => {
    const started = performance.now()
    const response = await get('/slow')
    expect(response.status).toBe(504)
    expect(performance.now() - started).toBeLessThan(2_000)
  })

  test('a nonce is fresh, and the same in page and header', async () => {
    const nonces = await Promise.all(Array.from({ length: 5 }, async () => {
      const response = await get('/page')
      const nonce = /nonce="([^"]{22,})"/.exec(await response.text())?.[1] ?? 'none'
      const policy = response.headers.get('content-security-policy')
      expect(policy).toContain(`script-src 'self' 'nonce-${nonce}'`)
      expect(response.headers.get('cache-control')).toBe('private, no-store')
      return nonce
    }))
    expect(new Set(nonces).size).toBe(5)
  })

  test('live looks at nothing else; ready fails with a check that hangs, in time', async () => {
    const live = await get('/health/live')
    expect([live.status, await live.json()]).toEqual([200, { status: 'pass' }])
    expect(live.headers.get('content-type')).toBe('application/health+json')
    const started = performance.now()
    const ready = await get('/health/stuck')
    expect([ready.status, await ready.json()]).toEqual([503, { status: 'fail' }])
    expect(performance.now() - started).toBeLessThan(1_500)
  })

  test('health names its checks to operators only', async () => {
    expect(await (await get('/health')).json()).toEqual({ status: 'fail' })
    expect(await (await get('/health', { 'x-operator': 'yes' })).json()).toMatchObject({
      checks: { well: [{ status: 'pass' }], hanging: [{ status: 'fail' }] },
    })
  })

  test('HEAD of a health check has its status', async () => {
    expect((await call('/health/live', { method: 'HEAD' })).status).toBe(200)
  })
})
