import { describe, expect, test } from 'vitest'
import type { CorsOptions } from '../../src/browser/cors.ts'
import { cors } from '../../src/browser/cors.ts'
import { securityHeaders } from '../../src/browser/security-headers.ts'
import { compose } from '../../src/core/compose.ts'
import { errors } from '../../src/core/errors.ts'
import type { Handler } from '../../src/core/handler.ts'
import { contextOf, recorder, requestTo, send } from '../helpers.ts'
import { leavesStreamsAlone, refusesToBeMade, spy } from '../request/support.ts'

const APP = 'https://app.example'
const EXPOSED = 'RateLimit, RateLimit-Policy, Retry-After, X-Request-Id'

/** The CORS fields of an answer, and Vary, its names in order; what is missing is left out. */
function fieldsOf({ headers }: Response): Record<string, string> {
  const fields = [...headers].filter(([name]) => name.startsWith('access-control-') || name === 'vary')
  return Object.fromEntries(
    fields.map(([name, value]) => [name, name === 'vary' ? value.split(', ').sort().join(', ') : value]),
  )
}

function ask(
  options: CorsOptions,
  origin: string | undefined,
  handler: Handler = spy().handler,
  method = 'GET',
): Promise<Response> {
  return send(cors(options)(handler), requestTo('/', { method, headers: origin === undefined ? {} : { origin } }))
}

async function preflight(
  options: CorsOptions,
  origin: string | undefined,
  more: Record<string, string> = {},
): Promise<Response> {
  const inner = spy()
  const headers = { ...(origin === undefined ? {} : { origin }), 'access-control-request-method': 'PUT', ...more }
  const response = await send(cors(options)(inner.handler), requestTo('/', { method: 'OPTIONS', headers }))
  if (origin !== undefined) expect(inner.calls).toHaveLength(0)
  return response
}

const granted = async (options: CorsOptions, origin: string): Promise<string | null> => {
  const answers = [await ask(options, origin), await preflight(options, origin)]
  const [one, two] = answers.map(({ headers }) => headers.get('access-control-allow-origin'))
  expect(one).toBe(two)
  return one!
}

describe('lets the good through', () => {
  test('a listed origin, echoed exactly, with Vary: Origin and the exposed headers', async () => {
    expect(fieldsOf(await ask({ origins: ['https://b.example', APP] }, APP))).toEqual({
      'access-control-allow-origin': APP,
      'access-control-expose-headers': EXPOSED,
      vary: 'Origin',
    })
  })

  test('its preflight is a 204 with all that is allowed; the handler does not see it', async () => {
    const response = await preflight({ origins: [APP] }, APP)
    expect(response.status).toBe(204)
    expect(response.body).toBeNull()
    expect(fieldsOf(response)).toEqual({
      'access-control-allow-origin': APP,
      'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers': 'Content-Type, Authorization, X-Request-Id',
      'access-control-max-age': '600',
      vary: 'Access-Control-Request-Headers, Access-Control-Request-Method, Origin',
    })
  })

  test('with credentials, both say so', async () => {
    const options = { origins: [APP], credentials: true }
    expect(fieldsOf(await ask(options, APP))['access-control-allow-credentials']).toBe('true')
    expect(fieldsOf(await preflight(options, APP))['access-control-allow-credentials']).toBe('true')
  })

  test('every option is used', async () => {
    const options: CorsOptions = {
      origins: [APP],
      methods: ['GET', 'QUERY'],
      allowHeaders: ['X-A', 'X-B'],
      exposeHeaders: ['ETag'],
      maxAge: '2h',
    }
    expect(fieldsOf(await preflight(options, APP))).toMatchObject({
      'access-control-allow-methods': 'GET, QUERY',
      'access-control-allow-headers': 'X-A, X-B',
      'access-control-max-age': '7200',
    })
    expect(fieldsOf(await ask(options, APP))['access-control-expose-headers']).toBe('ETag')
    expect(fieldsOf(await ask({ origins: [APP], exposeHeaders: [] }, APP))).not.toHaveProperty(
      'access-control-expose-headers',
    )
    expect(fieldsOf(await preflight({ origins: [APP], maxAge: '1ms' }, APP))['access-control-max-age']).toBe('0')
  })

  test('undefined is the default for every option', async () => {
    const options = {
      origins: [APP],
      credentials: undefined,
      methods: undefined,
      allowHeaders: undefined,
      exposeHeaders: undefined,
      maxAge: undefined,
    }
    expect(fieldsOf(await ask(options, APP))).toEqual(fieldsOf(await ask({ origins: [APP] }, APP)))
    expect(fieldsOf(await preflight(options, APP))).toEqual(fieldsOf(await preflight({ origins: [APP] }, APP)))
  })

  test.each([
    'https://app.example:8443',
    'http://localhost:3000',
    'http://[::1]:3000',
    'https://xn--bcher-kva.example',
    'capacitor://localhost',
    'chrome-extension://abcdefghijklmnop',
    'https://a_b.example',
  ])('%s can be listed', async (origin) => {
    expect(await granted({ origins: [origin] }, origin)).toBe(origin)
  })
})

