import { parseList } from 'structured-headers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { compose } from '../../src/core/compose.ts'
import { type Context, ended } from '../../src/core/context.ts'
import { errors } from '../../src/core/errors.ts'
import type { Handler } from '../../src/core/handler.ts'
import { legacyEnvelope } from '../../src/core/problem.ts'
import type { LeaseStore } from '../../src/core/store.ts'
import { timeout } from '../../src/request/timeout.ts'
import { memoryLeases } from '../../src/stores/memory-leases.ts'
import { concurrency, type ConcurrencyOptions } from '../../src/traffic/concurrency.ts'
import { local } from '../../src/traffic/limiter.ts'
import { rateLimit } from '../../src/traffic/rate-limit.ts'
import { contextOf, recorder, requestTo, send, settled, source, virtualClock } from '../helpers.ts'
import { leavesStreamsAlone, refusesToBeMade, spy } from '../request/support.ts'

const unhandled = vi.fn()

beforeEach(() => {
  unhandled.mockClear()
  process.on('unhandledRejection', unhandled)
})
afterEach(async () => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  await settled()
  process.off('unhandledRejection', unhandled)
  expect(unhandled).not.toHaveBeenCalled()
})

const ok: Handler = () => Response.json('ok')
const one = (): string => 'one'
const byHeader = (_context: Context, request: Request): string | undefined => request.headers.get('x-key') ?? undefined
const quiet = { log: () => {} }

function limited(options: Partial<ConcurrencyOptions<{}>> = {}, handler: Handler = ok): Handler {
  return concurrency({ key: one, limit: 2, ...quiet, ...options })(handler)
}

/** A handler whose requests stay until they are told to go. */
function staying() {
  const waiting: (() => void)[] = []
  const handler: Handler = () => new Promise((resolve) => waiting.push(() => resolve(Response.json('ok'))))
  return { handler, leave: () => waiting.shift()!(), waiting }
}

/** A store that keeps leases in memory and answers later, and counts what it is asked. */
function remote() {
  const leases = memoryLeases()
  const calls: string[] = []
  const ways = {
    lease: (answer: () => unknown): unknown => settled().then(answer),
    release: (answer: () => unknown): unknown => settled().then(answer),
  }
  const store: LeaseStore = {
    lease(set, member, ttl, most, call) {
      calls.push('lease')
      return ways.lease(() => leases.lease(set, member, ttl, most, call)) as ReturnType<LeaseStore['lease']>
    },
    release(set, member, call) {
      calls.push('release')
      return ways.release(() => leases.release(set, member, call)) as ReturnType<LeaseStore['release']>
    },
    held: leases.held,
    members: leases.members,
  }
  const held = (key = 'one', clock = virtualClock()): number =>
    leases.members(`concurrency:10:concurrent:${key}`, contextOf({ clock })).length
  return { store, calls, ways, held }
}

/** A field as a structured-field list: name and parameters of each member. */
function listOf(response: Response, field: string): [name: unknown, parameters: Record<string, unknown>][] {
  const value = response.headers.get(field)
  if (value === null) throw new Error(`there is no ${field}`)
  return parseList(value).map((member) => [member[0], Object.fromEntries(member[1] as Map<string, unknown>)])
}

function expectNoFields(response: Response): void {
  expect([...response.headers.keys()].filter((name) => name.includes('ratelimit'))).toEqual([])
}

async function statusOf(handler: Handler, context: Context = contextOf()): Promise<number> {
  return (await send(handler, requestTo(), context)).status
}

