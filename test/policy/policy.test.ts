import * as v from 'valibot'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { cors } from '../../src/browser/cors.ts'
import { csrf } from '../../src/browser/csrf.ts'
import { securityHeaders } from '../../src/browser/security-headers.ts'
import { compose } from '../../src/core/compose.ts'
import { type Context, extend } from '../../src/core/context.ts'
import { errors } from '../../src/core/errors.ts'
import { type Decision, guard, refusal } from '../../src/core/guard.ts'
import { type AnyWrapper, type Handler, risky, type Wrapper } from '../../src/core/handler.ts'
import { legacyEnvelope, Problem } from '../../src/core/problem.ts'
import { health } from '../../src/health/health.ts'
import { validate } from '../../src/input/validate.ts'
import { accessLog } from '../../src/logging/access-log.ts'
import { type Edge, ORDER, type Policy, policy } from '../../src/policy/policy.ts'
import { api, website } from '../../src/policy/presets.ts'
import { bodyLimit } from '../../src/request/body-limit.ts'
import { clientIp } from '../../src/request/client-ip.ts'
import { contentType } from '../../src/request/content-type.ts'
import { headerLimit } from '../../src/request/header-limit.ts'
import { hosts } from '../../src/request/hosts.ts'
import { httpsRedirect } from '../../src/request/https-redirect.ts'
import { ipAccess } from '../../src/request/ip-access.ts'
import { methods } from '../../src/request/methods.ts'
import { requestId } from '../../src/request/request-id.ts'
import { timeout } from '../../src/request/timeout.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { byClientIp, byPrincipal } from '../../src/traffic/keys.ts'
import { rateLimit } from '../../src/traffic/rate-limit.ts'
import { contextOf, requestTo, send as sendWith, settled, source } from '../helpers.ts'

const ok: Handler = () => new Response('ok')
const known = () => contextOf({ address: '203.0.113.9' })

function send(handler: Handler, request: Request = requestTo(), context: Context = known()): Promise<Response> {
  return sendWith(handler, request, context)
}
const quiet = accessLog({ write: () => {} })

/** A wrapper that says when it is passed, in and out. */
function tracer(name: string, seen: string[]): Wrapper {
  return (next) => async (request, context) => {
    seen.push(`> ${name}`)
    const response = await next(request, context)
    seen.push(`< ${name}`)
    return response
  }
}

/** Every slot filled by `make`. Slots are typed apart; here any wrapper of nothing will do. */
function filled(make: (slot: keyof Policy) => Wrapper, slots: readonly (keyof Policy)[] = ORDER): Policy {
  return Object.fromEntries(slots.map((slot) => [slot, make(slot)])) as Policy
}

