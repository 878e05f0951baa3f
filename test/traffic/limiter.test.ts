/** What rateLimit can beyond one limit: several at once, costs and units of their own, limits by plan, refunds, outages. */
import fc from 'fast-check'
import { parseList } from 'structured-headers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { compose } from '../../src/core/compose.ts'
import type { Context } from '../../src/core/context.ts'
import { extend } from '../../src/core/context.ts'
import type { HasPrincipal } from '../../src/core/facts.ts'
import type { Handler, Wrapper } from '../../src/core/handler.ts'
import type { LimitSet, Store } from '../../src/core/store.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { local } from '../../src/traffic/limiter.ts'
import type { LimitSpec } from '../../src/traffic/limits.ts'
import { rateLimit, type RateLimitOptions } from '../../src/traffic/rate-limit.ts'
import { contextOf, recorder, requestTo, send, settled, source, virtualClock } from '../helpers.ts'
import { codeOf, refusesToBeMade, spy } from '../request/support.ts'

const unhandled = vi.fn()

beforeEach(() => {
  unhandled.mockClear()
  process.on('unhandledRejection', unhandled)
})
afterEach(async () => {
  if (vi.isFakeTimers()) expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
  vi.restoreAllMocks()
  await settled()
  process.off('unhandledRejection', unhandled)
  expect(unhandled).not.toHaveBeenCalled()
})

const ok: Handler = () => Response.json('ok')
const one = (): string => 'one'
const burst: LimitSpec = { name: 'burst', limit: 2, window: '1s' }
const daily: LimitSpec = { name: 'daily', limit: 3, window: '1d' }

/** Options with a list of limits, or a function. */
type Several = Extract<RateLimitOptions<{}>, { readonly limits: unknown }>

function limited(options: Partial<Several> = {}, handler: Handler = ok): Handler {
  return rateLimit({ key: one, limits: [burst, daily], log: () => {}, ...options })(handler)
}

/** A field as a structured-field list: name and parameters of each member. */
function listOf(response: Response, field: string): [name: unknown, parameters: Record<string, unknown>][] {
  const value = response.headers.get(field)
  if (value === null) throw new Error(`there is no ${field}`)
  return parseList(value).map((member) => [member[0], Object.fromEntries(member[1] as Map<string, unknown>)])
}

function left(response: Response): Record<string, unknown> {
  return Object.fromEntries(listOf(response, 'ratelimit').map(([name, { r }]) => [name, r]))
}

function expectNoFields(response: Response): void {
  expect([...response.headers.keys()].filter((name) => name.includes('ratelimit'))).toEqual([])
}

/** A handler behind a limiter at one clock. */
function bench(options: Partial<Several> = {}, handler: Handler = ok) {
  const clock = virtualClock()
  const door = limited(options, handler)
  const call = (headers: Record<string, string> = {}): Promise<Response> =>
    send(door, requestTo('/', { headers }), contextOf({ clock }))
  return {
    clock,
    call,
    async statuses(times: number, headers: Record<string, string> = {}): Promise<number[]> {
      const all: number[] = []
      for (let i = 0; i < times; i++) all.push((await call(headers)).status)
      return all
    },
  }
}

