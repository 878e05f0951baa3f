import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { compose } from '../../src/core/compose.ts'
import { type Context, onEnd } from '../../src/core/context.ts'
import { errors } from '../../src/core/errors.ts'
import type { Handler } from '../../src/core/handler.ts'
import type { LimitSet, Store } from '../../src/core/store.ts'
import { timeout } from '../../src/request/timeout.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { tiered } from '../../src/stores/tiered.ts'
import { local } from '../../src/traffic/limiter.ts'
import { slowDown, type SlowDownOptions } from '../../src/traffic/slow-down.ts'
import { contextOf, recorder, requestTo, send, settled, source, virtualClock } from '../helpers.ts'
import { codeOf, leavesStreamsAlone, refusesToBeMade, spy } from '../request/support.ts'

const unhandled = vi.fn()

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
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

function slowed(options: Partial<SlowDownOptions<{}>> = {}, handler: Handler = ok): Handler {
  return slowDown({ key: one, after: 2, window: '60s', log: () => {}, ...options })(handler)
}

/** Calls and says how long the wait was: the attribute, which is checked against the timer. */
async function waitOf(handler: Handler, context: Context = contextOf()): Promise<number> {
  let done = false
  const answer = send(handler, requestTo(), context).finally(() => done = true)
  await vi.advanceTimersByTimeAsync(0)
  const delay = Number(context.attributes['slow_down.delay_ms'] ?? 0)
  if (delay > 0) {
    expect(done).toBe(false)
    await vi.advanceTimersByTimeAsync(delay - 1)
    expect(done).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
  }
  expect(done).toBe(true)
  expect((await answer).status).toBe(200)
  return delay
}

async function waits(handler: Handler, times: number, context: () => Context = contextOf): Promise<number[]> {
  const all: number[] = []
  for (let i = 0; i < times; i++) all.push(await waitOf(handler, context()))
  return all
}