describe('lets the good through', () => {
  test('as many at once as the limit says, and the next one when one is over', async () => {
    const { handler, leave } = staying()
    const door = limited({}, handler)
    const first = send(door)
    const second = send(door)
    expect(await statusOf(door)).toBe(429)
    expect(await statusOf(door)).toBe(429)
    leave()
    expect((await first).status).toBe(200)
    const third = send(door)
    expect(await statusOf(door)).toBe(429)
    leave()
    leave()
    expect((await Promise.all([second, third])).map(({ status }) => status)).toEqual([200, 200])
  })

  test('one after another, any number', async () => {
    const door = limited({ limit: 1 })
    for (let i = 0; i < 100; i++) expect(await statusOf(door)).toBe(200)
  })

  test('each key counts for itself, a key of undefined not at all', async () => {
    const { handler } = staying()
    const door = limited({ key: byHeader, limit: 1 }, handler)
    const from = (key: string): Promise<Response> => send(door, requestTo('/', { headers: { 'x-key': key } }))
    void from('a')
    void from('b')
    expect((await from('a')).status).toBe(429)
    expect((await from('b')).status).toBe(429)
    void send(door)
    const second = spy()
    const uncounted = await send(limited({ key: () => undefined, limit: 1 }, second.handler))
    expect(uncounted.status).toBe(200)
    expectNoFields(uncounted)
  })

  test('name and key cannot be mistaken for each other', async () => {
    const store = memoryLeases()
    const { handler } = staying()
    void send(limited({ store, limit: 1, name: 'a:b', key: () => 'c' }, handler))
    expect(await statusOf(limited({ store, limit: 1, name: 'a', key: () => 'b:c' }))).toBe(200)
    expect(await statusOf(limited({ store, limit: 1, name: 'a:b', key: () => 'c' }))).toBe(429)
  })

  test('is not async: a synchronous handler stays one, and is over at once', () => {
    const door = limited({ limit: 1 })
    for (let i = 0; i < 3; i++) {
      const context = contextOf()
      expect(door(requestTo(), context)).toBeInstanceOf(Response)
      ended(context, { status: 200, bytes: 2, outcome: 'complete' })
    }
  })

  test('PITFALLS 36: mounted twice around one handler, it counts and announces a request once', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const wrapper = concurrency({ key: one, limit: 1 })
    const door = compose(wrapper, wrapper)(ok)
    for (let i = 0; i < 3; i++) expect(await statusOf(door)).toBe(200)
    expect(listOf(await send(door), 'ratelimit')).toHaveLength(1)
    expect(warn).not.toHaveBeenCalled()
  })

  test('two of one name around one handler both count, and the operator is told', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const { handler } = staying()
    const door = compose(concurrency({ key: one, limit: 3 }), concurrency({ key: one, limit: 1 }))(handler)
    void send(door)
    expect(await statusOf(door)).toBe(429)
    expect(warn).toHaveBeenCalled()
  })

  test('around several handlers it counts all of them together', async () => {
    const wrapper = concurrency({ key: one, limit: 1 })
    const { handler, leave } = staying()
    const first = send(wrapper(handler))
    expect(await statusOf(wrapper(ok))).toBe(429)
    leave()
    await first
    expect(await statusOf(wrapper(ok))).toBe(200)
  })

  test('fault 42: of many at once exactly the limit, with a store that answers later', async () => {
    const { store, held } = remote()
    const { handler, leave, waiting } = staying()
    const door = limited({ store, limit: 10 }, handler)
    const all = Array.from({ length: 50 }, () => send(door))
    await settled()
    await settled()
    expect(waiting).toHaveLength(10)
    expect(held()).toBe(10)
    for (let i = 0; i < 10; i++) leave()
    const statuses = (await Promise.all(all)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(10)
    expect(statuses.filter((status) => status === 429)).toHaveLength(40)
    await settled()
    await settled()
    expect(held()).toBe(0)
  })
})