function shuffled<T>(list: readonly T[], seed: number): T[] {
  const out = [...list]
  for (let i = out.length - 1; i > 0; i--) {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    const j = seed % (i + 1)
    ;[out[i], out[j]] = [out[j]!, out[i]!]
  }
  return out
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('lets the good through', () => {
  test('the slots run in the one order, whatever the order of the keys', async () => {
    for (const slots of [ORDER, ORDER.toReversed(), shuffled(ORDER, 1), shuffled(ORDER, 2)]) {
      const seen: string[] = []
      const handler = policy(filled((slot) => tracer(slot, seen), slots))(() => {
        seen.push('handler')
        return new Response('ok')
      })
      await send(handler)
      expect(seen).toEqual([
        ...ORDER.map((slot) => `> ${slot}`),
        'handler',
        ...ORDER.toReversed().map((slot) => `< ${slot}`),
      ])
    }
  })

  test('the order holds what it promises: cheap before costly, decoration outside what refuses', () => {
    const before = (one: keyof Policy, other: keyof Policy): void =>
      expect(ORDER.indexOf(one), `${one} before ${other}`).toBeLessThan(ORDER.indexOf(other))
    const refusing = [
      'hosts',
      'methods',
      'ipAccess',
      'bodyLimit',
      'rateLimit',
      'csrf',
      'authenticate',
      'validate',
    ] as const
    for (const slot of refusing) {
      for (const outer of ['requestId', 'clientIp', 'accessLog', 'securityHeaders', 'cors', 'errors'] as const) {
        before(outer, slot)
      }
    }
    before('cors', 'rateLimit') // a preflight uses up nobody's quota
    before('health', 'rateLimit')
    before('rateLimit', 'validate') // SEEDS 12.2: a flood is turned away before a body is read
    before('rateLimit', 'authenticate')
    before('authenticate', 'quota')
    before('authenticate', 'validate')
    before('authorize', 'validate')
    expect(new Set(ORDER).size).toBe(ORDER.length)
  })

  test('by default: an id, an address, security headers, a boundary and a body limit', async () => {
    const handler = policy()((_request, context) =>
      Response.json([context.requestId, context.clientIp, context.clientNetwork, context.secure])
    )
    const response = await send(handler, requestTo(), contextOf({ address: '2001:db8:1:2:3::4' }))
    const [id, address, network, secure] = await response.json() as unknown[]
    expect(id).toMatch(/^[\da-f-]{36}$/)
    expect(response.headers.get('x-request-id')).toBe(id)
    expect([address, network, secure]).toEqual(['2001:db8:1:2:3::4', '2001:db8:1:2::/64', false])
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')

    vi.spyOn(console, 'error').mockImplementation(() => {})
    const thrown = await send(
      policy()(() => {
        throw new Error('bug')
      }),
    )
    expect(thrown.status).toBe(500)
    const large = requestTo('/', { method: 'POST', body: 'x'.repeat(1_048_577) })
    expect((await send(policy()(ok), large)).status).toBe(413)
    expect((await send(policy()(ok), requestTo('/', { method: 'POST', body: 'x'.repeat(1_048_576) }))).status).toBe(200)
  })

  test('undefined is the default, false is off', async () => {
    const same = await send(policy({ securityHeaders: undefined, bodyLimit: undefined, requestId: undefined })(ok))
    expect(same.headers.get('x-content-type-options')).toBe('nosniff')
    const bare = policy({ securityHeaders: false, bodyLimit: false, accessLog: false, cors: false, rateLimit: false })(
      ok,
    )
    const response = await send(bare, requestTo('/', { method: 'POST', body: 'x'.repeat(1_048_577) }))
    expect(response.status).toBe(200)
    expect(response.headers.get('x-content-type-options')).toBeNull()
    expect(response.headers.get('x-request-id')).not.toBeNull()
  })

  test('a wrapper in a slot is that one, and compose puts two into it', async () => {
    const seen: string[] = []
    const handler = policy({
      requestId: requestId({ header: 'x-trace', generate: () => 'mine-12345678' }),
      own: compose(tracer('a', seen), tracer('b', seen)),
    })(ok)
    const response = await send(handler)
    expect(response.headers.get('x-trace')).toBe('mine-12345678')
    expect(response.headers.get('x-request-id')).toBeNull()
    expect(seen).toEqual(['> a', '> b', '< b', '< a'])
  })

  test('R14: limits by address before, and by principal after authentication', async () => {
    const handler = policy({
      rateLimit: rateLimit({ name: 'address', key: byClientIp, limit: 5, window: '1m' }),
      authenticate: guard({
        name: 'who',
        decide: (request) => {
          const id = request.headers.get('x-user')
          return id === null
            ? refusal({ status: 401, code: 'unauthenticated' })
            : { outcome: 'allow', adds: { principal: { id } } }
        },
      }),
      quota: rateLimit({ name: 'principal', key: byPrincipal, limit: 2, window: '1m' }),
    })((_request, context) => new Response(context.principal.id))
    const call = async (user: string | undefined, address: string): Promise<number> =>
      (await send(handler, requestTo('/', user ? { headers: { 'x-user': user } } : {}), contextOf({ address }))).status
    expect([await call('ada', '203.0.113.1'), await call('ada', '203.0.113.2'), await call('ada', '203.0.113.3')])
      .toEqual([200, 200, 429])
    expect(await call('bob', '203.0.113.3')).toBe(200)
    for (let i = 0; i < 5; i++) expect(await call(undefined, '203.0.113.9')).toBe(401)
    expect(await call('cy', '203.0.113.9')).toBe(429)
  })

  test("PITFALLS 8: a preflight uses up nobody's quota", async () => {
    const handler = policy({
      cors: cors({ origins: ['https://app.example'] }),
      rateLimit: rateLimit({ key: byClientIp, limit: 1, window: '1m' }),
    })(ok)
    const preflight = requestTo('/', {
      method: 'OPTIONS',
      headers: { 'origin': 'https://app.example', 'access-control-request-method': 'PUT' },
    })
    for (let i = 0; i < 5; i++) expect((await send(handler, preflight)).status).toBe(204)
    expect((await send(handler)).status).toBe(200)
    expect((await send(handler)).status).toBe(429)
  })

  test('health is answered before any limit, in every outage of it, and unlogged', async () => {
    const write = vi.fn()
    const handler = policy({
      accessLog: accessLog({ write }),
      health: health(),
      hosts: hosts({ allow: ['elsewhere.test'] }),
      rateLimit: rateLimit({ key: byClientIp, limit: 1, window: '1m' }),
    })(ok)
    for (let i = 0; i < 5; i++) {
      expect(await (await send(handler, requestTo('/health/live'))).json()).toEqual({ status: 'pass' })
    }
    expect(write).not.toHaveBeenCalled()
    expect((await send(handler)).status).toBe(421)
    expect(write).toHaveBeenCalledTimes(1)
  })
})

describe('refuses the bad', () => {
  test.each<[slots: Record<string, unknown>, message: string]>([
    [{ rateLimits: false }, `policy: there is no slot 'rateLimits'`],
    [{ ratelimit: quiet }, `policy: there is no slot 'ratelimit'`],
    [{ toString: quiet }, `policy: there is no slot 'toString'`],
    [{ typo: undefined }, `policy: there is no slot 'typo'`],
    [{ rateLimit: true }, 'policy: rateLimit must be a wrapper, or false'],
    [{ rateLimit: null }, 'policy: rateLimit must be a wrapper, or false'],
    [{ rateLimit: { limit: 5 } }, 'policy: rateLimit must be a wrapper, or false'],
    [{ own: [quiet] }, 'policy: own must be a wrapper, or false'],
    [{ accessLog: 'combined' }, 'policy: accessLog must be a wrapper, or false'],
    [{ requestId: false }, 'policy: requestId is always on; give another wrapper, not false'],
    [{ clientIp: false }, 'policy: clientIp is always on; give another wrapper, not false'],
    [{ errors: false }, 'policy: errors is always on; give another wrapper, not false'],
  ])('when made: %j', (slots, message) => {
    expect(() => policy(slots as Policy)).toThrow(new TypeError(message))
  })

  // What a refusal of each kind carries is in test/browser/rejections.test.ts.
})

describe('survives the broken', () => {
  const SECRET = 'hunter2'
  const bugs: [what: string, wrapper: Wrapper][] = [
    ['throws', () => () => {
      throw new Error(SECRET)
    }],
    ['rejects', () => () => Promise.reject(new Error(SECRET))],
    ['throws after the handler', (next) => async (request, context) => {
      await next(request, context)
      throw new Error(SECRET)
    }],
    ['throws null', () => () => {
      throw null
    }],
    ['forgets to answer', () => () => undefined as unknown as Response],
    [
      'adds a fact that is there',
      (next) => (request, context) => next(request, extend(context, { clock: 1 as never })),
    ],
    ['is a guard with a bug', guard({ name: 'buggy', decide: () => undefined as unknown as Decision })],
  ]
  const inner = ORDER.slice(ORDER.indexOf('errors') + 1)
  const outer = ORDER.slice(0, ORDER.indexOf('errors'))

  test.each(bugs)(
    'PITFALLS 8: a slot that %s is a 500 with its headers, and says nothing of the cause',
    async (_what, wrapper) => {
      vi.spyOn(console, 'error').mockImplementation(() => {})
      for (const slot of inner) {
        const context = known()
        const lines: string[] = []
        const handler = policy({ accessLog: accessLog({ write: (line) => void lines.push(line) }), [slot]: wrapper })(
          ok,
        )
        const response = await send(handler, requestTo(), context)
        expect(response.status, slot).toBe(500)
        expect(response.headers.get('x-content-type-options'), slot).toBe('nosniff')
        expect(response.headers.get('x-request-id'), slot).not.toBeNull()
        expect(await response.text(), slot).not.toContain(SECRET)
        expect(lines, slot).toHaveLength(1)
        expect(JSON.parse(lines[0]!), slot).toMatchObject({ status: 500, events: [{ kind: 'error' }] })
        expect(lines[0], slot).not.toContain(SECRET)
      }
    },
  )

  test.each(bugs)('a slot outside the boundary that %s is a 500 all the same', async (_what, wrapper) => {
    const error = vi.spyOn(console, 'error').mockImplementation(() => {})
    for (const slot of outer) {
      error.mockClear()
      const context = known()
      const response = await send(policy({ [slot]: wrapper })(ok), requestTo(), context)
      expect(response.status, slot).toBe(500)
      expect(await response.text(), slot).not.toContain(SECRET)
      expect(context.events, slot).toMatchObject([{ kind: 'error' }])
      expect(error, slot).toHaveBeenCalledTimes(1)
    }
  })

  test.each<[thrown: unknown, status: number]>([
    [new Error('hunter2'), 500],
    ['hunter2', 500],
    [null, 500],
    [undefined, 500],
    [Symbol('hunter2'), 500],
    [{ status: 404 }, 500],
    [Object.assign(new Error('hunter2'), { status: 404 }), 500],
    [Object.assign(new Error('No such note.'), { status: 404, expose: true }), 404],
    [Object.assign(new Error('hunter2'), { status: 503, expose: true }), 500],
    [new Problem(409, 'note-locked'), 409],
  ])('PITFALLS 27: %s, thrown by the handler, is a %i with the whole head', async (thrown, status) => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const response = await send(
      policy()(() => {
        throw thrown
      }),
    )
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('x-request-id')).not.toBeNull()
    expect(await response.text()).not.toContain('hunter2')
  })

  test('PITFALLS 27: a Response that is thrown is the answer, with the head', async () => {
    const response = await send(
      policy()(() => {
        throw Response.redirect('http://service.test/there')
      }),
    )
    expect([response.status, response.headers.get('location')]).toEqual([302, 'http://service.test/there'])
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
  })

  test('S0: the legacy envelope is the shape of every refusal', async () => {
    const handler = policy({
      errors: errors({ format: legacyEnvelope }),
      rateLimit: rateLimit({ key: () => 'x', limit: 1, window: '15m' }),
    })(ok)
    await send(handler)
    const refused = await send(handler)
    const body = await refused.json() as Record<string, unknown>
    expect(body).toMatchObject({ success: false, error: 'TooManyRequests', statusCode: 429, retryAfter: 900 })
    expect(body['requestId']).toBe(refused.headers.get('x-request-id'))
  })

  test('PITFALLS 17: waitUntil may be taken out of the context, and a rejection in it surfaces nowhere', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const work: Promise<unknown>[] = []
    const handler = policy()((_request, { waitUntil }) => {
      waitUntil(Promise.reject(new Error('background')))
      return new Response('ok')
    })
    expect((await send(handler)).status).toBe(200)
    const seen = contextOf({
      address: '203.0.113.9',
      waitUntil: (promise) => void work.push(promise.catch(() => 'caught')),
    })
    expect((await send(handler, requestTo(), seen)).status).toBe(200)
    expect(await Promise.all(work)).toEqual(['caught'])
    await settled()
    await settled()
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })
})