describe('several limits at once', () => {
  test('all or nothing: what one refuses takes nothing from the others', async () => {
    const { call, clock, statuses } = bench()
    expect(await statuses(5)).toEqual([200, 200, 429, 429, 429])
    clock.advance(1_000)
    expect(left(await call())).toEqual({ burst: 1, daily: 0 })
    clock.advance(1_000)
    expect(await statuses(1)).toEqual([429])
    clock.advance(86_400_000)
    expect(left(await call())).toEqual({ burst: 1, daily: 2 })
  })

  test('of any number of requests exactly those pass that all limits have room for', async () => {
    const step = fc.record({ wait: fc.integer({ min: 0, max: 600 }), cost: fc.integer({ min: 1, max: 4 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const limits: LimitSpec[] = [{ name: 'a', limit: 4, window: '1s' }, { name: 'b', limit: 7, window: '3s' }]
        const { call, clock } = bench({ limits, cost: (request) => Number(request.headers.get('x-cost')) })
        const windows = [{ quota: 4, ms: 1_000, end: 0, used: 0 }, { quota: 7, ms: 3_000, end: 0, used: 0 }]
        for (const { wait, cost } of steps) {
          clock.advance(wait)
          const now = clock.monotonic()
          for (const window of windows) if (now >= window.end) window.used = 0
          const fits = windows.every(({ quota, used }) => used + cost <= quota)
          expect((await call({ 'x-cost': String(cost) })).status).toBe(fits ? 200 : 429)
          for (const window of fits ? windows : []) {
            if (window.used === 0) window.end = now + window.ms
            window.used += cost
          }
        }
      }),
      { numRuns: 40 },
    )
  })

  test('fault 42: of 200 at once exactly the least of the limits, with a store that answers later', async () => {
    const memory = memoryStore()
    const store: Store = {
      consume: (set, key, costs, call) => settled().then(() => memory.consume(set, key, costs, call)!),
    }
    const { call } = bench({
      store,
      limits: [{ name: 'wide', limit: 60, window: '1h' }, { name: 'tight', limit: 50, window: '1m' }],
    })
    const all = await Promise.all(Array.from({ length: 200 }, () => call()))
    expect(all.filter(({ status }) => status === 200)).toHaveLength(50)
    expect(left(all.at(-1)!)).toEqual({ tight: 0 })
  })

  test('the store is asked once, whatever the number of limits', async () => {
    const memory = memoryStore()
    const asked: [LimitSet, readonly number[]][] = []
    const store: Store = {
      consume(set, key, costs, call) {
        asked.push([set, costs])
        return memory.consume(set, key, costs, call)
      },
    }
    await bench({ store, limits: [burst, daily, { ...daily, name: 'hourly', window: '1h' }] }).call()
    expect(asked).toHaveLength(1)
    expect(asked[0]![0].limits.map(({ name, window }) => [name, window])).toEqual([
      ['burst', 1_000],
      ['daily', 86_400_000],
      ['hourly', 3_600_000],
    ])
    expect(asked[0]![1]).toEqual([1, 1, 1])
  })

  test('each may count in a way of its own', async () => {
    const { clock, statuses } = bench({
      limits: [
        { name: 'slide', limit: 10, window: '7s', algorithm: 'sliding-window' },
        { name: 'fill', limit: 2, window: '2s', algorithm: 'token-bucket' },
      ],
    })
    expect(await statuses(3)).toEqual([200, 200, 429])
    clock.advance(1_000)
    expect(await statuses(2)).toEqual([200, 429])
    clock.advance(7_000)
    expect(await statuses(3)).toEqual([200, 200, 429])
  })

  test('PITFALLS 36: mounted twice, it counts a request once', async () => {
    const wrapper = rateLimit({ key: one, limits: [burst, daily] })
    const response = await send(compose(wrapper, wrapper)(ok))
    expect(left(response)).toEqual({ burst: 1, daily: 2 })
  })
})

describe('PITFALLS 7: the RateLimit fields of several limits', () => {
  test('are one list each, in order, equal quotas kept apart', async () => {
    const { call } = bench({ limits: [{ ...burst, limit: 3 }, daily] })
    const response = await call()
    expect(listOf(response, 'ratelimit-policy')).toEqual([['burst', { q: 3, w: 1 }], ['daily', { q: 3, w: 86_400 }]])
    expect(listOf(response, 'ratelimit')).toEqual([['burst', { r: 2, t: 1 }], ['daily', { r: 2, t: 86_400 }]])
  })

  test('beside a 429 speak of the limits that were violated, and Retry-After is not before any t of them', async () => {
    const { call, clock, statuses } = bench()
    await statuses(2)
    const first = await call()
    expect(first.headers.get('retry-after')).toBe('1')
    expect(listOf(first, 'ratelimit')).toEqual([['burst', { r: 0, t: 1 }]])
    expect(listOf(first, 'ratelimit-policy')).toHaveLength(2)
    expect(await first.json()).toMatchObject({ 'violated-policies': ['burst'], 'retryAfter': 1 })
    clock.advance(1_000)
    await call()
    const second = await call()
    expect(second.headers.get('retry-after')).toBe('86399')
    expect(listOf(second, 'ratelimit')).toEqual([['daily', { r: 0, t: 86_399 }]])
    expect(await second.json()).toMatchObject({ 'violated-policies': ['daily'] })
  })

  test('of two violated limits both are named, and the later one says when to come back', async () => {
    const { call, statuses } = bench({ limits: [burst, { ...daily, limit: 2 }] })
    await statuses(2)
    const refused = await call()
    expect(await refused.json()).toMatchObject({ 'violated-policies': ['burst', 'daily'], 'retryAfter': 86_400 })
    expect(listOf(refused, 'ratelimit')).toEqual([['burst', { r: 0, t: 1 }], ['daily', { r: 0, t: 86_400 }]])
  })

  test('a violated limit may have something left: less than was asked for', async () => {
    const { call } = bench({
      limits: [{ ...burst, limit: 5 }],
      cost: (request) => Number(request.headers.get('x-cost')),
    })
    await call({ 'x-cost': '3' })
    const refused = await call({ 'x-cost': '4' })
    expect(listOf(refused, 'ratelimit')).toEqual([['burst', { r: 2, t: 1 }]])
    expect(await refused.json()).toMatchObject({ 'violated-policies': ['burst'] })
  })

  test('of old tell of the limit that is nearest its end', async () => {
    const { call } = bench({ legacyHeaders: true, limits: [{ ...burst, limit: 100 }, daily] })
    const { headers } = await call()
    expect(['limit', 'remaining', 'reset'].map((name) => headers.get(`x-ratelimit-${name}`))).toEqual([
      '3',
      '2',
      '86400',
    ])
  })

  test('t is honest: whoever waits so long gets in', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('fixed-window', 'sliding-window', 'token-bucket'),
        fc.array(fc.integer({ min: 0, max: 900 }), { maxLength: 20 }),
        async (algorithm, pauses) => {
          const { call, clock } = bench({ limits: [{ name: 'a', limit: 3, window: '2.5s', algorithm }] })
          for (const pause of pauses) {
            clock.advance(pause)
            const response = await call()
            if (response.status === 200) continue
            clock.advance(1_000 * Number(response.headers.get('retry-after')))
            expect((await call()).status).toBe(200)
          }
        },
      ),
      { numRuns: 30 },
    )
  })
})