describe('a request counts until nothing of it is left', () => {
  test.each<[string, Handler]>([
    ['answers', ok],
    ['answers later', () => Promise.resolve(Response.json('ok'))],
    ['answers without a body', () => new Response(null, { status: 204 })],
    ['redirects', () => Response.redirect('http://service.test/there')],
    ['throws', () => {
      throw new Error('bug')
    }],
    ['rejects', () => Promise.reject(new Error('bug'))],
    ['answers with nothing', () => undefined as never],
    ['answers with a broken stream', () => new Response(source(1, 1, 'error').stream)],
  ])('a handler that %s gives its place back', async (_what, handler) => {
    const { log } = recorder()
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const store = memoryLeases()
    const door = compose(errors({ log }), concurrency({ key: one, limit: 1, store }))(handler)
    for (let i = 0; i < 3; i++) {
      const response = await send(door)
      expect(response.status).not.toBe(429)
      await response.text().catch(() => {})
    }
    expect(store.members('concurrency:10:concurrent:one', contextOf())).toEqual([])
  })

  test('PITFALLS 10: a stream counts to its last byte', async () => {
    const door = limited({ limit: 1 }, () => new Response(source(3, 2).stream))
    const reader = (await send(door)).body!.getReader()
    await reader.read()
    await reader.read()
    expect(await statusOf(door)).toBe(429)
    expect((await reader.read()).done).toBe(true)
    expect(await statusOf(door)).toBe(200)
  })

  test('fault 43: a client that leaves in the middle of a stream gives its place back', async () => {
    const door = limited({ limit: 1 }, () => new Response(source(3).stream))
    const response = await send(door)
    expect(await statusOf(door)).toBe(429)
    await response.body!.cancel('left')
    expect(await statusOf(door)).toBe(200)
  })

  test('fault 43: a client that leaves before there is an answer makes no room while its work goes on', async () => {
    const { handler, leave } = staying()
    const door = limited({ limit: 1 }, handler)
    const context = contextOf()
    const first = door(requestTo(), context)
    ended(context, { status: 499, bytes: 0, outcome: 'aborted' })
    expect(await statusOf(door)).toBe(429)
    leave()
    await first
    const second = send(door)
    leave()
    expect((await second).status).toBe(200)
  })

  test('nor does one that got its 504', async () => {
    const { handler, leave } = staying()
    const door = compose(timeout({ after: '5ms' }), concurrency({ key: one, limit: 1 }))(handler)
    expect(await statusOf(door)).toBe(504)
    expect(await statusOf(door)).toBe(429)
    leave()
    await settled()
    const again = send(door)
    leave()
    expect((await again).status).toBe(200)
  })

  test('a deadline that had passed before the lease was asked for is no leak', async () => {
    const store = memoryLeases()
    const late: Handler = concurrency({ key: one, limit: 1, store })(ok)
    const door = timeout({ after: '1ms' })((request, context) =>
      new Promise<void>((resolve) => setTimeout(resolve, 10)).then(() => late(request, context))
    )
    expect(await statusOf(door)).toBe(504)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(store.members('concurrency:10:concurrent:one', contextOf())).toEqual([])
  })

  test('an exchange that is over before the lease is granted is no leak', async () => {
    const { store, held } = remote()
    const door = limited({ store })
    const context = contextOf()
    const answer = door(requestTo(), context)
    ended(context, { status: 499, bytes: 0, outcome: 'aborted' })
    await answer
    await settled()
    expect(held()).toBe(0)
  })

  test('gives a lease back exactly once, in the background', async () => {
    const { store, calls, held } = remote()
    const work: Promise<unknown>[] = []
    const context = contextOf({ waitUntil: (one) => void work.push(one) })
    const response = await send(limited({ store }, () => new Response(source(3, 1).stream)), requestTo(), context)
    expect(calls).toEqual(['lease'])
    await response.text()
    ended(context, { status: 200, bytes: 3, outcome: 'complete' })
    expect(calls).toEqual(['lease', 'release'])
    expect(held()).toBe(1)
    expect(work).toHaveLength(1)
    await work[0]
    expect(held()).toBe(0)
    expect(calls).toEqual(['lease', 'release'])
  })

  test.each([[undefined, 300_000], ['2s', 2_000]] as const)(
    'with lease %s one whose process died counts for %i ms',
    async (lease, ms) => {
      const clock = virtualClock()
      const { handler } = staying()
      const door = limited({ limit: 1, lease }, handler)
      void door(requestTo(), contextOf({ clock }))
      clock.advance(ms - 1)
      expect(await statusOf(door, contextOf({ clock }))).toBe(429)
      clock.advance(1)
      const after = Promise.race([statusOf(door, contextOf({ clock })), settled().then(() => 'runs')])
      expect(await after).toBe('runs')
    },
  )
})