describe('names what weakens it', () => {
  const weak = (name: string): Wrapper => {
    const wrapper: Wrapper = (next) => (request, context) => next(request, context)
    return risky(wrapper, [`${name}: weakened`])
  }

  test('once per server, at the first request and not when it is made', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const handler = policy({ cors: cors({ origins: '*' }), own: compose(weak('a'), weak('b')) })(ok)
    expect(warn).not.toHaveBeenCalled()
    const server = known()
    for (let i = 0; i < 5; i++) await send(handler, requestTo(), { ...known(), platform: server.platform })
    expect(warn).toHaveBeenCalledTimes(1)
    const said = JSON.parse(String(warn.mock.calls[0]![0])) as Record<string, unknown>
    expect(said).toMatchObject({ level: 'warn', code: 'policy-weakened' })
    expect(said['message']).toContain(`cors: origins '*'`)
    expect(said['message']).toContain('a: weakened; b: weakened')
  })

  test('and says nothing where nothing is weak', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    for (const slots of [{}, { ...api, accessLog: quiet }, { ...website, accessLog: quiet }]) {
      await send(policy(slots)(ok), requestTo())
    }
    expect(warn).not.toHaveBeenCalled()
  })
})

describe('presets are slots to spread and override', () => {
  test('api: what means something to an API, in as few headers', async () => {
    const response = await send(policy({ ...api, accessLog: quiet })(() => Response.json({})), requestTo())
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    })
    const csp = response.headers.get('content-security-policy') ?? ''
    expect(csp).toContain(`default-src 'none'`)
    expect(csp).toContain(`frame-ancestors 'none'`)
    for (const name of ['x-xss-protection', 'permissions-policy', 'x-download-options', 'server']) {
      expect(response.headers.get(name), name).toBeNull()
    }
    const form = requestTo('/', { method: 'POST', body: new URLSearchParams('a=1') })
    expect((await send(policy({ ...api, accessLog: quiet })(ok), form)).status).toBe(415)
  })

  test("api: a handler's own Cache-Control stands", async () => {
    const own: Handler = () => new Response('ok', { headers: { 'cache-control': 'public, max-age=60' } })
    const response = await send(policy({ ...api, accessLog: quiet })(own))
    expect(response.headers.get('cache-control')).toBe('public, max-age=60')
  })

  test('website: all security headers, and no cross-site posts', async () => {
    const handler = policy({ ...website, accessLog: quiet })(ok)
    const { headers } = await send(handler)
    for (
      const name of [
        'content-security-policy',
        'x-content-type-options',
        'referrer-policy',
        'permissions-policy',
        'cross-origin-opener-policy',
      ]
    ) {
      expect(headers.get(name), name).not.toBeNull()
    }
    const form = { method: 'POST', body: new URLSearchParams('a=1') }
    expect((await send(handler, requestTo('/', { ...form, headers: { 'sec-fetch-site': 'cross-site' } }))).status).toBe(
      403,
    )
    expect((await send(handler, requestTo('/', { ...form, headers: { 'sec-fetch-site': 'same-origin' } }))).status)
      .toBe(200)
  })

  test('are plain objects that a policy does not change', () => {
    for (const preset of [api, website]) {
      const before = { ...preset }
      policy(preset)(ok)
      policy({ ...preset, bodyLimit: false, accessLog: undefined })(ok)
      expect(preset).toEqual(before)
      expect(Object.keys(preset).every((slot) => ORDER.includes(slot as keyof Policy))).toBe(true)
    }
  })

  test('write one access line per request to standard output, by default', async () => {
    const out = vi.spyOn(console, 'log').mockImplementation(() => {})
    await send(policy(api)(() => Response.json({})))
    expect(out).toHaveBeenCalledTimes(1)
    expect(JSON.parse(String(out.mock.calls[0]![0]))).toMatchObject({ message: 'request', status: 200 })
  })
})