describe('costs and units', () => {
  const sizeOf = (request: Request): number => Number(request.headers.get('x-size'))
  const bytes: LimitSpec = { name: 'bytes', limit: 1_000, window: '1m', unit: 'content-bytes', cost: sizeOf }

  test('a limit may have a cost and a unit of its own', async () => {
    const { call } = bench({ limits: [daily, bytes] })
    const response = await call({ 'x-size': '400' })
    expect(listOf(response, 'ratelimit-policy')).toEqual([
      ['daily', { q: 3, w: 86_400 }],
      ['bytes', { q: 1_000, qu: 'content-bytes', w: 60 }],
    ])
    expect(left(response)).toEqual({ daily: 2, bytes: 600 })
    const refused = await call({ 'x-size': '601' })
    expect(await refused.json()).toMatchObject({ 'violated-policies': ['bytes'] })
    expect(left(await call({ 'x-size': '600' }))).toEqual({ daily: 1, bytes: 0 })
  })

  test('a limit’s own cost may be 0: it is only looked at, and refuses nothing', async () => {
    const { call, statuses } = bench({ limits: [{ ...daily, limit: 5 }, bytes] })
    expect(left(await call({ 'x-size': '1000' }))).toEqual({ daily: 4, bytes: 0 })
    expect(await statuses(2, { 'x-size': '0' })).toEqual([200, 200])
    expect(await statuses(1, { 'x-size': '1' })).toEqual([429])
  })

  test('the cost of the whole is that of the limits which say nothing else', async () => {
    const { call } = bench({
      limits: [{ ...daily, limit: 100 }, { name: 'calls', limit: 10, window: '1m', cost: 1 }],
      cost: () => 30,
    })
    expect(left(await call())).toEqual({ daily: 70, calls: 9 })
  })

  test('cost functions see the context, once per request', async () => {
    const cost = vi.fn((_request: Request, context: Context) => Object.keys(context.attributes).length + 1)
    const { call } = bench({ limits: [{ ...burst, limit: 9 }, { ...daily, limit: 9 }], cost })
    expect(left(await call())).toEqual({ burst: 8, daily: 8 })
    expect(cost).toHaveBeenCalledTimes(1)
  })

  test('PITFALLS 4: a cost that one of the limits can never meet is refused for good, and takes nothing', async () => {
    const { call } = bench({ limits: [daily, bytes] })
    const refused = await call({ 'x-size': '1001' })
    expect(refused.status).toBe(400)
    expect(await codeOf(refused)).toBe('cost-exceeds-limit')
    expect(refused.headers.get('retry-after')).toBeNull()
    expect(left(await call({ 'x-size': '1000' }))).toEqual({ daily: 2, bytes: 0 })
  })

  test.each([-1, 1.5, Number.NaN, Infinity, 'many'])('a limit’s own cost of %s is a bug: 500', async (size) => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const { call } = bench({ limits: [{ ...bytes, cost: () => size as number }] })
    expect((await call()).status).toBe(500)
  })
})

