import { afterEach, describe, expect, test, vi } from 'vitest'
import { compose } from '../../src/core/compose.ts'
import { type Context, ended, extend } from '../../src/core/context.ts'
import { record, type SecurityEvent } from '../../src/core/event.ts'
import type { HasClientIp } from '../../src/core/facts.ts'
import { ALLOW, guard, refusal } from '../../src/core/guard.ts'
import type { Handler, Wrapper } from '../../src/core/handler.ts'
import { legacyEnvelope, Problem, problem } from '../../src/core/problem.ts'
import type { LeaseStore, Store, StoreCall } from '../../src/core/store.ts'
import { clientIp } from '../../src/request/client-ip.ts'
import { hosts } from '../../src/request/hosts.ts'
import { memoryLeases } from '../../src/stores/memory-leases.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { type BanList, banList, type BanListOptions, bans, type BansOptions } from '../../src/traffic/bans.ts'
import { byClientIp, byPrincipalOrClientIp } from '../../src/traffic/keys.ts'
import { rateLimit } from '../../src/traffic/rate-limit.ts'
import { contextOf, recorder, requestTo, send, settled, source, type VirtualClock, virtualClock } from '../helpers.ts'

const MINUTE = 60_000
const ok: Handler = () => new Response('ok')
const byHeader = (_context: Context, request: Request): string | undefined => request.headers.get('x-key') ?? undefined
/** A busy machine is no outage. */
const silent: Partial<BansOptions<{}>> = { log: () => {}, deadline: '30s' }

/** Refuses where the request says so: `x-refuse: 403 forbidden`. */
const moody = guard({
  name: 'moody',
  decide(request) {
    const [status, code = ''] = request.headers.get('x-refuse')?.split(' ') ?? []
    return status === undefined ? ALLOW : refusal({ status: Number(status), code })
  },
})

function guarded(options: Partial<BansOptions<{}>> = {}, inner: Wrapper = moody, handler: Handler = ok): Handler {
  return bans({ key: byHeader, after: 3, within: '10m', for: '15m', ...silent, ...options })(inner(handler))
}

interface Call {
  readonly key?: string
  readonly refuse?: string
  readonly context?: Context
}

function call(handler: Handler, clock: VirtualClock, { key = 'a', refuse, context }: Call = {}): Promise<Response> {
  const headers = { 'x-key': key, ...(refuse === undefined ? {} : { 'x-refuse': refuse }) }
  return send(handler, requestTo('/', { headers }), context ?? contextOf({ clock }))
}

async function offend(handler: Handler, clock: VirtualClock, times: number, one: Call = {}): Promise<number[]> {
  const statuses: number[] = []
  for (let i = 0; i < times; i++) {
    statuses.push((await call(handler, clock, { refuse: '403 forbidden', ...one })).status)
  }
  return statuses
}

