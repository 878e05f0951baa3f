import fc from 'fast-check'
import { parseList } from 'structured-headers'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { compose } from '../../src/core/compose.ts'
import { type Context, extend } from '../../src/core/context.ts'
import type { Handler, Wrapper } from '../../src/core/handler.ts'
import { legacyEnvelope } from '../../src/core/problem.ts'
import type { LimitSet, Standing, Store } from '../../src/core/store.ts'
import { clientIp } from '../../src/request/client-ip.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { byClientIp } from '../../src/traffic/keys.ts'
import { rateLimit, type RateLimitOptions } from '../../src/traffic/rate-limit.ts'
import { type Circumstances, contextOf, requestTo, send, settled, source, virtualClock } from '../helpers.ts'

const ok: Handler = () => new Response('ok')
const one = (): string => 'one'
const byHeader = (_context: Context, request: Request): string | undefined => request.headers.get('x-key') ?? undefined

function limited(options: Partial<RateLimitOptions<{}>> = {}, handler: Handler = ok): Handler {
  return rateLimit({ key: one, limit: 2, window: '60s', ...options })(handler)
}

/** Calls a number of times; the statuses. */
async function statuses(handler: Handler, times: number, circumstances: Circumstances = {}): Promise<number[]> {
  const out: number[] = []
  for (let i = 0; i < times; i++) out.push((await send(handler, requestTo(), contextOf(circumstances))).status)
  return out
}

/** A field as a structured-field list: name and parameters of each member. */
function listOf(response: Response, field: string): [name: unknown, parameters: Record<string, unknown>][] {
  const value = response.headers.get(field)
  if (value === null) throw new Error(`there is no ${field}`)
  return parseList(value).map((member) => [member[0], Object.fromEntries(member[1] as Map<string, unknown>)])
}

const RATE_LIMIT_FIELDS = ['ratelimit', 'ratelimit-policy']