describe('limits that are a function', () => {
  type Plan = 'free' | 'pro'
  type Customer = HasPrincipal<{ readonly id: string; readonly plan: Plan }>
  const signedIn = (id: string, plan: Plan): Wrapper<Customer> => (next) => (request, context) =>
    next(request, extend(context, { principal: { id, plan } }))

  test('of the plan: each gets its own, and no other', async () => {
    const plans: Record<Plan, readonly LimitSpec[]> = {
      free: [{ name: 'calls', limit: 1, window: '1h' }],
      pro: [{ name: 'calls', limit: 3, window: '1h' }, {
        name: 'bytes',
        limit: 9,
        window: '1h',
        unit: 'content-bytes',
      }],
    }
    const wrapper = rateLimit({
      key: ({ principal }: Customer) => principal.id,
      limits: ({ principal }: Customer) => plans[principal.plan],
    })
    const call = (id: string, plan: Plan): Promise<Response> => send(compose(signedIn(id, plan), wrapper)(ok))
    expect(listOf(await call('ada', 'free'), 'ratelimit-policy')).toEqual([['calls', { q: 1, w: 3_600 }]])
    expect((await call('ada', 'free')).status).toBe(429)
    expect(left(await call('bob', 'pro'))).toEqual({ calls: 2, bytes: 8 })
    expect((await call('bob', 'pro')).status).toBe(200)
  })

  test('may be changed while running: a quota that is raised or lowered keeps the count', async () => {
    let limits: readonly LimitSpec[] = [{ name: 'calls', limit: 3, window: '1h' }]
    const { call, statuses } = bench({ limits: () => limits })
    expect(await statuses(4)).toEqual([200, 200, 200, 429])
    limits = [{ name: 'calls', limit: 5, window: '1h' }]
    expect(await statuses(3)).toEqual([200, 200, 429])
    limits = [{ name: 'calls', limit: 2, window: '1h' }]
    const refused = await call()
    expect(refused.status).toBe(429)
    expect(listOf(refused, 'ratelimit-policy')).toEqual([['calls', { q: 2, w: 3_600 }]])
    expect(left(refused)).toEqual({ calls: 0 })
  })

  test('another window or algorithm is another count', async () => {
    let limits: readonly LimitSpec[] = [{ name: 'calls', limit: 1, window: '1h' }]
    const { statuses } = bench({ limits: () => limits })
    expect(await statuses(2)).toEqual([200, 429])
    limits = [{ name: 'calls', limit: 1, window: '2h' }]
    expect(await statuses(2)).toEqual([200, 429])
    limits = [{ name: 'calls', limit: 1, window: '2h', algorithm: 'token-bucket' }]
    expect(await statuses(2)).toEqual([200, 429])
  })

  test('a list is prepared once, a new list each time is fine, too', async () => {
    const sets = new Set<LimitSet>()
    const memory = memoryStore()
    const store: Store = {
      consume(set, key, costs, call) {
        sets.add(set)
        return memory.consume(set, key, costs, call)
      },
    }
    const list = [{ ...daily, limit: 10 }]
    await bench({ store, limits: () => list }).statuses(3)
    expect(sets.size).toBe(1)
    expect(await bench({ store, limits: () => [{ ...daily, name: 'fresh' }] }).statuses(4)).toEqual([
      200,
      200,
      200,
      429,
    ])
  })

  test.each([undefined, null, [], [{}], 'daily', [{ ...daily, limit: 0 }], [daily, daily]])(
    'that gives %j is a bug: 500, not no limit',
    async (given) => {
      vi.spyOn(console, 'error').mockImplementation(() => {})
      const { call } = bench({ limits: () => given as unknown as readonly LimitSpec[] })
      expect((await call()).status).toBe(500)
    },
  )

  test('sees the request', async () => {
    const limits = (
      _context: Context,
      request: Request,
    ): readonly LimitSpec[] => [{ name: request.method, limit: 1, window: '1h' }]
    const door = limited({ limits })
    const statusOf = async (method: string): Promise<number> => (await send(door, requestTo('/', { method }))).status
    expect([await statusOf('GET'), await statusOf('POST'), await statusOf('GET')]).toEqual([200, 200, 429])
  })
})