const eventsOf = async (handler: Handler, one: Call = {}): Promise<SecurityEvent[]> => {
  const context = one.context ?? contextOf()
  await call(handler, virtualClock(), { ...one, context })
  return context.events
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('lets the good through', () => {
  test('S2: a client that is refused again and again is banned for a while, and then free', async () => {
    const clock = virtualClock()
    const handler = compose(
      clientIp(),
      bans({ key: byClientIp, after: 5, within: '10m', for: '15m', ...silent }),
      rateLimit({ key: byClientIp, limit: 2, window: '1h' }),
    )(ok)
    const from = (address: string): Promise<Response> => send(handler, requestTo(), contextOf({ clock, address }))
    const all: [number, string | undefined][] = []
    for (let i = 0; i < 9; i++) {
      const response = await from('203.0.113.9')
      const text = await response.text()
      all.push([response.status, text === 'ok' ? undefined : (JSON.parse(text) as { code: string }).code])
    }
    expect(all).toEqual([
      ...Array<unknown>(2).fill([200, undefined]),
      ...Array<unknown>(5).fill([429, 'rate-limit-exceeded']),
      ...Array<unknown>(2).fill([429, 'banned']),
    ])
    expect((await from('203.0.113.10')).status).toBe(200)
    clock.advance(15 * MINUTE - 1)
    expect(await (await from('203.0.113.9')).json()).toMatchObject({ code: 'banned', retryAfter: 1 })
    clock.advance(1)
    expect(await (await from('203.0.113.9')).json()).toMatchObject({ code: 'rate-limit-exceeded' })
  })

  test('by default ten within ten minutes are fifteen minutes', async () => {
    const clock = virtualClock()
    const handler = bans({ key: byHeader, ...silent })(moody(ok))
    expect(await offend(handler, clock, 9)).toEqual(Array(9).fill(403))
    expect((await call(handler, clock)).status).toBe(200)
    clock.advance(10 * MINUTE - 1)
    expect(await offend(handler, clock, 1)).toEqual([403])
    const refused = await call(handler, clock)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '900'])
  })

  test('fewer violations than that, or slower, are no ban', async () => {
    const clock = virtualClock()
    const handler = guarded()
    for (let i = 0; i < 5; i++) {
      expect(await offend(handler, clock, 2)).toEqual([403, 403])
      expect((await call(handler, clock)).status).toBe(200)
      clock.advance(10 * MINUTE)
    }
  })

  test('what is well is not counted, nor what a handler answers by itself', async () => {
    const clock = virtualClock()
    const handler = guarded({ after: 1 }, moody, () => new Response('no', { status: 403 }))
    for (let i = 0; i < 20; i++) expect((await call(handler, clock)).status).toBe(403)
  })

  const innocent: [what: string, event: SecurityEvent][] = [
    ['a refusal that is the fault of the service', {
      kind: 'refused',
      guard: 'shed',
      code: 'overloaded',
      status: 503,
    }],
    ['a deadline that the handler missed', {
      kind: 'refused',
      guard: 'timeout',
      code: 'deadline-exceeded',
      status: 504,
    }],
    ['one told to come again', {
      kind: 'refused',
      guard: 'idempotency',
      code: 'idempotency-key-in-use',
      status: 409,
    }],
    ['a refusal in report mode', { kind: 'would-refuse', guard: 'csrf', code: 'origin-not-allowed', status: 403 }],
    ['an outage', { kind: 'degraded', guard: 'rate-limit', code: 'guard-unavailable' }],
    ['a bug', { kind: 'error', guard: 'errors', code: 'internal-error', status: 500 }],
    ['a suspicion', { kind: 'suspicious', guard: 'client-ip', code: 'forwarding-forged' }],
    ['a ban', { kind: 'refused', guard: 'bans', code: 'banned', status: 429 }],
  ]
  test.each(innocent)('%s is no violation', async (_what, event) => {
    const clock = virtualClock()
    const handler = guarded({ after: 1 }, moody, (_request, context) => {
      record(context, event)
      return new Response('ok')
    })
    for (let i = 0; i < 3; i++) expect((await call(handler, clock)).status).toBe(200)
  })

  test('counts is yours: here what smells, and only that', async () => {
    const clock = virtualClock()
    const handler = guarded({ after: 1, counts: ({ kind }) => kind === 'suspicious' }, moody, (request, context) => {
      if (request.headers.has('x-smell')) record(context, { kind: 'suspicious', guard: 'own', code: 'smells' })
      return new Response('ok')
    })
    expect(await offend(handler, clock, 3)).toEqual([403, 403, 403])
    await send(handler, requestTo('/', { headers: { 'x-key': 'a', 'x-smell': '1' } }), contextOf({ clock }))
    expect((await call(handler, clock)).status).toBe(429)
  })

  test.each([
    ['answers', (): Response => new Response('no', { status: 401 })],
    ['throws', (): Response => {
      throw new Problem(401, 'unauthenticated')
    }],
    ['rejects', (): Promise<Response> => Promise.reject(new Problem(401, 'unauthenticated'))],
  ])('a handler that records its own refusal and %s bans, too', async (_how, answer) => {
    const clock = virtualClock()
    const handler = guarded({}, moody, (_request, context) => {
      record(context, { kind: 'refused', guard: 'login', code: 'password-wrong', status: 401 })
      return answer()
    })
    const statuses: number[] = []
    for (let i = 0; i < 4; i++) statuses.push((await call(handler, clock)).status)
    expect(statuses).toEqual([401, 401, 401, 429])
  })

  test('a request without a key is neither looked up nor counted', async () => {
    const clock = virtualClock()
    const list = banList()
    const until = vi.spyOn(list, 'until')
    const handler = guarded({ after: 1, list })
    const bare = (): Promise<Response> =>
      send(handler, requestTo('/', { headers: { 'x-refuse': '403 forbidden' } }), contextOf({ clock }))
    for (let i = 0; i < 5; i++) expect((await bare()).status).toBe(403)
    expect(until).not.toHaveBeenCalled()
    expect(await list.entries(contextOf({ clock }))).toEqual([])
  })

  test('clients without an address are not banned together, and their operator is told once', async () => {
    const clock = virtualClock()
    const { log, records } = recorder()
    vi.spyOn(console, 'warn').mockImplementation(() => {}) // clientIp says so, too
    const { platform } = contextOf()
    const handler = compose(clientIp(), bans({ key: byClientIp, after: 1, log }), moody)(ok)
    for (let i = 0; i < 5; i++) {
      const context = Object.assign(contextOf({ clock }), { platform })
      const request = requestTo('/', { headers: { 'x-refuse': '403 forbidden' } })
      expect((await send(handler, request, context)).status).toBe(403)
    }
    expect(records.map(({ code }) => code)).toEqual(['ban-unidentified'])
  })

  test('what the context learns later changes nothing: who was looked up is who is banned', async () => {
    const clock = virtualClock()
    const list = banList()
    const signIn: Wrapper = (next) => (request, context) => next(request, extend(context, { principal: { id: 'ada' } }))
    const handler = compose(
      clientIp(),
      bans({ key: byPrincipalOrClientIp, after: 1, list, ...silent }),
      signIn,
      moody,
    )(ok)
    const request = requestTo('/', { headers: { 'x-refuse': '403 forbidden' } })
    await send(handler, request, contextOf({ clock, address: '203.0.113.9' }))
    expect(await list.entries(contextOf({ clock }))).toMatchObject([{ key: 'ip:203.0.113.9' }])
  })

  test('stays synchronous where the store is', () => {
    const response = guarded()(requestTo('/', { headers: { 'x-key': 'a' } }), contextOf())
    expect(response).toBeInstanceOf(Response)
  })

  test('adds nothing that a handler sees', async () => {
    const before = Object.keys(contextOf())
    const context = contextOf()
    await call(guarded(), virtualClock(), { context })
    expect(Object.keys(context)).toEqual(before)
  })
})