describe('PITFALLS 7: the RateLimit fields', () => {
  test('say the policy, in its unit and without a window, and how many more may come', async () => {
    const { handler } = staying()
    const door = limited({ limit: 3, name: 'at "once"' }, handler)
    void send(door)
    void send(door)
    const response = await send(concurrency({ key: one, limit: 3 })(ok))
    expect(response.headers.get('ratelimit-policy')).toBe('"concurrent";q=3;qu="concurrent-requests"')
    expect(response.headers.get('ratelimit')).toBe('"concurrent";r=2')
    void send(door)
    const refused = await send(door)
    expect(listOf(refused, 'ratelimit-policy')).toEqual([['at "once"', { q: 3, qu: 'concurrent-requests' }]])
    expect(listOf(refused, 'ratelimit')).toEqual([['at "once"', { r: 0 }]])
  })

  test('are one list with those of rateLimit', async () => {
    const response = await send(
      compose(rateLimit({ key: one, limit: 5, window: '60s' }), concurrency({ key: one, limit: 3 }))(ok),
    )
    expect(listOf(response, 'ratelimit')).toEqual([['default', { r: 4, t: 60 }], ['concurrent', { r: 2 }]])
    expect(listOf(response, 'ratelimit-policy')).toEqual([
      ['default', { q: 5, w: 60 }],
      ['concurrent', { q: 3, qu: 'concurrent-requests' }],
    ])
  })

  test.each([301, 302, 307, 308, 304])('are not on a %i, which caches keep', async (status) => {
    const headers = status === 304 ? {} : { location: '/there' }
    expectNoFields(await send(limited({}, () => new Response(null, { status, headers }))))
  })

  test('never fall below 0 where another process has a higher limit', async () => {
    const store = memoryLeases()
    const { handler } = staying()
    for (let i = 0; i < 5; i++) void send(limited({ store, limit: 5 }, handler))
    expect(listOf(await send(limited({ store, limit: 2 })), 'ratelimit')).toEqual([['concurrent', { r: 0 }]])
  })

  test('never give away the key', async () => {
    const response = await send(limited({ key: () => 'ada@example.com' }))
    expect(JSON.stringify([...response.headers])).not.toContain('ada')
  })
})