function expectNoFields(response: Response): void {
  for (const field of RATE_LIMIT_FIELDS) expect(response.headers.get(field), field).toBeNull()
  expect([...response.headers.keys()].filter((name) => name.includes('ratelimit'))).toEqual([])
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('lets the good through', () => {
  test('S0: of 105 requests, the first 100 pass and the rest are 429', async () => {
    const handler = compose(clientIp(), rateLimit({ key: byClientIp, limit: 100, window: '15m' }))(ok)
    const clock = virtualClock()
    const all = await statuses(handler, 105, { clock, address: '203.0.113.9' })
    expect(all).toEqual([...Array<number>(100).fill(200), ...Array<number>(5).fill(429)])
    expect(await statuses(handler, 1, { clock, address: '203.0.113.10' })).toEqual([200])
    clock.advance(15 * 60_000)
    expect(await statuses(handler, 1, { clock, address: '203.0.113.9' })).toEqual([200])
  })

  test('two windows of one route (S2): a burst and a sustained limit, each with its own name', async () => {
    const clock = virtualClock()
    const handler = compose(
      rateLimit({ name: 'sustained', key: one, limit: 4, window: '60s' }),
      rateLimit({ name: 'burst', key: one, limit: 2, window: '1s' }),
    )(ok)
    expect(await statuses(handler, 3, { clock })).toEqual([200, 200, 429])
    clock.advance(1_000)
    // The third counted against the outer limit only: it was the inner one that refused.
    expect(await statuses(handler, 2, { clock })).toEqual([200, 429])
  })

  test('a key of undefined is not counted, and says nothing', async () => {
    const handler = limited({ key: byHeader, limit: 1 })
    expect(await statuses(handler, 5)).toEqual([200, 200, 200, 200, 200])
    expectNoFields(await send(handler))
    const counted = (): Promise<Response> => send(handler, requestTo('/', { headers: { 'x-key': 'a' } }))
    expect((await counted()).status).toBe(200)
    expect((await counted()).status).toBe(429)
  })

  test('a cost takes as many units, by number or by function', async () => {
    expect(await statuses(limited({ limit: 10, cost: 5 }), 3)).toEqual([200, 200, 429])
    const cost = (request: Request): number => Number(request.headers.get('x-cost'))
    const handler = limited({ limit: 10, cost })
    const pay = async (units: number): Promise<number> =>
      (await send(handler, requestTo('/', { headers: { 'x-cost': `${units}` } }))).status
    expect([await pay(9), await pay(5), await pay(1), await pay(1)]).toEqual([200, 429, 200, 429])
  })

  test('a shared store shares one limit among several limiters of one name', async () => {
    const store = memoryStore()
    const clock = virtualClock()
    const [a, b] = [limited({ store }), limited({ store })]
    expect(await statuses(a, 1, { clock })).toEqual([200])
    expect(await statuses(b, 2, { clock })).toEqual([200, 429])
    expect(await statuses(limited({ store, name: 'other' }), 1, { clock })).toEqual([200])
  })

  test('PITFALLS 36: mounted twice around one handler, it counts a request once', async () => {
    const limit = rateLimit({ key: one, limit: 3, window: '60s' })
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const handler = compose(limit, limit)(ok)
    expect(await statuses(handler, 4)).toEqual([200, 200, 200, 429])
    const response = await send(handler)
    expect(listOf(response, 'ratelimit')).toHaveLength(1)
    expect(warn).not.toHaveBeenCalled()
  })

  test('two limits of one name around one handler both count, and the operator is told once', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const handler = compose(
      rateLimit({ key: one, limit: 3, window: '60s' }),
      rateLimit({ key: one, limit: 1, window: '1s' }),
    )(ok)
    const { platform } = contextOf()
    expect(await statuses(handler, 3, { platform })).toEqual([200, 429, 429])
    expect(warn.mock.calls.map(([line]) => String(line))).toEqual(
      expect.arrayContaining([expect.stringContaining(`two limits of one request are named 'default'`)]),
    )
  })

  test.each(['HEAD', 'OPTIONS', 'POST', 'DELETE'])('PITFALLS 37: %s counts as GET does', async (method) => {
    const handler = limited({ limit: 1 })
    expect((await send(handler, requestTo('/', { method }))).status).toBe(200)
    const refused = await send(handler)
    expect(refused.status).toBe(429)
  })

  test('is not async: a synchronous handler stays one', () => {
    expect(limited()(requestTo(), contextOf())).toBeInstanceOf(Response)
  })
})