describe('a list', () => {
  const clock = virtualClock()
  const at = contextOf({ clock })
  const admin = (list: BanList): Handler => async (request, context) => {
    const key = new URL(request.url).searchParams.get('key')
    if (request.method === 'DELETE') return Response.json({ lifted: await list.lift(key!, context) })
    if (request.method === 'PUT') return Response.json({ added: await list.add(key!, '1h', context) })
    return Response.json(await list.entries(context))
  }

  test('is seen and changed by an admin, in what the wrapper uses', async () => {
    const list = banList()
    const handler = guarded({ list })
    const manage = async (method: string, key = ''): Promise<unknown> =>
      (await send(admin(list), requestTo(`/?key=${key}`, { method }), contextOf({ clock }))).json()
    await offend(handler, clock, 3, { key: 'b' })
    await offend(handler, clock, 2, { key: 'c' })
    expect(await manage('PUT', 'd')).toEqual({ added: true })
    expect(await manage('GET')).toEqual([{ key: 'b', expiresIn: 15 * MINUTE }, { key: 'd', expiresIn: 60 * MINUTE }])
    expect((await call(handler, clock, { key: 'd' })).headers.get('retry-after')).toBe('3600')
    expect(await manage('DELETE', 'd')).toEqual({ lifted: true })
    expect(await manage('DELETE', 'd')).toEqual({ lifted: false })
    expect((await call(handler, clock, { key: 'd' })).status).toBe(200)
    expect((await call(handler, clock, { key: 'b' })).status).toBe(429)
  })

  test('tells how long, and renews by hand, longer or shorter', async () => {
    const list = banList()
    expect(await list.until('a', at)).toBe(0)
    await list.add('a', '10m', at)
    expect(await list.until('a', at)).toBe(10 * MINUTE)
    await list.add('a', '1.5s', at)
    expect(await list.until('a', at)).toBe(1_500)
    clock.advance(1_500)
    expect(await list.until('a', at)).toBe(0)
    expect(await list.entries(at)).toEqual([])
  })

  test('lists of other names in one store are apart; of one name they are one', async () => {
    const store = memoryLeases()
    await banList({ store, name: 'one' }).add('a', '1h', at)
    expect(await banList({ store, name: 'one' }).until('a', at)).toBeGreaterThan(0)
    expect(await banList({ store, name: 'two' }).until('a', at)).toBe(0)
  })

  test('keeps a long key short, and takes what it lists for the same', async () => {
    const list = banList()
    const long = 'x'.repeat(1_000_000)
    await list.add(long, '1h', at)
    await list.add(`${long}y`, '2h', at)
    expect(await list.until(long, at)).toBe(60 * MINUTE)
    const [first, second, ...rest] = await list.entries(at)
    expect(rest).toEqual([])
    expect([first!.key.length < 128, second!.key.length < 128, first!.key === second!.key]).toEqual([true, true, false])
    expect(await list.lift(first!.key, at)).toBe(true)
    expect(await list.until(long, at)).toBe(0)
    expect(await list.until(`${long}y`, at)).toBe(120 * MINUTE)
  })

  test.each(['', ' ', '__proto__', '*', 'a:b', '\r\nset-cookie: x=1', '\0', 'ключ', '{"a":1}'])(
    'takes %j for a key like any other',
    async (key) => {
      const list = banList()
      await list.add(key, '1h', at)
      expect(await list.until(key, at)).toBe(60 * MINUTE)
      expect(await list.until(`${key}x`, at)).toBe(0)
      expect((await list.entries(at)).map((ban) => ban.key)).toEqual([key])
      expect(await list.lift(key, at)).toBe(true)
    },
  )

  test.each<[string, Record<string, unknown>]>([
    ['store', { store: null }],
    ['store', { store: {} }],
    ['store', { store: memoryStore() }],
    ['name', { name: '' }],
    ['name', { name: 'a\r\nb' }],
    ['name', { name: 5 }],
  ])('is not made with a bad %s', (option, options) => {
    expect(() => banList(options as BanListOptions)).toThrow(TypeError)
    expect(() => banList(options as BanListOptions)).toThrow(`banList: ${option} `)
  })

  test.each(['', '0s', '15', 15])('does not ban for %j', (duration) => {
    expect(() => banList().add('a', duration as '1s', at)).toThrow(TypeError)
  })
})