describe('lets the good through, and the hasty later', () => {
  test('S1: the first 50 at once, then 100 ms more for each, 2 s at most', async () => {
    const door = slowDown({ key: one, after: 50, step: '100ms', window: '15m' })(ok)
    const all = await waits(door, 75)
    expect(all.slice(0, 50)).toEqual(Array<number>(50).fill(0))
    expect(all.slice(50, 70)).toEqual(Array.from({ length: 20 }, (_, i) => (i + 1) * 100))
    expect(all.slice(70)).toEqual(Array<number>(5).fill(2_000))
  })

  test.each<[Partial<SlowDownOptions<{}>>, number[]]>([
    [{}, [0, 0, 100, 200, 300, 400]],
    [{ step: undefined, most: undefined, maxWaiting: undefined, onOutage: undefined }, [0, 0, 100, 200, 300, 400]],
    [{ step: '10ms', most: '25ms' }, [0, 0, 10, 20, 25, 25]],
    [{ step: '1s', most: '100ms' }, [0, 0, 100, 100, 100, 100]],
    [{ step: '0.5ms', most: '2ms' }, [0, 0, 1, 1, 2, 2]],
    [{ after: 0, step: '1s' }, [1_000, 2_000, 2_000]],
  ])('with %o the waits are %j', async (options, expected) => {
    expect(await waits(slowed(options), expected.length)).toEqual(expected)
  })

  test('a new window starts without waiting', async () => {
    const clock = virtualClock()
    const door = slowed({ after: 1, window: '1s' })
    const context = (): Context => contextOf({ clock })
    expect(await waits(door, 3, context)).toEqual([0, 100, 200])
    clock.advance(999)
    expect(await waits(door, 1, context)).toEqual([300])
    clock.advance(1)
    expect(await waits(door, 2, context)).toEqual([0, 100])
  })

  test('each key counts for itself, a key of undefined not at all', async () => {
    const key = (_context: Context, request: Request): string | undefined => request.headers.get('x-key') ?? undefined
    const door = slowed({ key, after: 0 })
    expect(await waits(door, 3)).toEqual([0, 0, 0])
    const context = contextOf()
    const answer = send(door, requestTo('/', { headers: { 'x-key': 'a' } }), context)
    await vi.advanceTimersByTimeAsync(100)
    await answer
    expect(context.attributes['slow_down.delay_ms']).toBe(100)
  })

  test('processes that share a store share the count', async () => {
    const store = memoryStore()
    expect(await waits(slowed({ store }), 2)).toEqual([0, 0])
    expect(await waits(slowed({ store }), 2)).toEqual([100, 200])
    expect(await waits(slowed({ store, name: 'other' }), 1)).toEqual([0])
  })

  test('a store that answers later is waited for', async () => {
    const memory = memoryStore()
    const store: Store = {
      consume: (set, key, costs, call) => Promise.resolve().then(() => memory.consume(set, key, costs, call)!),
    }
    expect(await waits(slowed({ store }), 5)).toEqual([0, 0, 100, 200, 300])
  })

  test('a store that remembers its refusals is not asked again where the wait is the longest anyway', async () => {
    const memory = memoryStore()
    let asked = 0
    const store = tiered({
      consume(set, key, costs, call) {
        asked++
        return Promise.resolve(memory.consume(set, key, costs, call)!)
      },
    })
    expect(await waits(slowed({ store, after: 1, most: '100ms' }), 6)).toEqual([0, 100, 100, 100, 100, 100])
    expect(asked).toBe(3)
  })

  test('is not async: who need not wait is answered synchronously, and its signal is not touched', () => {
    const request = requestTo()
    const signal = vi.spyOn(request, 'signal', 'get')
    expect(slowed()(request, contextOf())).toBeInstanceOf(Response)
    expect(signal).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
  })

  test('PITFALLS 36: mounted twice around one handler, it counts once and waits once', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const wrapper = slowDown({ key: one, after: 2, window: '60s' })
    expect(await waits(compose(wrapper, wrapper)(ok), 5)).toEqual([0, 0, 100, 200, 300])
    expect(warn).not.toHaveBeenCalled()
  })

  test('sends no field and adds nothing that a handler sees', async () => {
    const inner = spy(() => Response.json('ok'))
    const before = Object.keys(contextOf())
    const door = slowed({ after: 0 }, inner.handler)
    const answer = send(door)
    await vi.advanceTimersByTimeAsync(100)
    expect([...(await answer).headers.keys()]).toEqual(['content-type'])
    expect(Object.keys(inner.calls[0]!.context)).toEqual(before)
  })

  test('two different ones around one handler both slow down', async () => {
    const door = compose(
      slowDown({ name: 'far', key: one, after: 0, window: '60s' }),
      slowDown({ name: 'near', key: one, after: 0, window: '60s', step: '1s' }),
    )(ok)
    const answer = send(door)
    await vi.advanceTimersByTimeAsync(1_099)
    expect(vi.getTimerCount()).toBe(1)
    await vi.advanceTimersByTimeAsync(1)
    expect((await answer).status).toBe(200)
  })
})