// What Hono's middleware/cors tests ask; where we decide otherwise, the name of the test says why.
describe("Hono's cors", () => {
  const everyone: CorsOptions = { origins: '*' }
  const several: CorsOptions = { origins: ['http://example.com', 'http://example.org', 'http://example.dev'] }
  const subdomains: CorsOptions = { origins: (origin) => /^http:\/\/\w+\.example\.com$/.test(origin) }
  const varying: Handler = () => new Response('ok', { headers: { vary: 'X-Custom-Vary-Value' } })

  test('for everybody: a star for each request, Origin or not, and no Vary', async () => {
    for (const origin of [undefined, 'http://example.com', 'null']) {
      expect(fieldsOf(await ask(everyone, origin))).toEqual({
        'access-control-allow-origin': '*',
        'access-control-expose-headers': EXPOSED,
      })
    }
  })

  test('the requested headers are not reflected: what is allowed is what is listed', async () => {
    const fields = fieldsOf(
      await preflight(everyone, APP, { 'access-control-request-headers': 'X-PINGOTHER, Content-Type' }),
    )
    expect(fields['access-control-allow-headers']).toBe('Content-Type, Authorization, X-Request-Id')
    expect(fields['access-control-allow-origin']).toBe('*')
  })

  test('one origin with all options', async () => {
    const options: CorsOptions = {
      origins: ['http://example.com'],
      allowHeaders: ['X-Custom-Header', 'Upgrade-Insecure-Requests'],
      methods: ['POST', 'GET', 'OPTIONS'],
      exposeHeaders: ['Content-Length', 'X-Kuma-Revision'],
      maxAge: '600s',
      credentials: true,
    }
    expect(fieldsOf(await preflight(options, 'http://example.com'))).toEqual({
      'access-control-allow-origin': 'http://example.com',
      'access-control-allow-credentials': 'true',
      'access-control-allow-headers': 'X-Custom-Header, Upgrade-Insecure-Requests',
      'access-control-allow-methods': 'POST, GET, OPTIONS',
      'access-control-max-age': '600',
      vary: 'Access-Control-Request-Headers, Access-Control-Request-Method, Origin',
    })
    expect((await preflight(options, 'http://example.net')).headers.has('access-control-allow-origin')).toBe(false)
  })

  test('several origins: none without Origin, none for a Referer', async () => {
    expect(await granted(several, 'http://example.org')).toBe('http://example.org')
    expect(fieldsOf(await ask(several, undefined))).toEqual({ vary: 'Origin' })
    const referred = await send(
      cors(several)(spy().handler),
      requestTo('/', { headers: { referer: 'http://example.org/' } }),
    )
    expect(fieldsOf(referred)).toEqual({ vary: 'Origin' })
  })

  test('the handler’s Vary is kept, and joined', async () => {
    expect(fieldsOf(await ask(everyone, APP, varying))['vary']).toBe('X-Custom-Vary-Value')
    expect((await ask(several, 'http://example.com', varying)).headers.get('vary')).toMatch(
      /^X-Custom-Vary-Value, Origin$/,
    )
    const both: Handler = () => new Response('ok', { headers: { vary: 'origin, Accept' } })
    expect((await ask(several, 'http://example.com', both)).headers.get('vary')!.toLowerCase().split(', ').sort())
      .toEqual(['accept', 'origin'])
  })

  test('Vary announced outside survives a preflight', async () => {
    const inner = cors({ origins: [APP] })(spy().handler)
    const wrapped: Handler = (request, context) => {
      context.head.append('vary', 'Accept-Encoding')
      return inner(request, context)
    }
    const headers = { origin: APP, 'access-control-request-method': 'GET' }
    const vary = (await send(wrapped, requestTo('/', { method: 'OPTIONS', headers }))).headers.get('vary')!.split(', ')
    expect(vary).toEqual(expect.arrayContaining(['Accept-Encoding', 'Origin']))
  })

  test('origins by a function; it is not asked when there is no Origin', async () => {
    expect(await granted(subdomains, 'http://subdomain.example.com')).toBe('http://subdomain.example.com')
    expect(await granted(subdomains, 'http://evil-example.com')).toBeNull()
    const asked: string[] = []
    await ask({ origins: (origin) => asked.push(origin) > 0 }, undefined)
    expect(asked).toEqual([])
  })

  test('a function’s no has Vary: Origin too, so that no cache gives it to somebody else', async () => {
    expect(fieldsOf(await ask(subdomains, 'http://evil.com'))).toEqual({ vary: 'Origin' })
  })

  test('a function that gives a promise grants nobody: it is not true', async () => {
    const later = (() => Promise.resolve(true)) as unknown as () => boolean
    expect(await granted({ origins: later }, APP)).toBeNull()
    for (const truthy of [1, 'yes', {}, [], APP]) {
      expect(await granted({ origins: (() => truthy) as unknown as () => boolean }, APP)).toBeNull()
    }
  })

  test('mounted twice, one value', async () => {
    const wrapped = compose(cors({ origins: [APP] }), cors({ origins: [APP] }))(spy().handler)
    const response = await send(wrapped, requestTo('/', { headers: { origin: APP } }))
    expect(response.headers.get('access-control-allow-origin')).toBe(APP)
    expect(response.headers.get('vary')).toBe('Origin')
  })

  test('PITFALLS 8: a star with credentials cannot be made, so it cannot reflect an arbitrary origin', () => {
    refusesToBeMade(() => cors({ origins: '*', credentials: true }), 'cors: credentials', "'*'")
    for (const option of ['methods', 'allowHeaders', 'exposeHeaders'] as const) {
      refusesToBeMade(() => cors({ origins: [APP], credentials: true, [option]: ['*'] }), 'cors', option, 'credentials')
      expect(() => cors({ origins: [APP], [option]: ['*'] })).not.toThrow()
    }
  })

  test('PITFALLS 37: only an OPTIONS with Origin and Access-Control-Request-Method is a preflight; another goes to the handler', async () => {
    for (
      const headers of [{}, { origin: APP }, { 'access-control-request-method': 'GET' }] as Record<string, string>[]
    ) {
      const inner = spy()
      const response = await send(
        cors({ origins: [APP] })(inner.handler),
        requestTo('/', { method: 'OPTIONS', headers }),
      )
      expect(response.status).toBe(200)
      expect(inner.calls).toHaveLength(1)
    }
    for (const method of ['GET', 'HEAD', 'POST', 'options-x']) {
      const inner = spy()
      const headers = { origin: APP, 'access-control-request-method': 'PUT' }
      await send(cors({ origins: [APP] })(inner.handler), requestTo('/', { method, headers }))
      expect(inner.calls).toHaveLength(1)
    }
  })
})