describe('refuses the bad', () => {
  test('with a 429 of the registered type, and Retry-After in whole seconds', async () => {
    const clock = virtualClock()
    const handler = guarded({ for: '90.001s' })
    await offend(handler, clock, 3)
    clock.advance(500)
    const context = contextOf({ clock })
    const refused = await call(handler, clock, { context })
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('90')
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
    expect(refused.headers.get('cache-control')).toBe('no-store')
    expect(await refused.json()).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#abnormal-usage-detected',
      title: 'Too Many Requests',
      status: 429,
      detail: 'Too many of your requests were refused. Please try again later.',
      code: 'banned',
      retryAfter: 90,
    })
    expect(context.events).toEqual([{ kind: 'refused', guard: 'bans', code: 'banned', status: 429 }])
  })

  test('in your words, and in the old envelope', async () => {
    const clock = virtualClock()
    const handler = guarded({ detail: 'Come back later.' })
    await offend(handler, clock, 3)
    const context = contextOf({ clock })
    context.format = legacyEnvelope
    expect(await (await call(handler, clock, { context })).json()).toMatchObject({
      success: false,
      message: 'Come back later.',
      retryAfter: 900,
    })
  })

  test('the handler of a banned client does not run', async () => {
    const clock = virtualClock()
    const work = vi.fn(ok)
    const handler = guarded({}, moody, work)
    await offend(handler, clock, 3)
    await call(handler, clock)
    expect(work).not.toHaveBeenCalled()
  })

  test('whatever it tries: a ban is not renewed by being refused for it', async () => {
    const clock = virtualClock()
    const handler = guarded({ for: '1m' })
    await offend(handler, clock, 3)
    for (let i = 0; i < 59; i++) {
      clock.advance(1_000)
      expect(await offend(handler, clock, 3)).toEqual([429, 429, 429])
    }
    clock.advance(1_000)
    expect((await call(handler, clock)).status).toBe(200)
  })

  test('again at once, if it goes on in the same window after a short ban', async () => {
    const clock = virtualClock()
    const handler = guarded({ for: '1m' })
    expect(await offend(handler, clock, 4)).toEqual([403, 403, 403, 429])
    clock.advance(MINUTE)
    expect(await offend(handler, clock, 2)).toEqual([403, 429])
    clock.advance(10 * MINUTE)
    expect(await offend(handler, clock, 4)).toEqual([403, 403, 403, 429])
  })

  test('a request with many violations is one', async () => {
    const clock = virtualClock()
    const handler = guarded({}, moody, (_request, context) => {
      for (let i = 0; i < 200; i++) record(context, { kind: 'refused', guard: 'own', code: 'no', status: 403 })
      return new Response('no', { status: 403 })
    })
    const statuses: number[] = []
    for (let i = 0; i < 4; i++) statuses.push((await call(handler, clock)).status)
    expect(statuses).toEqual([403, 403, 403, 429])
  })

  test('PITFALLS 36: mounted twice around one handler, it counts a violation once', async () => {
    const clock = virtualClock()
    const wrapper = bans({ key: byHeader, after: 3, ...silent })
    const handler = wrapper(wrapper(moody(ok)))
    expect(await offend(handler, clock, 4)).toEqual([403, 403, 403, 429])
  })

  test('whoever leaves before being refused is banned all the same', async () => {
    const clock = virtualClock()
    let release = (): void => {}
    const slow: Wrapper = guard({
      name: 'slow',
      decide: async () => {
        await new Promise<void>((resolve) => release = resolve)
        return refusal(problem('forbidden'))
      },
    })
    const handler = guarded({ after: 1 }, slow)
    const gone = new AbortController()
    const request = requestTo('/', { headers: { 'x-key': 'a' }, signal: gone.signal })
    const context = contextOf({ clock })
    const pending = handler(request, context)
    gone.abort()
    ended(context, { status: 200, bytes: 0, outcome: 'aborted' })
    release()
    await pending
    expect((await call(handler, clock)).status).toBe(429)
  })

  test('50 at once from a client that was well: none more than is in flight, one ban, one line', async () => {
    const clock = virtualClock()
    const { log, records } = recorder()
    const slowly: Wrapper = (next) => async (request, context) => {
      await settled()
      return next(request, context)
    }
    const handler = guarded({ log }, compose(slowly, moody))
    const all = await Promise.all(Array.from({ length: 50 }, () => offend(handler, clock, 1)))
    expect(all.flat()).toEqual(Array(50).fill(403))
    await settled()
    expect(records.map(({ code }) => code)).toEqual(['ban-imposed'])
    expect((await call(handler, clock)).headers.get('retry-after')).toBe('900')
  })

  test('what was in flight does not shorten a ban by hand', async () => {
    const clock = virtualClock()
    const list = banList()
    const handler = guarded({ list }, moody, async (_request, context) => {
      await list.add('a', '7d', context)
      record(context, { kind: 'refused', guard: 'own', code: 'no', status: 403 })
      return new Response('no', { status: 403 })
    })
    await offend(handler, clock, 2)
    await call(handler, clock)
    expect(await list.until('a', contextOf({ clock }))).toBe(7 * 24 * 60 * MINUTE)
  })

  test('tells its operators of each ban, once', async () => {
    const clock = virtualClock()
    const { log, records } = recorder()
    const handler = guarded({ log })
    await offend(handler, clock, 2)
    expect(records).toEqual([])
    const context = extend(contextOf({ clock }), { requestId: 'r-1' })
    await call(handler, clock, { context, refuse: '403 origin-not-allowed' })
    await offend(handler, clock, 5)
    expect(records).toEqual([{
      level: 'warn',
      message: 'bans: a client is banned for 900 s',
      code: 'ban-imposed',
      banned: 'a',
      seconds: 900,
      violation: 'origin-not-allowed',
      requestId: 'r-1',
    }])
  })

  test('counts each client for itself, and the refusals of outer guards not at all', async () => {
    const clock = virtualClock()
    const handler = compose(hosts({ allow: ['other.test'] }), bans({ key: byHeader, after: 1, ...silent }))(ok)
    for (let i = 0; i < 3; i++) expect((await call(handler, clock)).status).toBe(421)
    const own = guarded()
    expect(await offend(own, clock, 3, { key: 'x' })).toEqual([403, 403, 403])
    expect((await call(own, clock, { key: 'X' })).status).toBe(200)
    expect((await call(own, clock, { key: 'x' })).status).toBe(429)
  })

  test('fault 41: a flood of violators ends no ban, and a full list says so once', async () => {
    const clock = virtualClock()
    const { log, records } = recorder()
    const list = banList({ store: memoryLeases({ maxMembers: 5 }) })
    const handler = guarded({ list, log, after: 1 })
    const { platform } = contextOf()
    const as = (key: string): Promise<number[]> =>
      offend(handler, clock, 1, { key, context: Object.assign(contextOf({ clock }), { platform }) })
    for (let i = 0; i < 200; i++) await as(`k${i}`)
    const banned = (await list.entries(contextOf({ clock }))).map(({ key }) => key)
    expect(banned).toEqual(['k0', 'k1', 'k2', 'k3', 'k4'])
    expect(await as('k0')).toEqual([429])
    expect(records.filter(({ code }) => code === 'ban-list-full')).toHaveLength(1)
    clock.advance(15 * MINUTE)
    await as('k9')
    expect(await as('k9')).toEqual([429])
  })

  const bad: [option: string, options: Record<string, unknown>][] = [
    ...[undefined, null, 'ip', {}].map((key): [string, Record<string, unknown>] => ['key', { key }]),
    ...[null, {}, memoryLeases()].map((list): [string, Record<string, unknown>] => ['list', { list }]),
    ...[null, 0, -1, 1.5, Number.NaN, '5', 2 ** 32].map((after): [string, Record<string, unknown>] => [
      'after',
      { after },
    ]),
    ...[null, 60, '60', '0s', ''].map((within): [string, Record<string, unknown>] => ['within', { within }]),
    ...[null, 60, '60', '0s', ''].map((one): [string, Record<string, unknown>] => ['for', { for: one }]),
    ...[null, true, 'refused'].map((counts): [string, Record<string, unknown>] => ['counts', { counts }]),
    ...[null, {}, memoryLeases()].map((store): [string, Record<string, unknown>] => ['store', { store }]),
    ...['open', null, true].map((onOutage): [string, Record<string, unknown>] => ['onOutage', { onOutage }]),
    ...['dry-run', null].map((mode): [string, Record<string, unknown>] => ['mode', { mode }]),
    ...[-0.1, 1.1].map((share): [string, Record<string, unknown>] => ['share', { share }]),
    ...['0s', 250].map((deadline): [string, Record<string, unknown>] => ['deadline', { deadline }]),
  ]
  test.each(bad)('throws when made for a bad %s: %j', (option, options) => {
    const make = (): Wrapper => bans({ key: byHeader, ...options } as unknown as BansOptions<{}>)
    expect(make).toThrow(TypeError)
    expect(make).toThrow(new RegExp(`^bans: ${option} `))
  })

  test.each([null, 5, {}, ['a']])('a key of %j is a bug: 500', async (key) => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const handler = guarded({ key: () => key as unknown as string })
    expect((await call(handler, virtualClock())).status).toBe(500)
  })
})