describe('leaves streams alone', () => {
  test('PITFALLS 10: a stream goes through every default untouched, chunk by chunk, and can be left', async () => {
    const body = source(10)
    const handler = policy({ ...website, accessLog: quiet })(() => new Response(body.stream))
    const reader = (await send(handler)).body!.getReader()
    await reader.read()
    await settled()
    expect(body.pulled).toBeLessThanOrEqual(2)
    await reader.cancel('left')
    expect(body.cancelled).toBe(true)
  })

  test('PITFALLS 11: a large upload through a pipeline that reads no body is not gathered, and nobody clones', async () => {
    const clone = vi.spyOn(Request.prototype, 'clone')
    const body = source(65_536, 160) // 10 MB
    let most = 0
    const handler = policy({
      accessLog: quiet,
      bodyLimit: bodyLimit({ max: '16mb', unknownLength: 'stream' }),
      rateLimit: rateLimit({ key: () => 'x', limit: 10, window: '1m' }),
    })(async (request) => {
      let read = 0
      for await (const chunk of request.body!) {
        read += chunk.byteLength
        most = Math.max(most, body.pulled * 65_536 - read)
      }
      return new Response(String(read))
    })
    const request = new Request(
      'http://service.test/',
      { method: 'POST', body: body.stream, duplex: 'half' } as RequestInit,
    )
    expect(await (await send(handler, request)).text()).toBe('10485760')
    expect(most).toBeLessThanOrEqual(4 * 65_536)
    expect(clone).not.toHaveBeenCalled()
  })

  test('a 101 or a WebSocket response is passed on as it is', async () => {
    const upgrade = Object.assign(new Response(null), { webSocket: {} })
    expect(await send(policy()(() => upgrade))).toBe(upgrade)
    expect(upgrade.headers.get('x-content-type-options')).toBeNull()
  })
})