describe('PITFALLS 7: the RateLimit fields', () => {
  test('say the policy and where the client stands, as lists of strings with integers', async () => {
    const clock = virtualClock()
    const handler = limited({ name: 'burst "a\\b"', limit: 2, window: '1.5s' })
    const first = await send(handler, requestTo(), contextOf({ clock }))
    expect(listOf(first, 'ratelimit-policy')).toEqual([['burst "a\\b"', { q: 2, w: 2 }]])
    expect(listOf(first, 'ratelimit')).toEqual([['burst "a\\b"', { r: 1, t: 2 }]])
    clock.advance(501)
    const second = await send(handler, requestTo(), contextOf({ clock }))
    expect(listOf(second, 'ratelimit')).toEqual([['burst "a\\b"', { r: 0, t: 1 }]])
  })

  test.each([200, 201, 400, 404, 500])('are on a %i', async (status) => {
    const response = await send(limited({}, () => new Response('x', { status })))
    expect(listOf(response, 'ratelimit')).toEqual([['default', { r: 1, t: 60 }]])
    expect(listOf(response, 'ratelimit-policy')).toEqual([['default', { q: 2, w: 60 }]])
  })

  test('are on a 204, a 429 and a 500 that was thrown', async () => {
    const empty = limited({}, () => new Response(null, { status: 204 }))
    expect(listOf(await send(empty), 'ratelimit')).toEqual([['default', { r: 1, t: 60 }]])
    await send(empty)
    expect(listOf(await send(empty), 'ratelimit')).toEqual([['default', { r: 0, t: 60 }]])
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const broken = await send(limited({}, () => {
      throw new Error('bug')
    }))
    expect(broken.status).toBe(500)
    expect(listOf(broken, 'ratelimit')).toEqual([['default', { r: 1, t: 60 }]])
  })

  test.each([301, 302, 303, 304, 307, 308])('are not on a %i, which caches keep', async (status) => {
    const headers = status === 304 ? {} : { location: '/there' }
    expectNoFields(await send(limited({ legacyHeaders: true }, () => new Response(null, { status, headers }))))
  })

  test('are not on an immutable redirect either', async () => {
    const response = await send(limited({}, () => Response.redirect('http://service.test/there')))
    expect(response.status).toBe(302)
    expectNoFields(response)
  })

  test('of two limits are one list, in order, equal quotas kept apart', async () => {
    const response = await send(
      compose(
        rateLimit({ name: 'burst', key: one, limit: 5, window: '1s' }),
        rateLimit({ name: 'daily', key: one, limit: 5, window: '1d' }),
      )(ok),
    )
    expect(listOf(response, 'ratelimit-policy')).toEqual([['burst', { q: 5, w: 1 }], ['daily', { q: 5, w: 86_400 }]])
    expect(listOf(response, 'ratelimit')).toEqual([['burst', { r: 4, t: 1 }], ['daily', { r: 4, t: 86_400 }]])
  })

  test('of old are sent only when asked for', async () => {
    const names = (response: Response): string[] => [...response.headers.keys()].filter((name) => name.startsWith('x-'))
    expect(names(await send(limited()))).toEqual([])
    const response = await send(limited({ legacyHeaders: true }))
    expect(names(response)).toEqual(['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'])
    expect(names(response).map((name) => response.headers.get(name))).toEqual(['2', '1', '60'])
  })

  test('never give away the key', async () => {
    const response = await send(limited({ key: () => 'ada@example.com' }))
    expect(JSON.stringify([...response.headers])).not.toContain('ada')
  })
})