describe('rolls out gently', () => {
  test('report mode lists whom it would ban, and lets them pass', async () => {
    const clock = virtualClock()
    const list = banList()
    const handler = guarded({ mode: 'report', list })
    await offend(handler, clock, 3)
    const context = contextOf({ clock })
    const response = await call(handler, clock, { context })
    expect([response.status, response.headers.get('retry-after')]).toEqual([200, null])
    expect(context.events).toEqual([{ kind: 'would-refuse', guard: 'bans', code: 'banned', status: 429 }])
    expect(await list.entries(context)).toMatchObject([{ key: 'a' }])
  })

  test('a share of 0 enforces nothing', async () => {
    const clock = virtualClock()
    const handler = guarded({ share: 0 })
    await offend(handler, clock, 3)
    expect((await call(handler, clock)).status).toBe(200)
  })
})

describe('survives the broken', () => {
  const leases = memoryLeases()
  const listOf = (held: () => unknown): BanList =>
    banList({ store: { ...leases, held, lease: held, release: held, members: held } as unknown as LeaseStore })
  const answers: Record<string, () => unknown> = {
    'throws': () => {
      throw new Error('ECONNREFUSED redis://user:hunter2@10.0.0.5')
    },
    'rejects': () => Promise.reject(new Error('ECONNREFUSED redis://user:hunter2@10.0.0.5')),
    'answers undefined': () => undefined,
    'answers null later': () => Promise.resolve(null),
    'answers a text': () => 'MOVED 3999 10.0.0.6:6381',
    'answers NaN': () => Number.NaN,
    'answers for ever': () => Infinity,
  }
  const broken = Object.entries(answers)

  test.each(broken)('PITFALLS 5: a list whose store %s lets pass, with an event', async (_how, held) => {
    const events = await eventsOf(guarded({ list: listOf(held) }))
    expect(events).toMatchObject([{ kind: 'degraded', guard: 'bans', code: 'guard-unavailable' }])
    expect(JSON.stringify(events)).not.toMatch(/hunter2|10\.0/)
  })

  test.each(broken)('PITFALLS 5: closed, it is a 503 with Retry-After, never a 429: it %s', async (_how, held) => {
    const work = vi.fn(ok)
    const handler = guarded({ list: listOf(held), onOutage: 'refuse' }, moody, work)
    const response = await call(handler, virtualClock())
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
    expect(await response.json()).toMatchObject({ code: 'guard-unavailable' })
    expect(work).not.toHaveBeenCalled()
  })

  test('PITFALLS 5: a store that is silent costs one request its deadline, the next is not to wait', async () => {
    const { log, records } = recorder()
    const held = vi.fn((_set: string, member: string) => new Promise<number>(() => member))
    const store: LeaseStore = { ...leases, held }
    const handler = guarded({ list: banList({ store }), deadline: '30ms', log })
    for (let i = 0; i < 3; i++) expect((await call(handler, virtualClock())).status).toBe(200)
    expect(held.mock.calls.filter(([, member]) => member === 'a')).toHaveLength(1)
    expect(records.map(({ code }) => code)).toEqual(['store-outage'])
  })

  const counters: Record<string, () => unknown> = {
    ...answers,
    'hangs': () => new Promise(() => {}),
    'answers an empty verdict': () => ({}),
    'has no room': () => undefined,
  }
  test.each(Object.entries(counters))(
    'a violation that cannot be counted is lost, and the response is what it was: the store %s',
    async (_how, consume) => {
      const clock = virtualClock()
      const handler = guarded({ after: 1, store: { consume } as unknown as Store, deadline: '20ms' })
      const work: Promise<unknown>[] = []
      const context = contextOf({ clock, waitUntil: (one) => void work.push(one) })
      const response = await call(handler, clock, { context, refuse: '403 forbidden' })
      expect(response.status).toBe(403)
      expect(await response.json()).toMatchObject({ code: 'forbidden' })
      await expect(Promise.all(work)).resolves.toBeDefined()
      expect((await call(handler, clock)).status).toBe(200)
    },
  )

  test('a ban that cannot be imposed does not touch the response, nor end the process', async () => {
    const clock = virtualClock()
    const store: LeaseStore = { ...memoryLeases(), lease: () => Promise.reject(new Error('down')) }
    const handler = guarded({ after: 1, list: banList({ store }) })
    expect(await offend(handler, clock, 3)).toEqual([403, 403, 403])
    await settled()
  })

  test('a store that only says yes or no bans at the first no', async () => {
    const clock = virtualClock()
    let left = 2
    const store: Store = { consume: () => ({ allowed: left-- > 0, at: 0, standings: [{ remaining: 1, resetIn: 1 }] }) }
    expect(await offend(guarded({ store }), clock, 4)).toEqual([403, 403, 403, 429])
  })

  test('PITFALLS 17: with a store far away, counting and banning go to waitUntil, and nothing waits for them', async () => {
    const clock = virtualClock()
    const memory = memoryStore()
    const near = memoryLeases()
    let open = (): void => {}
    const gate = new Promise<void>((resolve) => open = resolve)
    const store: Store = {
      async consume(set, key, costs, at) {
        await gate
        return memory.consume(set, key, costs, at)
      },
    }
    const far: LeaseStore = {
      ...near,
      lease: async (set, member, ttl, most, at) => {
        await settled()
        return near.lease(set, member, ttl, most, at)
      },
      held: async (set, member, at) => {
        await settled()
        return near.held(set, member, at)
      },
    }
    const work: Promise<unknown>[] = []
    const handler = guarded({ after: 1, store, list: banList({ store: far }) })
    const context = contextOf({ clock, waitUntil: (one) => void work.push(one) })
    expect((await call(handler, clock, { context, refuse: '403 forbidden' })).status).toBe(403)
    expect((await call(handler, clock)).status).toBe(200)
    open()
    await Promise.all(work)
    expect(work).toHaveLength(1)
    expect((await call(handler, clock)).status).toBe(429)
  })

  test('processes that share their stores ban together', async () => {
    const clock = virtualClock()
    const [store, leases] = [memoryStore(), memoryLeases()]
    const [one, two] = [0, 1].map(() => guarded({ store, list: banList({ store: leases }) }))
    expect(await offend(one!, clock, 2)).toEqual([403, 403])
    expect(await offend(two!, clock, 2)).toEqual([403, 429])
    expect((await call(one!, clock)).status).toBe(429)
  })

  test('counts that throws is logged, and the response is what it was', async () => {
    const { log, records } = recorder()
    const handler = guarded({
      log,
      counts: () => {
        throw new Error('bug')
      },
    })
    expect(await offend(handler, virtualClock(), 1)).toEqual([403])
    expect(records).toMatchObject([{ level: 'error', code: 'ban-not-counted' }])
  })

  test('a log that throws or rejects changes nothing', async () => {
    for (
      const log of [() => {
        throw new Error('full')
      }, () => Promise.reject(new Error('full')) as unknown as void]
    ) {
      const clock = virtualClock()
      expect(await offend(guarded({ log }), clock, 4)).toEqual([403, 403, 403, 429])
    }
    await settled()
  })

  test.each([-60 * MINUTE, 60 * MINUTE])(
    'fault 40: a wall clock that jumps %d ms ends no ban and makes none longer',
    async (jump) => {
      const clock = virtualClock()
      const handler = guarded()
      await offend(handler, clock, 2)
      clock.jump(jump)
      expect(await offend(handler, clock, 2)).toEqual([403, 429])
      clock.jump(-jump)
      expect((await call(handler, clock)).headers.get('retry-after')).toBe('900')
      clock.advance(15 * MINUTE)
      expect((await call(handler, clock)).status).toBe(200)
    },
  )

  test.each([-5, 0, 0.2, 999.5, 1_000.5])('a store that says %d ms gives no Retry-After below 1', async (left) => {
    const response = await call(guarded({ list: listOf(() => left) }), virtualClock())
    const expected = left > 0 ? [429, String(Math.ceil(left / 1_000))] : [200, null]
    expect([response.status, response.headers.get('retry-after')]).toEqual(expected)
  })

  test('hands the list the key and the context of the request', async () => {
    const seen: [string, StoreCall][] = []
    const list = banList()
    const spied: BanList = {
      ...list,
      until(key, at) {
        seen.push([key, at])
        return list.until(key, at)
      },
    }
    const context = contextOf()
    await call(guarded({ list: spied }), virtualClock(), { context })
    expect(seen).toEqual([['a', context]])
    expect(seen[0]![1]).toBe(context)
  })
})