describe('refuses the bad', () => {
  test('a 429 is a problem of the registered type, with Retry-After', async () => {
    const { handler } = staying()
    const door = limited({ limit: 1, name: 'downloads', detail: 'One at a time.' }, handler)
    void send(door)
    const context = contextOf()
    const refused = await send(door, requestTo(), context)
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
    expect(refused.headers.get('cache-control')).toBe('no-store')
    expect(await refused.json()).toEqual({
      'type': 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      'title': 'Too Many Requests',
      'status': 429,
      'detail': 'One at a time.',
      'code': 'concurrency-exceeded',
      'violated-policies': ['downloads'],
      'retryAfter': 1,
    })
    expect(context.events).toEqual([
      { kind: 'refused', guard: 'concurrency', code: 'concurrency-exceeded', status: 429 },
    ])
  })

  test('in the legacy envelope, too', async () => {
    const { handler } = staying()
    const door = limited({ limit: 1 }, handler)
    void send(door)
    const context = contextOf()
    context.format = legacyEnvelope
    expect(await (await send(door, requestTo(), context)).json()).toMatchObject({
      success: false,
      error: 'TooManyRequests',
      message: 'Too many requests at the same time. Please try again later.',
      retryAfter: 1,
    })
  })

  test('PITFALLS 4: a refused request takes no place, and gives none back', async () => {
    const { store, calls, held } = remote()
    const { handler, leave } = staying()
    const door = limited({ store, limit: 1 }, handler)
    const first = send(door)
    await settled()
    for (let i = 0; i < 5; i++) expect(await statusOf(door)).toBe(429)
    expect(held()).toBe(1)
    leave()
    await first
    await settled()
    expect(calls.filter((call) => call === 'release')).toHaveLength(1)
    expect(held()).toBe(0)
  })

  test.each([null, 5, {}, ['a']])('a key of %j is a bug: 500, not one count for all nor none', async (key) => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    expect(await statusOf(limited({ key: () => key as unknown as string }))).toBe(500)
  })

  test.each(['\r\nset-cookie: x=1', '\0', 'ключ', 'a'.repeat(1_000_000), '', '__proto__', '*'])(
    'PITFALLS 6: a hostile key is only a key: %#',
    async (key) => {
      const { handler } = staying()
      const door = limited({ key: () => key, limit: 1 }, handler)
      void send(door)
      expect(await statusOf(door)).toBe(429)
    },
  )

  test.each<[string, Record<string, unknown>]>([
    ...[undefined, null, 'ip', {}].map((key): [string, Record<string, unknown>] => ['key', { key }]),
    ...[undefined, null, 0, -1, 1.5, Number.NaN, Infinity, '5']
      .map((limit): [string, Record<string, unknown>] => ['limit', { limit }]),
    ...['', 'naïve', 'a\r\nb', 5, null].map((name): [string, Record<string, unknown>] => ['name', { name }]),
    ...[60, '60', '0s', '-1s', ''].map((lease): [string, Record<string, unknown>] => ['lease', { lease }]),
    ...[null, {}, 'memory', { lease: 1 }, { lease: () => {} }]
      .map((store): [string, Record<string, unknown>] => ['store', { store }]),
    ...['open', true, null, {}].map((onOutage): [string, Record<string, unknown>] => ['onOutage', { onOutage }]),
    ...['dry-run', null].map((mode): [string, Record<string, unknown>] => ['mode', { mode }]),
    ...[-0.1, 1.1, 'half'].map((share): [string, Record<string, unknown>] => ['share', { share }]),
    ['deadline', { deadline: 250 }],
    ['breaker.failures', { breaker: { failures: 0 } }],
  ])('throws when made for a bad %s: %j', (option, options) => {
    const make = (): unknown => concurrency({ key: one, limit: 2, ...options } as unknown as ConcurrencyOptions<{}>)
    refusesToBeMade(make, 'concurrency: ', `${option} must be`)
  })

  test('PITFALLS 18: making one asks the store nothing and draws no randomness', () => {
    const random = vi.spyOn(crypto, 'randomUUID')
    const { store, calls } = remote()
    limited({ store })
    expect(calls).toEqual([])
    expect(random).not.toHaveBeenCalled()
  })
})

describe('rolls out gently', () => {
  test('report mode lets pass what it would refuse, records it, and tells the client nothing', async () => {
    const { handler } = staying()
    const wrapper = concurrency({ key: one, limit: 1, mode: 'report' })
    void send(wrapper(handler))
    const context = contextOf()
    const response = await send(wrapper(ok), requestTo(), context)
    expect(response.status).toBe(200)
    expectNoFields(response)
    expect(context.events).toEqual([
      { kind: 'would-refuse', guard: 'concurrency', code: 'concurrency-exceeded', status: 429 },
    ])
  })

  test('a share of 0 enforces nothing', async () => {
    const { handler } = staying()
    const wrapper = concurrency({ key: one, limit: 1, share: 0 })
    void send(wrapper(handler))
    expect(await statusOf(wrapper(ok))).toBe(200)
  })
})