describe('PITFALLS 31: who leaves stops waiting', () => {
  test('the handler does not run, the timer is gone, and the status for the log is 499', async () => {
    const inner = spy()
    const abort = new AbortController()
    const context = contextOf()
    const seen: number[] = []
    onEnd(context, ({ status }) => seen.push(status))
    const answer = send(slowed({ after: 0 }, inner.handler), requestTo('/', { signal: abort.signal }), context)
    await vi.advanceTimersByTimeAsync(50)
    abort.abort()
    const response = await answer
    expect(response.status).toBe(499)
    expect(response.body).toBeNull()
    expect(vi.getTimerCount()).toBe(0)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(inner.calls).toEqual([])
    expect(seen).toEqual([499])
    expect(context.events).toEqual([])
    expect(context.attributes['slow_down.delay_ms']).toBe(100)
  })

  test('who has left already does not begin to wait', async () => {
    const inner = spy()
    const request = requestTo('/', { signal: AbortSignal.abort() })
    const door = slowed({ after: 0, maxWaiting: 1 }, inner.handler)
    for (let i = 0; i < 3; i++) expect((await send(door, request)).status).toBe(499)
    expect(inner.calls).toEqual([])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('the deadline of a timeout outside ends the wait, too', async () => {
    const inner = spy()
    const door = compose(timeout({ after: '50ms' }), slowDown({ key: one, after: 0, window: '60s' }))(inner.handler)
    const answer = send(door)
    await vi.advanceTimersByTimeAsync(50)
    expect((await answer).status).toBe(504)
    expect(vi.getTimerCount()).toBe(0)
    expect(inner.calls).toEqual([])
  })

  test('leaving after the wait is the handler’s affair', async () => {
    const abort = new AbortController()
    const request = requestTo('/', { signal: abort.signal })
    const removed = vi.spyOn(request.signal, 'removeEventListener')
    const answer = send(slowed({ after: 0 }), request)
    await vi.advanceTimersByTimeAsync(100)
    abort.abort()
    expect((await answer).status).toBe(200)
    expect(removed).toHaveBeenCalledTimes(1)
  })

  test('PITFALLS 16: no timer and no place is left after a thousand requests that ended in every way', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const gone = new AbortController()
    const endings: Handler[] = [ok, () => Promise.resolve(Response.json('ok')), () => {
      throw new Error('thrown')
    }, () => Promise.reject(new Error('rejected'))]
    let turn = 0
    const door = slowed(
      { after: 0, maxWaiting: 1_000 },
      (request, context) => endings[turn++ % endings.length]!(request, context),
    )
    const all = Array.from(
      { length: 1_000 },
      (_, i) => send(door, requestTo('/', i % 3 === 0 ? { signal: gone.signal } : {})),
    )
    await vi.advanceTimersByTimeAsync(150)
    gone.abort()
    await vi.advanceTimersByTimeAsync(2_000)
    const statuses = (await Promise.all(all)).map(({ status }) => status)
    expect(new Set(statuses)).toEqual(new Set([200, 499, 500]))
    expect(vi.getTimerCount()).toBe(0)
    const again = Array.from({ length: 1_000 }, () => send(door))
    await vi.advanceTimersByTimeAsync(2_000)
    expect((await Promise.all(again)).filter(({ status }) => status === 503)).toEqual([])
  })
})

describe('refuses the bad', () => {
  test('PITFALLS 31: of 150 that should wait, 100 do, and the rest are told to come back', async () => {
    const door = slowed({ after: 0 })
    const contexts = Array.from({ length: 150 }, () => contextOf())
    const all = contexts.map((context) => send(door, requestTo(), context))
    await vi.advanceTimersByTimeAsync(2_000)
    const responses = await Promise.all(all)
    expect(responses.map(({ status }) => status)).toEqual([
      ...Array<number>(100).fill(200),
      ...Array<number>(50).fill(503),
    ])
    const refused = responses[100]!
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
    expect(await refused.json()).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
      title: 'Service Unavailable',
      status: 503,
      detail: 'Too many requests are waiting. Please try again later.',
      code: 'overloaded',
    })
    expect(contexts[100]!.events).toEqual([{ kind: 'refused', guard: 'slow-down', code: 'overloaded', status: 503 }])
    expect(contexts[100]!.attributes['slow_down.delay_ms']).toBeUndefined()
    expect(await waitOf(door)).toBe(2_000)
  })

  test('no more wait when a store answers all of them at once', async () => {
    const memory = memoryStore()
    const store: Store = {
      consume: (set, key, costs, call) => Promise.resolve().then(() => memory.consume(set, key, costs, call)!),
    }
    const door = slowed({ after: 0, maxWaiting: 3, store })
    const all = Array.from({ length: 10 }, () => send(door))
    await vi.advanceTimersByTimeAsync(0)
    expect(vi.getTimerCount()).toBe(3)
    await vi.advanceTimersByTimeAsync(2_000)
    expect((await Promise.all(all)).filter(({ status }) => status === 200)).toHaveLength(3)
  })

  test('who need not wait passes, however many wait', async () => {
    const key = (_context: Context, request: Request): string => request.headers.get('x-key') ?? 'one'
    const door = slowed({ key, after: 1, maxWaiting: 1 })
    await send(door)
    const waiting = send(door)
    expect((await send(door)).status).toBe(503)
    expect((await send(door, requestTo('/', { headers: { 'x-key': 'b' } }))).status).toBe(200)
    await vi.advanceTimersByTimeAsync(100)
    expect((await waiting).status).toBe(200)
  })

  test.each([null, 5, {}, ['a']])('a key of %j is a bug: 500', async (key) => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    expect((await send(slowed({ key: () => key as unknown as string }))).status).toBe(500)
  })

  test.each<[string, Record<string, unknown>]>([
    ...[undefined, null, 'ip', {}].map((key): [string, Record<string, unknown>] => ['key', { key }]),
    ...[undefined, null, -1, 1.5, Number.NaN, Infinity, '5']
      .map((after): [string, Record<string, unknown>] => ['after', { after }]),
    ...[undefined, 60, '60', '0s', ''].map((window): [string, Record<string, unknown>] => ['window', { window }]),
    ...[100, '0ms', '-1s'].map((step): [string, Record<string, unknown>] => ['step', { step }]),
    ...[2_000, '0s', '25d'].map((most): [string, Record<string, unknown>] => ['most', { most }]),
    ...[0, -1, 1.5, '9'].map((maxWaiting): [string, Record<string, unknown>] => ['maxWaiting', { maxWaiting }]),
    ...['', 'naïve', 5, null].map((name): [string, Record<string, unknown>] => ['name', { name }]),
    ...[null, {}, 'memory'].map((store): [string, Record<string, unknown>] => ['store', { store }]),
    ...['open', true, null, {}].map((onOutage): [string, Record<string, unknown>] => ['onOutage', { onOutage }]),
    ...['dry-run', null].map((mode): [string, Record<string, unknown>] => ['mode', { mode }]),
    ['after and most / step', { after: 2 ** 32 }],
    ['after and most / step', { step: '0.000001ms', most: '1h' }],
    ['deadline', { deadline: 250 }],
    ['breaker.openFor', { breaker: { openFor: 30 } }],
  ])('throws when made for a bad %s: %j', (option, options) => {
    const make = (): unknown =>
      slowDown({ key: one, after: 2, window: '60s', ...options } as unknown as SlowDownOptions<{}>)
    refusesToBeMade(make, `${option} must be`)
  })

  test('a limit that the store cannot serve is found out when it is made', () => {
    const store: Store = {
      consume: () => undefined,
      check() {
        throw new TypeError('store: no such window')
      },
    }
    refusesToBeMade(() => slowed({ store }), 'no such window')
  })

  test('asks the store about one fixed window', async () => {
    const seen: [LimitSet, string, readonly number[]][] = []
    const store: Store = {
      consume(set, key, costs) {
        seen.push([set, key, costs])
        return { allowed: true, at: 0, standings: [{ remaining: 99, resetIn: 1 }] }
      },
    }
    await send(slowed({ store, after: 50, window: '15m' }))
    expect(seen[0]!.slice(1)).toEqual(['one', [1]])
    expect(seen[0]![0].limits).toEqual([
      { name: 'slow-down', quota: 70, window: 900_000, algorithm: 'fixed-window' },
    ])
  })
})