describe('leaves streams alone', () => {
  test('passes request and response on untouched, and asks for no end', async () => {
    const { stream } = source(3, 2)
    const response = new Response(stream)
    const request = requestTo('/', { method: 'POST', body: 'hello', headers: { 'x-key': 'a' } })
    const handler = guarded({}, moody, async (given) => {
      expect(given).toBe(request)
      expect(await given.text()).toBe('hello')
      return response
    })
    const context = contextOf()
    expect(await handler(request, context)).toBe(response)
    expect(context.endListeners).toBeUndefined()
  })

  test('the first chunk leaves before the second is made, and cancelling reaches the source', async () => {
    const body = source(3)
    const response = await call(guarded({}, moody, () => new Response(body.stream)), virtualClock())
    const reader = response.body!.getReader()
    await reader.read()
    expect(body.pulled).toBeLessThanOrEqual(2)
    await reader.cancel('enough')
    expect(body.cancelled).toBe(true)
  })

  test('an upload of a banned client is not read', async () => {
    const clock = virtualClock()
    const handler = guarded()
    await offend(handler, clock, 3)
    const body = source(1_024)
    const init = { method: 'POST', body: body.stream, duplex: 'half', headers: { 'x-key': 'a' } } as RequestInit
    expect((await send(handler, requestTo('/', init), contextOf({ clock }))).status).toBe(429)
    expect(body.pulled).toBe(0)
  })
})

// The type says what the key needs.
bans({ key: byClientIp }) satisfies Wrapper<{}, HasClientIp>
// @ts-expect-error byClientIp reads clientNetwork
bans({ key: byClientIp }) satisfies Wrapper<{}, {}>
