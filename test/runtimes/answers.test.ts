/** What comes out: methods, statuses, headers, cookies, errors. */
import { describe, expect, inject, test } from 'vitest'
import { caller, send, unique } from './client.ts'

describe.each(inject('targets'))('answers on $name', (target) => {
  const call = caller(target)

  test.each(['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS'])('%s reaches the handler', async (method) => {
    const response = await call('/core/json', { method })
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ method })
  })

  test('HEAD has the headers of GET and no body', async () => {
    const get = await send(target, { path: '/core/json' })
    const head = await send(target, { path: '/core/json', method: 'HEAD' })
    const names = (answer: typeof get) =>
      answer.headers.map(([name]) => name).filter((name) => !/^(?:content-length|transfer-encoding|date)$/.test(name))
        .sort()
    expect(head.status).toBe(200)
    expect(head.body.byteLength).toBe(0)
    expect(names(head)).toEqual(names(get))
  })

  test('text is UTF-8', async () => {
    const response = await call('/core/text')
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; ?charset=utf-8$/i)
    expect(await response.text()).toBe('plain ünïcödé')
  })

  test.each([
    ['/core/empty', 204],
    ['/core/reset', 205],
    ['/core/unmodified', 304],
  ])('%s has no body, and the security headers', async (path, status) => {
    // Deno 2.9 gives a 205 no length, so its end is that of the connection.
    const answer = await send(target, { path, headers: { connection: 'close' } })
    expect(answer.status).toBe(status)
    expect(answer.body.byteLength).toBe(0)
    expect(Object.fromEntries(answer.headers)).toMatchObject({ 'x-content-type-options': 'nosniff' })
  })

  test.each([201, 418, 500, 599])('a status of %i comes out as it is', async (status) => {
    const response = await call(`/core/status?id=${status}`)
    expect([response.status, await response.text()]).toEqual([status, 'teapot'])
  })

  test('an immutable redirect gets the head; its request id is left out, because caches keep redirects', async () => {
    const response = await call('/core/redirect')
    expect(response.status).toBe(302)
    expect(response.headers.get('location')).toBe('https://other.example/there')
    expect(response.headers.get('x-frame-options')).toBe('DENY')
    expect(response.headers.has('x-request-id')).toBe(false)
  })

  test('a relative Location stays relative', async () => {
    const response = await call('/core/see-other')
    expect([response.status, response.headers.get('location')]).toEqual([303, '/core/json'])
  })

  test('two cookies stay two', async () => {
    const { headers } = await send(target, { path: '/core/cookies' })
    expect(headers.filter(([name]) => name === 'set-cookie').map(([, value]) => value)).toEqual([
      'a=1; HttpOnly',
      'b=2; Expires=Wed, 21 Oct 2037 07:28:00 GMT',
    ])
  })

  test("the handler's own header wins over the policy's", async () => {
    const { headers } = await send(target, { path: '/core/own' })
    expect(headers.filter(([name]) => name === 'x-frame-options')).toEqual([['x-frame-options', 'SAMEORIGIN']])
    expect(headers.filter(([name]) => name === 'cache-control')).toEqual([['cache-control', 'public, max-age=60']])
  })

  test('Vary is joined, each name once', async () => {
    const { headers } = await send(target, { path: '/core/vary' })
    expect(headers.filter(([name]) => name === 'vary')).toEqual([['vary', 'Accept-Encoding, origin']])
  })

  test('set yields to the handler, force does not, append joins, remove takes away', async () => {
    const { headers } = await call('/core/announced')
    expect(headers.get('x-set')).toBe('own')
    expect(headers.get('x-forced')).toBe('announced')
    expect(headers.get('x-appended')).toBe('own, announced')
    expect(headers.has('x-removed')).toBe(false)
  })

  test('what the policy says is on every answer', async () => {
    const { headers } = await call('/core/json')
    expect(headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.has('strict-transport-security')).toBe(false)
    expect(headers.has('x-powered-by')).toBe(false)
    expect(headers.has('server')).toBe(false)
  })

  test.each(['error', 'sync', 'string', 'null', 'frozen', 'cyclic'])(
    'a thrown %s is a 500 without a word of the cause',
    async (what) => {
      const id = unique('throw')
      const response = await call(`/core/throw/${what}`, {
        headers: { 'x-request-id': id, origin: 'https://app.example' },
      })
      const text = await response.text()
      expect(response.status).toBe(500)
      expect(response.headers.get('content-type')).toBe('application/problem+json')
      expect(JSON.parse(text)).toMatchObject({
        title: 'Internal Server Error',
        status: 500,
        instance: `#${id}`,
        code: 'internal-error',
      })
      expect(text + JSON.stringify([...response.headers])).not.toMatch(/hunter2|10\.0\.0\.7|stack|\.ts/)
      expect(response.headers.get('x-content-type-options')).toBe('nosniff')
      expect(response.headers.get('access-control-allow-origin')).toBe('https://app.example')
      expect(await (await call(`/core/done?id=${id}`)).json()).toEqual({ what: 'logged' })
    },
  )

  test('a handler that answers nothing is a 500', async () => {
    expect((await call('/core/nothing')).status).toBe(500)
  })

  test('a thrown Response is the answer, with the head', async () => {
    const response = await call('/core/throw/response')
    expect([response.status, await response.text()]).toEqual([409, 'thrown'])
    expect(response.headers.get('x-frame-options')).toBe('DENY')
  })

  test('a thrown Problem is sent as it says', async () => {
    const response = await call('/core/throw/problem')
    expect(response.status).toBe(402)
    expect(await response.json()).toMatchObject({ code: 'payment-required', detail: 'Pay first.', price: 5 })
  })

  test('an error that may be exposed says its message', async () => {
    const response = await call('/core/throw/exposed')
    expect(response.status).toBe(418)
    expect(await response.json()).toMatchObject({ detail: 'for your eyes' })
  })

  test('404 is a problem, with the head', async () => {
    const response = await call('/core/nowhere')
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({ code: 'not-found', status: 404 })
    expect(response.headers.get('x-frame-options')).toBe('DENY')
  })

  test('405 lists what is allowed', async () => {
    const response = await call('/methods', { method: 'DELETE' })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('GET, POST, HEAD')
  })

  test.each([['HEAD', 200], ['POST', 200], ['OPTIONS', 405], ['PATCH', 405]])(
    'a list of GET and POST: %s is %i',
    async (method, status) => {
      expect((await call('/methods', { method })).status).toBe(status)
    },
  )

  test("the first report's envelope", async () => {
    const response = await call('/envelope', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"epochs":0}',
    })
    expect(response.status).toBe(400)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.json()).toMatchObject({
      success: false,
      error: 'ValidationError',
      statusCode: 400,
      requestId: response.headers.get('x-request-id'),
      details: [{ field: 'name' }, { field: 'epochs', message: 'Epochs must be at least 1.', code: 'min_value' }],
    })
  })

  test('the access log has one line of the request, its secrets hidden', async () => {
    const id = unique()
    const headers = { 'x-request-id': id, authorization: 'Bearer hunter2', 'user-agent': 'suite' }
    const response = await call('/core/json?token=hunter2&page=3', { headers })
    await response.text()
    const line = await (await call(`/core/logged?id=${id}`)).text()
    expect(line).not.toContain('hunter2')
    expect(JSON.parse(line)).toMatchObject({
      level: 'info',
      requestId: id,
      method: 'GET',
      path: '/core/json',
      query: { token: '[redacted]', page: '3' },
      status: 200,
      client: '127.0.0.1',
      userAgent: 'suite',
      authorization: '[redacted]',
    })
  })
})