describe('rolls out gently', () => {
  test('report mode lets nobody wait, and says how long it would have been', async () => {
    const door = slowed({ mode: 'report', maxWaiting: 1 })
    const contexts = Array.from({ length: 5 }, () => contextOf())
    for (const context of contexts) expect((await send(door, requestTo(), context)).status).toBe(200)
    expect(contexts.map(({ attributes }) => attributes['slow_down.would_delay_ms']))
      .toEqual([undefined, undefined, 100, 200, 300])
    expect(contexts[4]!.attributes['slow_down.delay_ms']).toBeUndefined()
    expect(contexts.flatMap(({ events }) => events)).toEqual([])
  })
})

describe('PITFALLS 5: survives the broken', () => {
  const down: [what: string, consume: () => unknown][] = [
    ['throws', () => {
      throw new Error('ECONNREFUSED redis://user:hunter2@10.0.0.5')
    }],
    ['rejects', () => Promise.reject(new Error('ECONNREFUSED redis://user:hunter2@10.0.0.5'))],
    ['rejects with nothing', () => Promise.reject(undefined)],
    ['answers undefined', () => undefined],
    ['answers an error text later', () => Promise.resolve('MOVED 3999 10.0.0.6:6381')],
    ['answers NaN', () => ({ allowed: true, at: 0, standings: [{ remaining: Number.NaN, resetIn: 1 }] })],
    ['answers about no limit', () => ({ allowed: false, at: 0, standings: [] })],
  ]
  const storeOf = (consume: () => unknown): Store => ({ consume } as unknown as Store)

  test.each(down)('a store that %s slows nobody down, and is seen', async (_what, consume) => {
    const context = contextOf()
    expect(await waitOf(slowed({ store: storeOf(consume), after: 0 }), context)).toBe(0)
    expect(context.events).toMatchObject([{ kind: 'degraded', guard: 'slow-down', code: 'guard-unavailable' }])
    expect(JSON.stringify(context.events)).not.toMatch(/hunter2|redis/)
  })

  test.each(down)('closed, a store that %s is a 503', async (_what, consume) => {
    const inner = spy()
    const context = contextOf()
    const answer = send(slowed({ store: storeOf(consume), onOutage: 'refuse' }, inner.handler), requestTo(), context)
    const response = await answer
    expect(response.status).toBe(503)
    expect(await codeOf(response)).toBe('guard-unavailable')
    expect(inner.calls).toEqual([])
    expect(context.events).toHaveLength(1)
  })

  test('local counts in this process, with a share of what is free', async () => {
    const store = storeOf(() => Promise.reject(new Error('down')))
    expect(await waits(slowed({ store, after: 10, onOutage: local(0.2) }), 5)).toEqual([0, 0, 100, 200, 300])
    expect(await waits(slowed({ store, after: 2, onOutage: local(0.2) }), 2)).toEqual([0, 100])
    expect(await waits(slowed({ store, after: 0, onOutage: local(0.2) }), 1)).toEqual([100])
  })

  test('a store that never answers costs the first request its deadline and the next ones nothing', async () => {
    const { log, records } = recorder()
    const door = slowed({ store: storeOf(() => new Promise(() => {})), log, after: 0 })
    const first = send(door)
    await vi.advanceTimersByTimeAsync(250)
    expect((await first).status).toBe(200)
    expect(door(requestTo(), contextOf())).toBeInstanceOf(Response)
    await vi.advanceTimersByTimeAsync(250)
    expect(records.map(({ code }) => code)).toEqual(['store-outage'])
  })

  test('PITFALLS 19: a wall clock that jumps changes no wait', async () => {
    const clock = virtualClock()
    const door = slowed()
    expect(await waits(door, 3, () => contextOf({ clock }))).toEqual([0, 0, 100])
    clock.jump(-3_600_000)
    expect(await waits(door, 1, () => contextOf({ clock }))).toEqual([200])
  })

  test('what the handler throws after a wait is an error as ever', async () => {
    const { log, records } = recorder()
    const door = compose(errors({ log }), slowDown({ key: one, after: 0, window: '60s' }))(() => {
      throw new Error('bug')
    })
    const answer = send(door)
    await vi.advanceTimersByTimeAsync(100)
    expect((await answer).status).toBe(500)
    expect(String(records[0]!['error'])).toContain('bug')
  })

  test('PITFALLS 18: making one sets no timer and asks nothing', () => {
    const consume = vi.fn()
    slowed({ store: storeOf(consume) })
    expect(consume).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('leaves streams alone', () => {
  test('passes request and response on, chunk by chunk', () =>
    leavesStreamsAlone(slowDown({ key: one, after: 9, window: '60s' })))

  test('an upload that waits is not read, and arrives as it was sent', async () => {
    const body = source(8, 2)
    const inner = spy()
    const init = { method: 'POST', body: body.stream, duplex: 'half' } as RequestInit
    const request = new Request('http://service.test/', init)
    const answer = send(slowed({ after: 0 }, inner.handler), request)
    await vi.advanceTimersByTimeAsync(99)
    expect(body.pulled).toBe(0)
    await vi.advanceTimersByTimeAsync(1)
    await answer
    expect(inner.calls[0]!.request).toBe(request)
    expect(await request.text()).toHaveLength(16)
  })
})