describe('refuses the bad', () => {
  test('a 429 tells when to come back, in the header, the body and RateLimit alike', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 90_000 }), fc.integer({ min: 0, max: 90_000 }), async (ms, wait) => {
        const clock = virtualClock()
        const handler = limited({ limit: 1, window: `${ms}ms` })
        await send(handler, requestTo(), contextOf({ clock }))
        clock.advance(Math.min(wait, ms - 1))
        const refused = await send(handler, requestTo(), contextOf({ clock }))
        expect(refused.status).toBe(429)
        const retryAfter = refused.headers.get('retry-after') ?? ''
        expect(retryAfter).toMatch(/^[1-9]\d*$/)
        const t = listOf(refused, 'ratelimit')[0]![1]['t']
        expect(Number(retryAfter)).toBeGreaterThanOrEqual(t as number)
        expect(Number(retryAfter) * 1_000).toBeGreaterThanOrEqual(ms - Math.min(wait, ms - 1))
        expect(await refused.json()).toMatchObject({ status: 429, retryAfter: Number(retryAfter) })
      }),
      { numRuns: 100 },
    )
  })

  test('a 429 is a problem of the registered type', async () => {
    const handler = limited({ name: 'login', limit: 1, detail: 'Slow down.' })
    await send(handler)
    const context = contextOf()
    const refused = await send(handler, requestTo(), context)
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
    expect(refused.headers.get('cache-control')).toBe('no-store')
    expect(await refused.json()).toEqual({
      'type': 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      'title': 'Too Many Requests',
      'status': 429,
      'detail': 'Slow down.',
      'code': 'rate-limit-exceeded',
      'violated-policies': ['login'],
      'retryAfter': 60,
    })
    expect(context.events).toEqual([{ kind: 'refused', guard: 'rate-limit', code: 'rate-limit-exceeded', status: 429 }])
  })

  test('S0 R16, SEEDS 12.8: in the legacy envelope retryAfter is a number', async () => {
    const handler = limited({ limit: 1, window: '15m' })
    await send(handler)
    const context = contextOf()
    context.format = legacyEnvelope
    expect(await (await send(handler, requestTo(), context)).json()).toMatchObject({
      success: false,
      error: 'TooManyRequests',
      message: 'Too many requests. Please try again later.',
      statusCode: 429,
      retryAfter: 900,
    })
  })

  test('PITFALLS 4: refused requests use up nothing, so that a hammering client is free when its window ends', async () => {
    const clock = virtualClock()
    const handler = limited({ limit: 2, window: '10s' })
    await statuses(handler, 2, { clock })
    for (let i = 0; i < 9; i++) {
      clock.advance(1_000)
      expect(await statuses(handler, 5, { clock })).toEqual([429, 429, 429, 429, 429])
    }
    clock.advance(1_000)
    expect(await statuses(handler, 3, { clock })).toEqual([200, 200, 429])
  })

  test('PITFALLS 4: a cost above the limit is refused for good, without Retry-After', async () => {
    const handler = limited({ limit: 10, cost: () => 11 })
    const context = contextOf()
    const refused = await send(handler, requestTo(), context)
    expect(refused.status).toBe(400)
    expect(await refused.json()).toMatchObject({ code: 'cost-exceeds-limit' })
    expect(refused.headers.get('retry-after')).toBeNull()
    expect(context.events).toMatchObject([{ kind: 'refused', code: 'cost-exceeds-limit' }])
  })

  test.each([0, -1, 1.5, Number.NaN, Infinity, '3' as unknown as number])(
    'a cost of %s is a bug: 500',
    async (cost) => {
      vi.spyOn(console, 'error').mockImplementation(() => {})
      expect(await statuses(limited({ cost: () => cost }), 1)).toEqual([500])
    },
  )

  test.each([null, 5, {}, ['a']])('a key of %j is a bug: 500, not one count for all nor none', async (key) => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    expect(await statuses(limited({ key: () => key as unknown as string }), 1)).toEqual([500])
  })

  test('PITFALLS 1: no forged header and no spelling of one address makes a new key', async () => {
    const handler = compose(clientIp(), rateLimit({ key: byClientIp, limit: 5, window: '60s' }))(ok)
    const clock = virtualClock()
    const forged = async (i: number, address: string): Promise<number> => {
      const headers = {
        'x-forwarded-for': `198.51.100.${i}`,
        'cf-connecting-ip': `198.51.100.${i}`,
        'x-real-ip': `::${i}`,
      }
      return (await send(handler, requestTo('/', { headers }), contextOf({ address, clock }))).status
    }
    const same = ['203.0.113.9', '::ffff:203.0.113.9', '::ffff:cb00:7109']
    const all: number[] = []
    for (let i = 0; i < 12; i++) all.push(await forged(i, same[i % 3]!))
    expect(all).toEqual([200, 200, 200, 200, 200, ...Array<number>(7).fill(429)])
    const six: number[] = []
    for (let i = 0; i < 8; i++) six.push(await forged(i, `2001:db8:1:2::${i}`))
    expect(six).toEqual([200, 200, 200, 200, 200, 429, 429, 429])
    expect(await forged(0, '2001:db8:1:3::1')).toBe(200)
  })

  test('no request sequence gets more than the limit into one window, nor less', async () => {
    const step = fc.record({ key: fc.constantFrom('a', 'b'), wait: fc.integer({ min: 0, max: 700 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 50 }), fc.integer({ min: 1, max: 5 }), async (steps, limit) => {
        const clock = virtualClock()
        const handler = limited({ key: byHeader, limit, window: '1s' })
        const windows = new Map<string, { start: number; admitted: number }>()
        for (const { key, wait } of steps) {
          clock.advance(wait)
          const now = clock.monotonic()
          let open = windows.get(key)
          if (open === undefined || now >= open.start + 1_000) windows.set(key, open = { start: now, admitted: 0 })
          const { status } = await send(handler, requestTo('/', { headers: { 'x-key': key } }), contextOf({ clock }))
          expect(status).toBe(open.admitted < limit ? 200 : 429)
          if (status === 200) open.admitted++
        }
      }),
      { numRuns: 50 },
    )
  })

  const bad: [option: string, options: Record<string, unknown>][] = [
    ...[undefined, null, 'ip', {}].map((key): [string, Record<string, unknown>] => ['key', { key }]),
    ...[undefined, null, 0, -1, 1.5, Number.NaN, Infinity, '5', 2 ** 32, 2 ** 53]
      .map((limit): [string, Record<string, unknown>] => ['limit', { limit }]),
    ...[undefined, null, 60, '60', '0s', '-1s', 'NaNs', '1w', '', '1e3s', 'Infinitys']
      .map((window): [string, Record<string, unknown>] => ['window', { window }]),
    ...['', 'naïve', 'a\r\nb', '\0', 5, {}].map((name): [string, Record<string, unknown>] => ['name', { name }]),
    ...[0, -1, 1.5, Number.NaN, '1', null, 3].map((cost): [string, Record<string, unknown>] => ['cost', { cost }]),
    ...[null, {}, 'memory', { consume: 1 }].map((store): [string, Record<string, unknown>] => ['store', { store }]),
    ...['open', true, null].map((onOutage): [string, Record<string, unknown>] => ['onOutage', { onOutage }]),
    ...['dry-run', null, true].map((mode): [string, Record<string, unknown>] => ['mode', { mode }]),
    ...[-0.1, 1.1, Number.NaN, 'half'].map((share): [string, Record<string, unknown>] => ['share', { share }]),
  ]
  test.each(bad)('throws when made for a bad %s: %j', (option, options) => {
    const make = (): Wrapper =>
      rateLimit({ key: one, limit: 2, window: '60s', ...options } as unknown as RateLimitOptions<{}>)
    expect(make).toThrow(TypeError)
    expect(make).toThrow(new RegExp(`: ${option} `))
  })
})