describe('refundWhen: what turned out well, or came to nothing, is given back', () => {
  const byPassword: Handler = (request) =>
    new Response(null, { status: request.headers.get('x-password') === 'right' ? 204 : 401 })
  const login: LimitSpec = { name: 'login', limit: 3, window: '15m' }
  const wrong = { 'x-password': 'wrong' }
  const right = { 'x-password': 'right' }

  test('counts only failed sign-ins', async () => {
    const { statuses } = bench({ limits: [login], refundWhen: ({ status }) => status !== 401 }, byPassword)
    expect(await statuses(20, right)).toEqual(Array<number>(20).fill(204))
    expect(await statuses(2, wrong)).toEqual([401, 401])
    expect(await statuses(5, right)).toEqual(Array<number>(5).fill(204))
    expect(await statuses(2, wrong)).toEqual([401, 429])
    expect(await statuses(1, right)).toEqual([429])
  })

  test('a hundred guesses at once are not all let in: what is counted is so before the handler runs', async () => {
    const { call } = bench(
      { limits: [login], refundWhen: ({ status }) => status !== 401 },
      async (request, context) => {
        await settled()
        return byPassword(request, context)
      },
    )
    const all = await Promise.all(Array.from({ length: 100 }, () => call(wrong)))
    expect(all.filter(({ status }) => status === 401)).toHaveLength(3)
  })

  test('fault 43: lets off who left', async () => {
    const { call } = bench(
      { limits: [login], refundWhen: ({ outcome }) => outcome === 'aborted' },
      () => new Response(source(1).stream),
    )
    for (let i = 0; i < 9; i++) await (await call()).body!.cancel('left')
    expect(left(await call())).toEqual({ login: 2 })
  })

  test('of several limits all get back what they took, in the background of a store that answers later', async () => {
    const memory = memoryStore()
    const corrections: (readonly number[])[] = []
    const store: Store = {
      consume: (set, key, costs, call) => Promise.resolve(memory.consume(set, key, costs, call)!),
      adjust(set, key, changes, at, call) {
        corrections.push(changes)
        return settled().then(() => memory.adjust(set, key, changes, at, call))
      },
    }
    const work: Promise<unknown>[] = []
    const door = limited({
      store,
      limits: [daily, { name: 'bytes', limit: 100, window: '1m', cost: 40 }],
      refundWhen: () => true,
    })
    const context = contextOf({ waitUntil: (one) => void work.push(one) })
    await send(door, requestTo(), context)
    expect(corrections).toEqual([[-1, -40]])
    expect(work).toHaveLength(1)
    await work[0]
    expect(left(await send(door))).toEqual({ daily: 2, bytes: 60 })
  })

  test('a refused request has nothing to get back', async () => {
    const { statuses } = bench({ limits: [login], refundWhen: ({ status }) => status === 429 })
    expect(await statuses(6)).toEqual([200, 200, 200, 429, 429, 429])
  })

  test('one that was let pass in an outage gets nothing back, either', async () => {
    const adjust = vi.fn()
    const store: Store = { consume: () => Promise.reject(new Error('down')), adjust }
    expect(await bench({ store, refundWhen: () => true }).statuses(3)).toEqual([200, 200, 200])
    expect(adjust).not.toHaveBeenCalled()
  })

  test('one that throws gives nothing back', async () => {
    const { statuses } = bench({
      limits: [login],
      refundWhen: () => {
        throw new Error('bug')
      },
    })
    expect(await statuses(4)).toEqual([200, 200, 200, 429])
  })

  test('mounted twice, it gives back once', async () => {
    const { store, adjusted } = adjusting()
    const wrapper = rateLimit({ key: one, limits: [login], store, refundWhen: () => true })
    await send(compose(wrapper, wrapper)(ok))
    expect(adjusted).toHaveBeenCalledTimes(1)
  })

  function adjusting() {
    const memory = memoryStore()
    const adjusted = vi.fn(memory.adjust.bind(memory))
    const store: Store = { consume: (set, key, costs, call) => memory.consume(set, key, costs, call), adjust: adjusted }
    return { store, adjusted }
  }
})