describe('refuses the bad', () => {
  const list: CorsOptions = { origins: [APP, 'http://localhost:3000'], credentials: true }
  const anything: CorsOptions = { origins: () => true, credentials: true }

  test.each<[string, string]>([
    ['null', 'null'],
    ['another', 'https://evil.test'],
    ['ours as a label', 'https://app.example.evil.test'],
    ['ours as a suffix', 'https://evilapp.example'],
    ['a subdomain', 'https://a.app.example'],
    ['the other scheme', 'http://app.example'],
    ['a port', 'https://app.example:8443'],
    ['the default port', 'https://app.example:443'],
    ['upper case', 'https://APP.example'],
    ['a trailing dot', 'https://app.example.'],
    ['a trailing slash', 'https://app.example/'],
    ['a path', 'https://app.example/path'],
    ['user information', 'https://app.example@evil.test'],
    ['user information, the other way', 'https://evil.test@app.example'],
    ['a backslash', 'https://app.example\\@evil.test'],
    ['a list', 'https://app.example, https://evil.test'],
    ['a list with a space', 'https://app.example https://evil.test'],
    ['a prefix of localhost', 'http://localhost:30000'],
    ['localhost by address', 'http://127.0.0.1:3000'],
    ['file:', 'file://'],
    ['data:', 'data:text/html,x'],
    ['a star', '*'],
    ['nothing', ''],
    ['Latin-1', 'https://\xe0pp.example'],
    ['a quote', 'https://app.example"'],
    ['a backtick', 'https://app.example`'],
    ['a brace', 'https://app.example}.evil.test'],
    ['a comma', 'https://app.example,.evil.test'],
    ['__proto__', '__proto__'],
    ['constructor', 'constructor'],
    ['a megabyte', `https://${'a'.repeat(1_000_000)}`],
  ])('fault 33: Origin %s gets no permission, for what it asks and before', async (_what, origin) => {
    expect(await granted(list, origin)).toBeNull()
    for (const response of [await ask(list, origin), await preflight(list, origin)]) {
      expect(Object.keys(fieldsOf(response))).toEqual(['vary'])
      expect(response.headers.get('vary')).toContain('Origin')
    }
  })

  test.each([
    'null',
    'file://',
    '',
    '*',
    'https://app.example/',
    'https://a@b.example',
    'https://APP.example',
    'a, b',
    '\xff',
    'x:y',
    'https://a b',
    'https://\u00e0.example',
    '__proto__',
    'data:x',
    'https://',
    'https://a.example"',
  ])(
    'fault 29, fault 33: a function that says yes to everything is not asked about %j, which is no origin',
    async (origin) => {
      expect(await granted(anything, origin)).toBeNull()
    },
  )

  test('fault 33: what a function does get is what a browser serialises, punycode and trailing dot included', async () => {
    for (
      const origin of [
        'https://a.test.evil',
        'https://xn--80ak6aa92e.com',
        'https://app.example.',
        'http://[::1]:80',
        'moz-extension://0-1',
      ]
    ) {
      expect(await granted(anything, origin)).toBe(origin)
    }
  })

  test('a refused preflight does not run the handler, and a request without permission does: CORS is no access control', async () => {
    await preflight(list, 'https://evil.test') // expects no call
    const inner = spy()
    expect((await ask(list, 'https://evil.test', inner.handler)).status).toBe(200)
    expect(inner.calls).toHaveLength(1)
  })

  test('hostile preflight headers are not repeated', async () => {
    const response = await preflight(list, APP, {
      'access-control-request-method': 'X\xff${jndi:x}',
      'access-control-request-headers': `${'x-evil,'.repeat(100_000)}x\xff`,
      'access-control-request-private-network': 'true',
    })
    expect(response.status).toBe(204)
    expect(JSON.stringify(fieldsOf(response))).not.toMatch(/jndi|x-evil|private-network/)
  })

  test('1,000 origins are one look-up', async () => {
    const origins = Array.from({ length: 1_000 }, (_, i) => `https://h${i}.example`)
    const options: CorsOptions = { origins }
    expect(await granted(options, 'https://h999.example')).toBe('https://h999.example')
    expect(await granted(options, 'https://h1000.example')).toBeNull()
  })

  test.each<[unknown, ...string[]]>([
    [{}, 'cors: origins'],
    [{ origins: APP }, 'cors: origins'],
    [{ origins: true }, 'cors: origins'],
    [{ origins: /example/ }, 'cors: origins'],
    [{ origins: null }, 'cors: origins'],
    [{ origins: ['*'] }, 'cors: origins', '*'],
    [{ origins: ['null'] }, 'cors: origins', 'null'],
    [{ origins: [APP, 'app.example'] }, 'cors: origins', 'app.example'],
    [{ origins: ['https://app.example/'] }, 'cors: origins'],
    [{ origins: ['https://APP.example'] }, 'cors: origins'],
    [{ origins: ['https://app.example:443'] }, 'cors: origins'],
    [{ origins: ['http://app.example:80'] }, 'cors: origins'],
    [{ origins: ['https://*.example'] }, 'cors: origins'],
    [{ origins: ['https://b\xfccher.example'] }, 'cors: origins'],
    [{ origins: ['https://a@app.example'] }, 'cors: origins'],
    [{ origins: ['https://app.example\r\nx: y'] }, 'cors: origins'],
    [{ origins: ['https://256.1.1.1'] }, 'cors: origins'],
    [{ origins: ['file://'] }, 'cors: origins'],
    [{ origins: [''] }, 'cors: origins'],
    [{ origins: [undefined] }, 'cors: origins'],
    [{ origins: [APP], methods: 'GET' }, 'cors: methods'],
    [{ origins: [APP], methods: ['GET, POST'] }, 'cors: methods', 'GET, POST'],
    [{ origins: [APP], methods: [undefined] }, 'cors: methods'],
    [{ origins: [APP], allowHeaders: ['x a'] }, 'cors: allowHeaders', 'x a'],
    [{ origins: [APP], allowHeaders: 'X-A' }, 'cors: allowHeaders'],
    [{ origins: [APP], exposeHeaders: ['x\r\ny: z'] }, 'cors: exposeHeaders'],
    [{ origins: [APP], maxAge: 600 }, 'cors: maxAge', '600'],
    [{ origins: [APP], maxAge: '-1s' }, 'cors: maxAge'],
  ])('throws when made with %o', (options, ...words) => {
    refusesToBeMade(() => cors(options as CorsOptions), ...words)
  })

  test("origins '*' is announced as a risk, a list is not", () => {
    expect(cors({ origins: '*' })['~risks']).toEqual([`cors: origins '*'`])
    expect(cors({ origins: [APP] })['~risks']).toBeUndefined()
  })
})