describe('PITFALLS 18: making anything reads no clock, draws nothing and sets no timer', () => {
  test('every wrapper, preset and policy', async () => {
    const forbidden = (name: string) => (): never => {
      throw new Error(`${name} while a wrapper is made`)
    }
    const spies = [
      vi.spyOn(Date, 'now').mockImplementation(forbidden('Date.now')),
      vi.spyOn(performance, 'now').mockImplementation(forbidden('performance.now')),
      vi.spyOn(Math, 'random').mockImplementation(forbidden('Math.random')),
      vi.spyOn(crypto, 'getRandomValues').mockImplementation(forbidden('crypto.getRandomValues')),
      vi.spyOn(crypto, 'randomUUID').mockImplementation(forbidden('crypto.randomUUID')),
      vi.spyOn(globalThis, 'setTimeout').mockImplementation(forbidden('setTimeout') as never),
      vi.spyOn(globalThis, 'setInterval').mockImplementation(forbidden('setInterval') as never),
      vi.spyOn(globalThis, 'queueMicrotask').mockImplementation(forbidden('queueMicrotask')),
      vi.spyOn(globalThis, 'fetch').mockImplementation(forbidden('fetch')),
      vi.spyOn(AbortSignal, 'timeout').mockImplementation(forbidden('AbortSignal.timeout')),
      vi.spyOn(console, 'log').mockImplementation(forbidden('console.log')),
      vi.spyOn(console, 'warn').mockImplementation(forbidden('console.warn')),
    ]
    let handler: Handler
    try {
      vi.resetModules()
      const made: AnyWrapper[] = [
        policy(),
        policy(api),
        policy(website),
        requestId(),
        clientIp(),
        clientIp({ hops: 1 }),
        accessLog({ query: true }),
        securityHeaders(),
        cors({ origins: '*' }),
        errors(),
        health({ checks: { a: () => fetch('http://db.test') } }),
        headerLimit(),
        hosts({ allow: ['a.test'] }),
        methods({ allow: ['GET'] }),
        ipAccess({ deny: ['10.0.0.0/8'] }),
        httpsRedirect({ host: 'a.test' }),
        timeout({ after: '1s' }),
        bodyLimit(),
        contentType({ allow: ['text/plain'] }),
        csrf(),
        rateLimit({ key: byClientIp, limit: 1, window: '1s', share: 0.5 }),
        validate({ body: v.number() }),
      ]
      expect(made.every((wrapper) => typeof wrapper === 'function')).toBe(true)
      memoryStore({ maxKeys: 1_000_000 })
      handler = policy({
        ...api,
        accessLog: quiet,
        health: health(),
        timeout: timeout({ after: '1s' }),
        rateLimit: rateLimit<Edge>({ key: byClientIp, limit: 1, window: '1s' }),
      })(ok)
    } finally {
      for (const spy of spies) spy.mockRestore()
    }
    expect((await send(handler, requestTo())).status).toBe(200)
  })

  test('two pipelines share nothing but what they are given', async () => {
    const make = (): Handler => policy({ rateLimit: rateLimit({ key: () => 'x', limit: 1, window: '1m' }) })(ok)
    const [a, b] = [make(), make()]
    expect((await send(a)).status).toBe(200)
    expect((await send(b)).status).toBe(200)
    expect((await send(a)).status).toBe(429)
  })
})