describe('PITFALLS 5: outages', () => {
  const down = (): Store => ({ consume: () => Promise.reject(new Error('ECONNREFUSED redis://user:hunter2@10.0.0.5')) })

  test('allow: passes, with an event, and without fields', async () => {
    const context = contextOf()
    const response = await send(limited({ store: down() }), requestTo(), context)
    expect(response.status).toBe(200)
    expectNoFields(response)
    expect(context.events).toMatchObject([{ kind: 'degraded', guard: 'rate-limit', code: 'guard-unavailable' }])
    expect(JSON.stringify(context.events)).not.toContain('hunter2')
  })

  test('refuse: a 503 with Retry-After, never a 429', async () => {
    const inner = spy()
    const response = await send(limited({ store: down(), onOutage: 'refuse' }, inner.handler))
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('1')
    expect(await codeOf(response)).toBe('guard-unavailable')
    expectNoFields(response)
    expect(inner.calls).toEqual([])
  })

  test('local(0.2): counts in this process, with a fifth of each limit, and no less than one', async () => {
    const limits: LimitSpec[] = [{ name: 'burst', limit: 10, window: '1s' }, { name: 'daily', limit: 4, window: '1d' }]
    const { call, clock } = bench({ store: down(), onOutage: local(0.2), limits: [limits[0]!] })
    const first = [await call(), await call(), await call()]
    expect(first.map(({ status }) => status)).toEqual([200, 200, 429])
    for (const response of first) expectNoFields(response)
    expect(first[2]!.headers.get('retry-after')).toBe('1')
    expect(await first[2]!.json()).toMatchObject({ 'code': 'rate-limit-exceeded', 'violated-policies': ['burst'] })
    clock.advance(1_000)
    expect((await call()).status).toBe(200)
    expect(await bench({ store: down(), onOutage: local(0.2), limits }).statuses(2)).toEqual([200, 429])
  })

  test('local: what costs more than the share is let in alone', async () => {
    const { statuses, call } = bench({
      store: down(),
      onOutage: local(0.2),
      limits: [{ name: 'tokens', limit: 100, window: '1h' }],
      cost: () => 50,
    })
    expect(await statuses(2)).toEqual([200, 429])
    expect(await (await call()).json()).toMatchObject({ 'violated-policies': ['tokens'], 'retryAfter': 3_600 })
  })

  test('local: keys count apart, and the event is there each time', async () => {
    const key = (_context: Context, request: Request): string => request.headers.get('x-key') ?? ''
    const door = limited({ key, store: down(), onOutage: local(0.2), limits: [burst] })
    const contexts = [contextOf(), contextOf(), contextOf()]
    const keys = ['a', 'b', 'a']
    const statuses = await Promise.all(
      contexts.map(async (context, i) =>
        (await send(door, requestTo('/', { headers: { 'x-key': keys[i]! } }), context)).status
      ),
    )
    expect(statuses).toEqual([200, 200, 429])
    expect(contexts.map(({ events }) => events[0]!.kind)).toEqual(['degraded', 'degraded', 'degraded'])
  })

  test.each([0, -1, 1.01, Number.NaN, '0.2', undefined])('local(%s) throws', (share) => {
    refusesToBeMade(() => local(share as number), 'local: share must be')
  })

  test('PITFALLS 5: a store that never answers: the first request waits its deadline, the next ones not at all', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { log, records } = recorder()
    const door = limited({ store: { consume: () => new Promise(() => {}) }, log, onOutage: 'refuse' })
    const first = send(door)
    await vi.advanceTimersByTimeAsync(249)
    const early = vi.fn()
    void first.then(early)
    await vi.advanceTimersByTimeAsync(0)
    expect(early).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    expect((await first).status).toBe(503)
    for (let i = 0; i < 20; i++) expect(door(requestTo(), contextOf())).toBeInstanceOf(Response)
    await vi.advanceTimersByTimeAsync(250)
    expect(records.map(({ code }) => code)).toEqual(['store-outage'])
  })

  test('PITFALLS 16: a verdict that comes after the deadline changes nothing', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const context = contextOf()
    const inner = spy()
    const store: Store = {
      consume: () =>
        new Promise((resolve) =>
          setTimeout(() => resolve({ allowed: false, at: 0, standings: [{ remaining: 0, resetIn: 9 }] }), 400)
        ),
    }
    const answer = send(limited({ store, limits: [burst] }, inner.handler), requestTo(), context)
    await vi.advanceTimersByTimeAsync(400)
    expect((await answer).status).toBe(200)
    expect(inner.calls).toHaveLength(1)
    expect(context.events).toHaveLength(1)
  })

  test('in report mode nothing is refused, and nothing told', async () => {
    const response = await send(limited({ store: down(), onOutage: 'refuse', mode: 'report' }))
    expect(response.status).toBe(200)
    const door = limited({ mode: 'report', limits: [{ ...burst, limit: 1 }, daily] })
    await send(door)
    const context = contextOf()
    expectNoFields(await send(door, requestTo(), context))
    expect(context.events).toMatchObject([{ kind: 'would-refuse', code: 'rate-limit-exceeded' }])
  })
})