describe('survives the broken', () => {
  test('a function that throws is a 500 without permission, with the headers announced outside', async () => {
    const { log } = recorder()
    const wrapped = compose(
      errors({ log }),
      securityHeaders(),
      cors({
        origins: () => {
          throw new Error('look-up failed')
        },
      }),
    )(spy().handler)
    const response = await send(wrapped, requestTo('/', { headers: { origin: APP } }))
    expect(response.status).toBe(500)
    expect(response.headers.has('access-control-allow-origin')).toBe(false)
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
  })

  test('PITFALLS 8, 9: an error, a redirect and an immutable response inside have the fields, too', async () => {
    for (
      const broken of [
        (): Response => {
          throw new Error('bug')
        },
        () => Response.redirect('http://service.test/x'),
        () => new Response(null, { status: 304 }),
        () => new Response('no', { status: 404 }),
      ]
    ) {
      const response = await send(
        compose(cors({ origins: [APP], credentials: true }), errors({ log: recorder().log }))(broken),
        requestTo('/', { headers: { origin: APP } }),
      )
      expect(fieldsOf(response)).toEqual({
        'access-control-allow-origin': APP,
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers': EXPOSED,
        vary: 'Origin',
      })
    }
  })

  test('50 requests at once from different origins do not see each other’s permission', async () => {
    const wrapped = cors({ origins: (origin) => origin.endsWith('.ours.example') })((request) =>
      new Promise((resolve) =>
        setTimeout(() => resolve(new Response(request.headers.get('origin'))), Math.random() * 5)
      )
    )
    await Promise.all(Array.from({ length: 50 }, async (_, i) => {
      const origin = `https://h${i}.${i % 2 ? 'ours' : 'evil'}.example`
      const response = await send(wrapped, requestTo('/', { headers: { origin } }), contextOf())
      expect(response.headers.get('access-control-allow-origin')).toBe(i % 2 ? origin : null)
      expect(await response.text()).toBe(origin)
    }))
  })
})

test('leaves streams alone', () => leavesStreamsAlone(cors({ origins: [APP] }), { origin: APP }))