describe('rolls out gently', () => {
  test('report mode lets pass what it would refuse, records it, and tells the client nothing', async () => {
    const handler = limited({ mode: 'report', limit: 1, legacyHeaders: true })
    await send(handler)
    const context = contextOf()
    const response = await send(handler, requestTo(), context)
    expect(response.status).toBe(200)
    expectNoFields(response)
    expect(context.events).toEqual([
      { kind: 'would-refuse', guard: 'rate-limit', code: 'rate-limit-exceeded', status: 429 },
    ])
  })

  test('a share of 0 enforces nothing and one of 1 everything', async () => {
    expect(await statuses(limited({ limit: 1, share: 0 }), 4)).toEqual([200, 200, 200, 200])
    expect(await statuses(limited({ limit: 1, share: 1 }), 2)).toEqual([200, 429])
  })

  test('a share of a quarter enforces on about a quarter', async () => {
    let drawn = 0
    vi.spyOn(Math, 'random').mockImplementation(() => drawn++ % 4 / 4)
    const handler = rateLimit({ key: one, limit: 1, window: '60s', share: 0.25 })(ok)
    const all = await statuses(handler, 41)
    expect(all.filter((status) => status === 429)).toHaveLength(10)
  })
})

describe('survives the broken', () => {
  const stores: Record<string, () => unknown> = {
    'throws': () => {
      throw new Error('ECONNREFUSED redis://user:hunter2@10.0.0.5')
    },
    'rejects': () => Promise.reject(new Error('ECONNREFUSED redis://user:hunter2@10.0.0.5')),
    'rejects with nothing': () => Promise.reject(undefined),
    'throws a string': () => {
      throw 'down'
    },
    'answers undefined': () => undefined,
    'answers null later': () => Promise.resolve(null),
    'answers an error text': () => 'MOVED 3999 10.0.0.6:6381',
    'answers NaN': () => ({ allowed: false, at: 0, standings: [{ remaining: Number.NaN, resetIn: Number.NaN }] }),
    'answers without a reset': () => Promise.resolve({ allowed: false, at: 0, standings: [{ remaining: 0 }] }),
    'answers an endless block': () => ({ allowed: false, at: 0, standings: [{ remaining: 0, resetIn: Infinity }] }),
    'answers about too few limits': () => ({ allowed: true, at: 0, standings: [] }),
  }
  const down = Object.entries(stores).map(([name, consume]): [string, Store] => [name, { consume } as unknown as Store])

  test.each(down)(
    'PITFALLS 5: a store that %s is an outage: passes, is seen, and tells no numbers',
    async (_name, store) => {
      const context = contextOf()
      const response = await send(limited({ store, legacyHeaders: true }), requestTo(), context)
      expect(response.status).toBe(200)
      expectNoFields(response)
      expect(context.events).toMatchObject([{ kind: 'degraded', guard: 'rate-limit', code: 'guard-unavailable' }])
      expect(JSON.stringify(context.events)).not.toMatch(/hunter2|redis|10\.0/)
    },
  )

  test.each(down)(
    'PITFALLS 5: closed, a store that %s is a 503 with Retry-After, never a 429',
    async (_name, store) => {
      const handler = vi.fn(ok)
      const context = contextOf()
      const response = await send(limited({ store, onOutage: 'refuse' }, handler), requestTo(), context)
      expect(response.status).toBe(503)
      expect(response.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
      expect(response.headers.get('content-type')).toBe('application/problem+json')
      expectNoFields(response)
      const text = await response.text()
      expect(JSON.parse(text)).toMatchObject({ code: 'guard-unavailable' })
      expect(text).not.toMatch(/hunter2|redis/)
      expect(handler).not.toHaveBeenCalled()
      expect(context.events).toHaveLength(1)
    },
  )

  test('PITFALLS 5: in report mode an outage passes even where it would be refused', async () => {
    const context = contextOf()
    const store: Store = { consume: () => Promise.reject(new Error('down')) }
    expect((await send(limited({ store, onOutage: 'refuse', mode: 'report' }), requestTo(), context)).status).toBe(200)
    expect(context.events).toMatchObject([{ kind: 'degraded' }])
  })

  test('one limit degraded and one well: the fields speak of the one that is', async () => {
    const store: Store = { consume: () => Promise.reject(new Error('down')) }
    const response = await send(
      compose(
        rateLimit({ name: 'far', key: one, limit: 5, window: '1s', store }),
        rateLimit({ name: 'near', key: one, limit: 5, window: '1s' }),
      )(ok),
    )
    expect(listOf(response, 'ratelimit')).toEqual([['near', { r: 4, t: 1 }]])
    expect(listOf(response, 'ratelimit-policy')).toEqual([['near', { q: 5, w: 1 }]])
  })

  test('a store that recovers limits again at once', async () => {
    const memory = memoryStore()
    let up = false
    const store: Store = {
      consume(set, key, costs, call) {
        if (!up) throw new Error('down')
        return memory.consume(set, key, costs, call)
      },
    }
    const handler = limited({ store, limit: 1 })
    expect(await statuses(handler, 3)).toEqual([200, 200, 200])
    up = true
    expect(await statuses(handler, 2)).toEqual([200, 429])
  })

  test('an asynchronous store is waited for', async () => {
    const memory = memoryStore()
    const store: Store = {
      async consume(set, key, costs, call) {
        await settled()
        return memory.consume(set, key, costs, call)
      },
    }
    const handler = limited({ store, limit: 10 })
    const all = await Promise.all(Array.from({ length: 50 }, () => send(handler)))
    expect(all.filter(({ status }) => status === 200)).toHaveLength(10)
    expect(all.filter(({ status }) => status === 429)).toHaveLength(40)
  })

  const answering = (standing: Partial<Standing>): Store => ({
    consume: () => ({ allowed: false, at: 0, standings: [{ remaining: 0, resetIn: 1_000, ...standing }] }),
  })

  test.each([-3_600_000, -1, 0, 0.1])(
    'fault 40: a store whose clock makes resetIn %d ms gives no Retry-After below 1',
    async (resetIn) => {
      const refused = await send(limited({ store: answering({ resetIn }) }))
      expect(refused.headers.get('retry-after')).toBe('1')
      expect(listOf(refused, 'ratelimit')).toEqual([['default', { r: 0, t: 1 }]])
    },
  )

  test.each([-3_600_000, 3_600_000])(
    'PITFALLS 19: a wall clock that jumps %d ms frees nobody and blocks nobody',
    async (jump) => {
      const clock = virtualClock()
      const handler = limited({ limit: 2 })
      await statuses(handler, 1, { clock })
      clock.jump(jump)
      expect(await statuses(handler, 2, { clock })).toEqual([200, 429])
      const refused = await send(handler, requestTo(), contextOf({ clock }))
      expect(refused.headers.get('retry-after')).toBe('60')
      clock.advance(60_000)
      expect(await statuses(handler, 1, { clock })).toEqual([200])
    },
  )

  test('hands the store the one set of limits, the key, the costs and the clock', async () => {
    const seen: [LimitSet, string, readonly number[]][] = []
    const store: Store = {
      consume(set, key, costs, { clock }) {
        seen.push([set, key, costs])
        return { allowed: true, at: 0, standings: [{ remaining: clock.now() > 0 ? 1 : 0, resetIn: 1 }] }
      },
    }
    const handler = limited({ store, cost: 2, name: 'n' })
    await statuses(handler, 2)
    expect(seen.map(([, key, cost]) => [key, cost])).toEqual([['one', [2]], ['one', [2]]])
    expect(seen[0]![0]).toBe(seen[1]![0])
    expect(seen[0]![0].limits).toEqual([{ name: 'n', quota: 2, window: 60_000, algorithm: 'fixed-window' }])
  })

  test.each(['\r\nset-cookie: x=1', '\0', 'ключ', 'a'.repeat(1_000_000), '', '__proto__', '*'])(
    'a hostile key is only a key: %#',
    async (key) => {
      const handler = limited({ key: () => key, limit: 1 })
      expect(await statuses(handler, 2)).toEqual([200, 429])
    },
  )
})

describe('leaves streams alone', () => {
  test('passes request and response on untouched', async () => {
    const { stream } = source(3, 2)
    const response = new Response(stream)
    const request = requestTo('/', { method: 'POST', body: 'hello' })
    const handler = limited({}, async (given) => {
      expect(given).toBe(request)
      expect(await given.text()).toBe('hello')
      return response
    })
    expect(await handler(request, contextOf())).toBe(response)
  })

  test('the first chunk leaves before the second is made, and cancelling reaches the source', async () => {
    const body = source(3)
    const response = await send(limited({}, () => new Response(body.stream)))
    const reader = response.body!.getReader()
    await reader.read()
    expect(body.pulled).toBeLessThanOrEqual(2)
    await reader.cancel('enough')
    expect(body.cancelled).toBe(true)
  })

  test('an upload that is refused is not read', async () => {
    const body = source(1_024)
    const handler = limited({ limit: 1 })
    await send(handler)
    const request = new Request(
      'http://service.test/',
      { method: 'POST', body: body.stream, duplex: 'half' } as RequestInit,
    )
    expect((await send(handler, request)).status).toBe(429)
    expect(body.pulled).toBe(0)
  })
})

test('adds nothing that a handler sees', async () => {
  const before = Object.keys(contextOf())
  const context = contextOf()
  await send(limited(), requestTo(), context)
  expect(Object.keys(context)).toEqual(before)
  expect(() => extend(context, { principal: { id: 'ada' } })).not.toThrow()
})