describe('throws when made, and names the option', () => {
  const bad: [option: string, options: Record<string, unknown>][] = [
    ...[[], {}, 'daily', 5].map((limits): [string, Record<string, unknown>] => ['limits', { limits }]),
    ['limits[1].name', { limits: [burst, { ...daily, name: '' }] }],
    ['limits[1].name', { limits: [burst, { ...daily, name: 'a\nb' }] }],
    ['limits[0].limit', { limits: [{ ...burst, limit: 0 }] }],
    ['limits[0].limit', { limits: [{ ...burst, limit: 1.5 }] }],
    ['limits[0].limit', { limits: [{ ...burst, limit: 2 ** 32 }] }],
    ['limits[1].window', { limits: [burst, { ...daily, window: 60 }] }],
    ['limits[1].window', { limits: [burst, { ...daily, window: '0s' }] }],
    ['limits[0].algorithm', { limits: [{ ...burst, algorithm: 'leaky-bucket' }] }],
    ['limits[0].algorithm', { limits: [{ ...burst, algorithm: 'constructor' }] }],
    ['limits[0].unit', { limits: [{ ...burst, unit: 'naïve' }] }],
    ['limits[0].unit', { limits: [{ ...burst, unit: '' }] }],
    ['limits[0].limit', { limits: [{ name: 'a', limit: 2 ** 31, window: '365d', algorithm: 'token-bucket' }] }],
    ['each of limits', { limits: [burst, { ...daily, name: 'burst' }] }],
    ['cost', { limits: [{ ...burst, cost: -1 }] }],
    ['cost', { limits: [{ ...burst, cost: 0.5 }] }],
    ['cost', { limits: [{ ...burst, cost: 3 }] }],
    ['cost', { cost: 3 }],
    ['cost', { cost: 0 }],
    ['give limit or limits', { limit: 5, window: '1m' }],
    ['key', { key: 'ip' }],
    ['store', { store: {} }],
    ['store cannot adjust', { store: { consume: () => undefined }, refundWhen: () => true }],
    ['onOutage', { onOutage: 'local' }],
    ['onOutage', { onOutage: {} }],
    ['deadline', { deadline: 250 }],
    ['breaker.failures', { breaker: { failures: -1 } }],
    ['breaker.openFor', { breaker: { openFor: 'soon' } }],
  ]
  test.each(bad)('%s: %j', (option, options) => {
    const make = (): unknown =>
      rateLimit({ key: one, limits: [burst, daily], ...options } as unknown as RateLimitOptions<{}>)
    refusesToBeMade(make, `rateLimit: ${option}`)
  })

  test('limits that the store cannot serve', () => {
    const store: Store = {
      consume: () => undefined,
      check() {
        throw new TypeError('binding: limits must be one fixed window')
      },
    }
    refusesToBeMade(() => limited({ store }), 'binding: limits must be')
  })

  test('PITFALLS 18: making one asks the store nothing and sets no timer', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const consume = vi.fn()
    const limits = vi.fn(() => [daily])
    limited({ store: { consume }, limits })
    expect(consume).not.toHaveBeenCalled()
    expect(limits).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
  })
})