describe('PITFALLS 5: survives the broken', () => {
  const down: [what: string, lease: () => unknown][] = [
    ['throws', () => {
      throw new Error('ECONNREFUSED redis://user:hunter2@10.0.0.5')
    }],
    ['rejects', () => Promise.reject(new Error('ECONNREFUSED redis://user:hunter2@10.0.0.5'))],
    ['rejects with nothing', () => Promise.reject(undefined)],
    ['answers undefined', () => undefined],
    ['answers null later', () => Promise.resolve(null)],
    ['answers an error text', () => 'MOVED 3999 10.0.0.6:6381'],
    ['answers NaN', () => ({ granted: true, held: Number.NaN, freeIn: 0 })],
    ['answers without a count', () => Promise.resolve({ granted: false })],
  ]
  const storeOf = (lease: () => unknown): LeaseStore => ({ ...memoryLeases(), lease } as unknown as LeaseStore)

  test.each(down)('a store that %s is an outage: passes, is seen, and tells no numbers', async (_what, lease) => {
    const context = contextOf()
    const response = await send(limited({ store: storeOf(lease) }), requestTo(), context)
    expect(response.status).toBe(200)
    expectNoFields(response)
    expect(context.events).toMatchObject([{ kind: 'degraded', guard: 'concurrency', code: 'guard-unavailable' }])
    expect(JSON.stringify(context.events)).not.toMatch(/hunter2|redis|10\.0/)
  })

  test.each(down)('closed, a store that %s is a 503 with Retry-After, never a 429', async (_what, lease) => {
    const inner = spy()
    const context = contextOf()
    const response = await send(
      limited({ store: storeOf(lease), onOutage: 'refuse' }, inner.handler),
      requestTo(),
      context,
    )
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('1')
    expectNoFields(response)
    expect(await response.json()).toMatchObject({ code: 'guard-unavailable' })
    expect(inner.calls).toEqual([])
    expect(context.events).toHaveLength(1)
  })

  test('in report mode an outage passes even where it would be refused', async () => {
    const store = storeOf(() => Promise.reject(new Error('down')))
    expect(await statusOf(limited({ store, onOutage: 'refuse', mode: 'report' }))).toBe(200)
  })

  test('local counts in this process, with a share of the limit, and gives back, too', async () => {
    const { handler, leave } = staying()
    const store = storeOf(() => Promise.reject(new Error('down')))
    const door = limited({ store, limit: 10, onOutage: local(0.2) }, handler)
    const contexts = [contextOf(), contextOf(), contextOf()]
    const first = send(door, requestTo(), contexts[0])
    const second = send(door, requestTo(), contexts[1])
    await settled()
    const refused = await send(door, requestTo(), contexts[2])
    expect(refused.status).toBe(429)
    expectNoFields(refused)
    expect(contexts.map(({ events }) => events[0]!.kind)).toEqual(['degraded', 'degraded', 'degraded'])
    leave()
    await first
    const third = send(door)
    await settled()
    leave()
    leave()
    expect((await Promise.all([second, third])).map(({ status }) => status)).toEqual([200, 200])
  })

  test('local never counts to less than one', async () => {
    const store = storeOf(() => Promise.reject(new Error('down')))
    expect(await statusOf(limited({ store, limit: 1, onOutage: local(0.01) }))).toBe(200)
  })

  test('a lease that comes after the deadline is given back at once: none is left', async () => {
    const { store, ways, calls, held } = remote()
    const answers: (() => void)[] = []
    ways.lease = (answer) => new Promise((resolve) => answers.push(() => resolve(answer())))
    const work: Promise<unknown>[] = []
    const context = contextOf({ waitUntil: (one) => void work.push(one) })
    const response = await send(limited({ store, deadline: '5ms', breaker: { failures: 9 } }), requestTo(), context)
    expect(response.status).toBe(200)
    expect(calls).toEqual(['lease'])
    answers[0]!()
    await settled()
    await settled()
    await settled()
    expect(held()).toBe(0)
    expect(work.length).toBeGreaterThan(0)
  })

  test('a late lease that was not granted is not given back', async () => {
    const { store, ways, calls } = remote()
    const answers: (() => void)[] = []
    ways.lease = (_answer) =>
      new Promise((resolve) => answers.push(() => resolve({ granted: false, held: 2, freeIn: 1 })))
    expect(await statusOf(limited({ store, deadline: '5ms' }))).toBe(200)
    answers[0]!()
    await settled()
    await settled()
    expect(calls).toEqual(['lease'])
  })

  test('fault 35: what could not be given back during an outage is, once the store answers again', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const clock = virtualClock()
    const { store, ways, held } = remote()
    ways.lease = (answer) => Promise.resolve().then(answer)
    ways.release = ways.lease
    const { handler, leave } = staying()
    const door = limited({ store, limit: 3 }, handler)
    const call = (): Promise<Response> => send(door, requestTo(), contextOf({ clock }))
    const first = [call(), call(), call()]
    await vi.advanceTimersByTimeAsync(0)
    expect(held()).toBe(3)

    ways.lease = ways.release = () => Promise.reject(new Error('ECONNREFUSED'))
    for (let i = 0; i < 3; i++) leave()
    await Promise.all(first)
    await vi.advanceTimersByTimeAsync(0)
    expect(held()).toBe(3)
    for (let i = 0; i < 5; i++) {
      const passed = call() // passes as the outage policy says
      await vi.advanceTimersByTimeAsync(0)
      leave()
      expect((await passed).status).toBe(200)
    }

    ways.lease = ways.release = (answer) => Promise.resolve().then(answer)
    clock.advance(1_000)
    const probing = call()
    await vi.advanceTimersByTimeAsync(0)
    leave()
    expect((await probing).status).toBe(200) // still as the outage policy says; its probe finds the store
    await vi.advanceTimersByTimeAsync(0)
    const full = [call(), call(), call()]
    await vi.advanceTimersByTimeAsync(0)
    expect(held()).toBe(3)
    expect((await call()).status).toBe(429)
    for (let i = 0; i < 3; i++) leave()
    expect((await Promise.all(full)).map(({ status }) => status)).toEqual([200, 200, 200])
    await vi.advanceTimersByTimeAsync(0)
    expect(held()).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('a connection that breaks while a lease is granted leaves none behind', async () => {
    const { store, ways, held } = remote()
    ways.lease = (answer) => Promise.resolve().then(answer).then(() => Promise.reject(new Error('ECONNRESET')))
    const door = limited({ store })
    expect(await statusOf(door)).toBe(200)
    expect(held()).toBe(1)
    ways.lease = (answer) => Promise.resolve().then(answer)
    expect(await statusOf(door)).toBe(200)
    await settled()
    await settled()
    expect(held()).toBe(0)
  })

  test('PITFALLS 5: a store that never answers costs the first request its deadline and the next ones nothing', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { store, ways } = remote()
    ways.lease = () => new Promise(() => {})
    const { log, records } = recorder()
    const door = limited({ store, log })
    const first = statusOf(door)
    await vi.advanceTimersByTimeAsync(250)
    expect(await first).toBe(200)
    const { waitUntil: _waitUntil, ...context } = contextOf()
    expect(door(requestTo(), { ...context, waitUntil: () => {} } as Context)).toBeInstanceOf(Response)
    await vi.advanceTimersByTimeAsync(250)
    expect(records.map(({ code }) => code)).toEqual(['store-outage'])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('PITFALLS 19: a wall clock that jumps frees nobody and holds nobody', async () => {
    const clock = virtualClock()
    const { handler, leave } = staying()
    const door = limited({ limit: 1 }, handler)
    const first = send(door, requestTo(), contextOf({ clock }))
    for (const jump of [-3_600_000, 7_200_000]) {
      clock.jump(jump)
      expect(await statusOf(door, contextOf({ clock }))).toBe(429)
    }
    leave()
    await first
    const next = send(door, requestTo(), contextOf({ clock }))
    leave()
    expect((await next).status).toBe(200)
  })
})

describe('leaves streams alone', () => {
  test('passes request and response on, chunk by chunk', () => leavesStreamsAlone(concurrency({ key: one, limit: 2 })))

  test('passes the very same request and response', async () => {
    const response = Response.json('ok')
    const request = requestTo()
    const inner = spy(() => response)
    const context = contextOf()
    expect(await limited({}, inner.handler)(request, context)).toBe(response)
    expect(inner.calls[0]!.request).toBe(request)
    expect(inner.calls[0]!.context).toBe(context)
  })

  test('an upload that is refused is not read', async () => {
    const { handler } = staying()
    const door = limited({ limit: 1 }, handler)
    void send(door)
    const body = source(1_024)
    const init = { method: 'POST', body: body.stream, duplex: 'half' } as RequestInit
    expect((await send(door, new Request('http://service.test/', init))).status).toBe(429)
    expect(body.pulled).toBe(0)
  })

  test('adds nothing that a handler sees', async () => {
    const before = Object.keys(contextOf())
    const context = contextOf()
    await send(limited(), requestTo(), context)
    expect(Object.keys(context)).toEqual(before)
  })
})
