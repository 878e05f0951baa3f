import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { compose } from '../../src/core/compose.ts'
import { type Context, ended } from '../../src/core/context.ts'
import { errors } from '../../src/core/errors.ts'
import type { Handler } from '../../src/core/handler.ts'
import { timeout } from '../../src/request/timeout.ts'
import type { ShedOptions } from '../../src/traffic/shed.ts'
import { shed } from '../../src/traffic/shed.ts'
import { contextOf, recorder, requestTo, send, settled, source, virtualClock } from '../helpers.ts'
import { leavesStreamsAlone, refusesToBeMade, spy } from '../request/support.ts'

const unhandled = vi.fn()

beforeEach(() => {
  unhandled.mockClear()
  process.on('unhandledRejection', unhandled)
})
afterEach(async () => {
  vi.useRealTimers()
  await settled()
  process.off('unhandledRejection', unhandled)
  expect(unhandled).not.toHaveBeenCalled()
})

const ok: Handler = () => new Response('ok')
const inTime: Handler = () => Promise.resolve(new Response('ok'))

/** A handler that answers when it is told to. */
function gate(): { handler: Handler; open: (make?: () => Response) => void; readonly waiting: number } {
  const waiting: { resolve: (response: Response) => void; reject: (error: unknown) => void }[] = []
  return {
    handler: () => new Promise((resolve, reject) => void waiting.push({ resolve, reject })),
    open(make = () => new Response('ok')) {
      const one = waiting.shift()!
      try {
        one.resolve(make())
      } catch (error) {
        one.reject(error)
      }
    },
    get waiting() {
      return waiting.length
    },
  }
}

async function statusOf(handler: Handler, context: Context = contextOf()): Promise<number> {
  const response = await send(handler, requestTo(), context)
  await response.text()
  return response.status
}

async function statuses(handler: Handler, times: number, context?: () => Context): Promise<number[]> {
  const all: number[] = []
  for (let i = 0; i < times; i++) all.push(await statusOf(handler, context?.()))
  return all
}

const refusedIn = (all: number[]): number => all.filter((status) => status === 503).length

/** A virtual clock and timers that go with it. */
function time() {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const clock = virtualClock()
  let overdue = 0
  return {
    clock,
    context: () => contextOf({ clock }),
    /** The loop turns: timers come when they are due. */
    async pass(ms: number): Promise<void> {
      await vi.advanceTimersByTimeAsync(overdue)
      overdue = 0
      for (let i = 0; i < ms; i++) {
        clock.advance(1)
        await vi.advanceTimersByTimeAsync(1)
      }
    },
    /** The loop is blocked: the clock goes on, no timer comes. */
    block(ms: number): void {
      clock.advance(ms)
      overdue = 10
    },
  }
}

describe('lets the good through', () => {
  test('as long as there is room, and says nothing', async () => {
    const inner = spy()
    const context = contextOf()
    const wrapped = shed({ maxInFlight: 1, maxDelay: '200ms', maxLatency: '1s' })(inner.handler)
    expect(await statusOf(wrapped, context)).toBe(200)
    expect(context.events).toEqual([])
    expect(context.attributes).toEqual({})
    expect(await statuses(wrapped, 20)).toEqual(Array(20).fill(200))
    expect(inner.calls).toHaveLength(21)
  })

  test('it stays synchronous where the handler is, and hands on its very promise where it is not', () => {
    const wrapper = shed({ maxInFlight: 5, maxLatency: '1s' })
    expect(wrapper(ok)(requestTo(), contextOf())).toBeInstanceOf(Response)
    const promise = Promise.resolve(new Response('ok'))
    expect(wrapper(() => promise)(requestTo(), contextOf())).toBe(promise)
  })

  test('what is exempt is neither refused nor counted', async () => {
    const { handler, open } = gate()
    const exempt = (request: Request): boolean => new URL(request.url).pathname === '/events'
    const wrapped = shed({ maxInFlight: 1, exempt })(handler)
    const events = Array.from({ length: 3 }, () => send(wrapped, requestTo('/events')))
    const first = statusOf(wrapped)
    expect(await statusOf(wrapped)).toBe(503)
    events.push(send(wrapped, requestTo('/events')))
    for (let i = 0; i < 5; i++) open()
    expect((await Promise.all(events)).map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(await first).toBe(200)
  })

  test('an exemption is strict: of a test that may match too much, its stricter form; no promise', async () => {
    const { handler, open } = gate()
    const loose = Object.assign(() => true, { '~exempts': () => false })
    for (const exempt of [loose, (() => Promise.resolve(true)) as never]) {
      const wrapped = shed({ maxInFlight: 1, exempt })(handler)
      const first = statusOf(wrapped)
      expect(await statusOf(wrapped)).toBe(503)
      open()
      await first
    }
  })

  test('undefined is the default of every option', async () => {
    const defaults = {
      maxDelay: undefined,
      maxLatency: undefined,
      until: undefined,
      exempt: undefined,
      mode: undefined,
    }
    expect(await statusOf(shed({ maxInFlight: 1, retryAfter: undefined, share: undefined, ...defaults })(ok))).toBe(200)
  })
})

describe('refuses the bad: too many in flight', () => {
  test('with a 503 problem that says when to come back, an event and an attribute', async () => {
    const { handler, open } = gate()
    const wrapped = shed({ maxInFlight: 1, retryAfter: '1500ms' })(handler)
    const first = statusOf(wrapped)
    const context = contextOf()
    const response = await send(wrapped, requestTo(), context)
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('2')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(await response.json()).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
      title: 'Service Unavailable',
      status: 503,
      detail: 'The service is overloaded. Please try again later.',
      code: 'overloaded',
    })
    expect(context.events).toEqual([{ kind: 'refused', guard: 'shed', code: 'overloaded', status: 503 }])
    expect(context.attributes).toEqual({ 'problem.code': 'overloaded', 'shed.by': 'in-flight' })
    open()
    await first
    const again = statusOf(wrapped)
    open()
    expect(await again).toBe(200)
  })

  test('of 50 at once, exactly as many pass as may; then there is room again', async () => {
    const { handler, open } = gate()
    const wrapped = shed({ maxInFlight: 10 })(handler)
    for (let round = 0; round < 3; round++) {
      const all = Array.from({ length: 50 }, () => statusOf(wrapped))
      for (let i = 0; i < 10; i++) open()
      const answered = await Promise.all(all)
      expect(answered.filter((status) => status === 200)).toHaveLength(10)
      expect(refusedIn(answered)).toBe(40)
    }
  })

  test('what is mounted around several handlers counts all of them', async () => {
    const { handler, open } = gate()
    const wrapper = shed({ maxInFlight: 1 })
    const first = statusOf(wrapper(handler))
    expect(await statusOf(wrapper(ok))).toBe(503)
    expect(await statusOf(shed({ maxInFlight: 1 })(ok))).toBe(200)
    open()
    await first
    expect(await statusOf(wrapper(ok))).toBe(200)
  })

  test('PITFALLS 36: mounted twice around one handler, it counts a request once', async () => {
    const { handler, open } = gate()
    const wrapper = shed({ maxInFlight: 2 })
    const twice = compose(wrapper, wrapper)(handler)
    const all = Array.from({ length: 3 }, () => statusOf(twice))
    open()
    open()
    expect(await Promise.all(all)).toEqual([200, 200, 503])
    expect(await statusOf(compose(wrapper, wrapper)(ok))).toBe(200)
  })

  test('two doors of one request count on their own', async () => {
    const { handler, open } = gate()
    const [all, few] = [shed({ maxInFlight: 2 }), shed({ maxInFlight: 1 })]
    const first = statusOf(compose(all, few)(handler))
    expect(await statusOf(compose(all, few)(ok))).toBe(503)
    expect(await statusOf(all(ok))).toBe(200)
    open()
    await first
    expect(await statusOf(compose(all, few)(ok))).toBe(200)
  })

  test('in report mode everything passes, is counted, and says what would have been', async () => {
    const { handler, open } = gate()
    const wrapped = shed({ maxInFlight: 1, mode: 'report' })(handler)
    const contexts = [contextOf(), contextOf()]
    const all = contexts.map((context) => statusOf(wrapped, context))
    open()
    open()
    expect(await Promise.all(all)).toEqual([200, 200])
    expect(contexts.map(({ events }) => events.map(({ kind }) => kind))).toEqual([[], ['would-refuse']])
    expect(contexts[1]!.attributes['shed.by']).toBe('in-flight')
  })

  test('share enforces it on some', async () => {
    const { handler, open } = gate()
    const wrapped = shed({ maxInFlight: 1, share: 0 })(handler)
    const all = [statusOf(wrapped), statusOf(wrapped)]
    open()
    open()
    expect(await Promise.all(all)).toEqual([200, 200])
  })
})

describe('every way to end gives the place back, once', () => {
  const wrapper = (): ReturnType<typeof shed> => shed({ maxInFlight: 1, maxDelay: '200ms', maxLatency: '1s' })
  const bug = (): never => {
    throw new Error('bug')
  }

  test.each<[string, Handler]>([
    ['answers', ok],
    ['answers later', inTime],
    ['throws', bug],
    ['throws nothing', () => {
      throw undefined
    }],
    ['rejects', () => Promise.reject(new Error('bug'))],
    ['rejects with nothing', () => Promise.reject(undefined)],
    ['answers with nothing', () => undefined as never],
    ['answers with a promise of nothing', () => Promise.resolve(undefined as never)],
    ['answers without a body', () => new Response(null, { status: 204 })],
    ['answers with a redirect', () => Response.redirect('http://service.test/', 303)],
    ['answers with a stream', () => new Response(source(10, 3).stream)],
    ['answers with a stream that breaks', () => new Response(source(10, 1, 'error').stream)],
    ['answers with a response that has been read', () => {
      const response = new Response('ok')
      void response.text()
      return response
    }],
    ['answers with a promise that calls back twice', () =>
      ({
        then(resolve: (response: Response) => void, reject: (error: unknown) => void) {
          resolve(new Response('ok'))
          resolve(new Response('ok'))
          reject(new Error('and fails'))
        },
      }) as unknown as Promise<Response>],
  ])('a handler that %s', async (_what, handler) => {
    const said = vi.spyOn(console, 'error').mockImplementation(() => {})
    const door = wrapper()
    const { log } = recorder()
    for (
      const mounted of [door(handler), compose(errors({ log }), door)(handler), compose(door, errors({ log }))(handler)]
    ) {
      for (let i = 0; i < 3; i++) {
        const response = await send(mounted)
        expect(response.status).not.toBe(503)
        await response.text().catch(() => {})
      }
    }
    // Given back once, and no more than that: there is room for one, not for two.
    const { handler: waits, open } = gate()
    const first = statusOf(door(waits))
    expect(await statusOf(door(ok))).toBe(503)
    open()
    expect(await first).toBe(200)
    said.mockRestore()
  })

  test('a HEAD request', async () => {
    const wrapped = wrapper()(() => new Response(source(10).stream))
    for (let i = 0; i < 3; i++) expect((await send(wrapped, requestTo('/', { method: 'HEAD' }))).status).toBe(200)
  })

  test('fault 43: a client that leaves in the middle of a stream', async () => {
    const door = wrapper()
    const wrapped = door(() => new Response(source(10).stream))
    for (let i = 0; i < 3; i++) {
      const reader = (await send(wrapped)).body!.getReader()
      await reader.read()
      expect(await statusOf(door(ok))).toBe(503)
      await reader.cancel('left')
      expect(await statusOf(door(ok))).toBe(200)
    }
  })

  test('fault 43: a client that leaves before the answer makes no room while the work goes on', async () => {
    const door = wrapper()
    const { handler, open } = gate()
    const context = contextOf()
    const first = statusOf(door(handler), context)
    ended(context, { status: 200, bytes: 0, outcome: 'aborted' })
    expect(await statusOf(door(ok))).toBe(503)
    open()
    await first
    expect(await statusOf(door(ok))).toBe(200)
  })

  test('a deadline inside gives the place back with its 504; the late handler does not give it again', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const door = shed({ maxInFlight: 1 })
    const { handler, open } = gate()
    const wrapped = compose(door, timeout({ after: '1s' }))(handler)
    const late = statusOf(wrapped)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await late).toBe(504)
    const first = statusOf(wrapped)
    open()
    await vi.advanceTimersByTimeAsync(0)
    expect(await statusOf(wrapped)).toBe(503)
    open()
    expect(await first).toBe(200)
  })

  test('a deadline outside that passes before the request gets here, behind something that waits', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const door = shed({ maxInFlight: 1 })
    const slowly = (next: Handler): Handler => (request, context) =>
      new Promise<void>((resolve) => setTimeout(resolve, 2_000)).then(() => next(request, context))
    const wrapped = timeout({ after: '1s' })(slowly(door(ok)))
    const late = statusOf(wrapped)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(await late).toBe(504)
    expect(await statusOf(door(ok))).toBe(200)
  })

  test('10,000 requests of every kind leave nobody behind', async () => {
    const door = shed({ maxInFlight: 20, maxLatency: '1s' })
    const kinds: Handler[] = [
      ok,
      inTime,
      bug,
      () => Promise.reject(new Error('bug')),
      () => new Response(source(9, 2).stream),
    ]
    const { log } = recorder()
    const mounted = kinds.map((kind) => compose(errors({ log }), door)(kind))
    for (let i = 0; i < 500; i++) {
      await Promise.all(Array.from({ length: 20 }, (_, j) => statusOf(mounted[(i + j) % kinds.length]!)))
    }
    const { handler, open } = gate()
    const all = Array.from({ length: 21 }, () => statusOf(door(handler)))
    for (let i = 0; i < 20; i++) open()
    expect(refusedIn(await Promise.all(all))).toBe(1)
  })
})

describe('refuses the bad: the event loop is late', () => {
  test('a blocked loop sheds at once, and shedding ends by itself within twice the bound', async () => {
    const { context, pass, block } = time()
    const door = shed({ maxDelay: '50ms' })
    const { handler, open } = gate()
    const first = statusOf(door(handler), context())
    await pass(100)
    expect(await statuses(door(ok), 20, context)).toEqual(Array(20).fill(200))
    block(500)
    const backlog = contextOf({ clock: context().clock })
    expect(await statusOf(door(ok), backlog)).toBe(503)
    expect(backlog.attributes['shed.by']).toBe('delay')
    expect(refusedIn(await statuses(door(ok), 100, context))).toBe(100)
    await pass(99)
    expect(refusedIn(await statuses(door(ok), 100, context))).toBe(100)
    await pass(2)
    expect(refusedIn(await statuses(door(ok), 100, context))).toBe(0)
    open()
    expect(await first).toBe(200)
  })

  test.each([[50, 0], [51, 2], [100, 50], [150, 79], [200, 100], [9_000, 100]])(
    'where 50 ms may be, %d ms late sheds for %d ms',
    async (late, more) => {
      const { context, pass, block } = time()
      const door = shed({ maxDelay: '50ms' })
      const { handler, open } = gate()
      const first = statusOf(door(handler), context())
      block(10 + late) // it is due after 10
      let shedding = 0
      for (; await statusOf(door(ok), context()) === 503; shedding++) await pass(1)
      expect(Math.abs(shedding - more)).toBeLessThanOrEqual(1)
      open()
      await first
    },
  )

  test('synchronous handlers in one turn of the loop add up, though each is over before the timer comes', async () => {
    const { context, clock } = time()
    const door = shed({ maxDelay: '100ms' })
    const busy = door(() => {
      clock.advance(30)
      return new Response('ok')
    })
    const all = await statuses(busy, 8, context)
    expect(all).toEqual([200, 200, 200, 200, 503, 503, 503, 503])
  })

  test('a process that was frozen between two requests is not late', async () => {
    const { context, block } = time()
    const wrapped = shed({ maxDelay: '50ms' })(ok)
    for (let i = 0; i < 20; i++) {
      expect(await statuses(wrapped, 3, context)).toEqual([200, 200, 200])
      block(60_000)
    }
  })

  test('a long sleep in the middle of a request is over as soon as any other', async () => {
    const { context, pass, block } = time()
    const door = shed({ maxDelay: '50ms' })
    const { handler, open } = gate()
    const first = statusOf(door(handler), context())
    block(86_400_000)
    expect(await statusOf(door(ok), context())).toBe(503)
    await pass(110)
    expect(refusedIn(await statuses(door(ok), 20, context))).toBe(0)
    open()
    await first
  })

  test('PITFALLS 18: one timer at most, none when made, and none 10 ms after the last request', async () => {
    const { context, pass } = time()
    const door = shed({ maxDelay: '50ms' })
    const { handler, open } = gate()
    const wrapped = door(handler)
    expect(vi.getTimerCount()).toBe(0)
    const all = Array.from({ length: 5 }, () => statusOf(wrapped, context()))
    expect(vi.getTimerCount()).toBe(1)
    await pass(1_000)
    expect(vi.getTimerCount()).toBe(1)
    for (let i = 0; i < 5; i++) open()
    await Promise.all(all)
    await pass(10)
    expect(vi.getTimerCount()).toBe(0)
    for (let i = 0; i < 1_000; i++) await statusOf(door(ok), context())
    expect(vi.getTimerCount()).toBe(1)
    await pass(10)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('no timer without maxDelay', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { handler, open } = gate()
    const first = statusOf(shed({ maxInFlight: 9, maxLatency: '1s' })(handler))
    expect(vi.getTimerCount()).toBe(0)
    open()
    expect(await first).toBe(200)
  })

  test('for real: a handler that computes for 150 ms makes the next requests shed, then it recovers', async () => {
    const real = (): Context => contextOf({ clock: systemClock })
    const door = shed({ maxDelay: '40ms' })
    const compute: Handler = () => {
      const until = performance.now() + 150
      while (performance.now() < until);
      return new Response('done')
    }
    expect(await statusOf(door(ok), real())).toBe(200)
    expect(await statusOf(door(compute), real())).toBe(200)
    const next = await statuses(door(ok), 10, real)
    expect(next[0]).toBe(503)
    expect(refusedIn(next)).toBeGreaterThan(5)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(refusedIn(await statuses(door(ok), 5, real))).toBeLessThan(5) // others use this machine
  })

  test('for real: it is seen while another request waits, too', async () => {
    const real = (): Context => contextOf({ clock: systemClock })
    const door = shed({ maxDelay: '40ms' })
    const { handler, open } = gate()
    const first = statusOf(door(handler), real())
    await new Promise((resolve) => setTimeout(resolve, 25))
    const until = performance.now() + 150
    while (performance.now() < until);
    await settled()
    expect(await statusOf(door(ok), real())).toBe(503)
    open()
    expect(await first).toBe(200)
  })
})

describe('refuses the bad: responses take too long', () => {
  /** A service whose handlers take `took` ms; `others` requests are there meanwhile. */
  function service(options: ShedOptions) {
    const clock = virtualClock()
    const context = (): Context => contextOf({ clock })
    const door = shed(options)
    const company = gate()
    const busy = statusOf(door(company.handler), context())
    return {
      clock,
      context,
      door,
      async take(took: number, times = 1): Promise<number[]> {
        const handler: Handler = () => {
          clock.advance(took)
          return inTime(requestTo(), context())
        }
        return await statuses(door(handler), times, context)
      },
      async leave(): Promise<void> {
        company.open()
        await busy
      },
    }
  }

  test('not for one slow response, but for many; and it recovers when they are quick again', async () => {
    const { take, context, door } = service({ maxLatency: '100ms' })
    expect(refusedIn(await take(10, 50))).toBe(0)
    expect(await take(60_000)).toEqual([200])
    expect(refusedIn(await take(10, 50))).toBe(0)

    const slow = await take(300, 50)
    expect(refusedIn(slow)).toBeGreaterThan(20)
    expect(slow.slice(-20)).toContain(200) // never a shut door
    const refused = context()
    let answer = 200
    for (let i = 0; i < 2 && answer === 200; i++) answer = await statusOf(door(ok), refused)
    expect(refused.attributes['shed.by']).toBe('latency')

    // 2 ms between requests, without a pause in which the mean would be forgotten.
    const { length } = await until(() => take(2), (last) => last.every((status) => status === 200))
    expect(length).toBeLessThan(1_000)
  })

  /** Calls until the last 50 answers satisfy `done`. */
  async function until(call: () => Promise<number[]>, done: (last: number[]) => boolean): Promise<number[]> {
    const all: number[] = []
    while (all.length < 5_000) {
      all.push(...await call())
      if (all.length >= 50 && done(all.slice(-50))) return all
    }
    return all
  }

  test.each([1, 10, 100, 1_000])(
    'at %d requests a second it is open again within 10 seconds of being quick',
    async (rate) => {
      const { take, clock } = service({ maxLatency: '100ms' })
      await take(400, 100)
      expect(refusedIn(await take(400, 32))).toBeGreaterThan(16)
      const quick = clock.monotonic()
      const all: number[] = []
      while (clock.monotonic() - quick < 10_000) {
        clock.advance(1_000 / rate)
        all.push(...await take(1))
      }
      expect(all.slice(-Math.ceil(rate / 2))).not.toContain(503)
    },
  )

  test('a request that finds the process idle passes, whatever was before', async () => {
    const { take, leave, context, door } = service({ maxLatency: '100ms' })
    await take(400, 100)
    await leave()
    expect(await statuses(door(ok), 10, context)).toEqual(Array(10).fill(200))
  })

  test('what no response has confirmed for 5 seconds is forgotten', async () => {
    const { take, clock } = service({ maxLatency: '100ms' })
    await take(400, 100)
    expect(refusedIn(await take(400, 16))).toBeGreaterThan(8)
    clock.advance(5_001)
    expect(refusedIn(await take(1, 20))).toBe(0)
  })

  test('a few that are slow on purpose do not shed the many that are quick', async () => {
    const { take } = service({ maxLatency: '1s' })
    const all: number[] = []
    for (let i = 0; i < 100; i++) {
      all.push(...await take(3_600_000), ...await take(5, 9))
    }
    expect(refusedIn(all)).toBe(0)
  })

  test('steady overload: responses take about twice the bound at worst, and the server stays busy', async () => {
    // A server with one worker of 10 ms a request, asked 300 times a second: three times what it can do.
    const clock = virtualClock()
    const door = shed({ maxLatency: '100ms' })
    let free = 0
    const queue: { at: number; resolve: (response: Response) => void; from: number }[] = []
    const handler: Handler = () => {
      free = Math.max(free, clock.monotonic()) + 10
      return new Promise((resolve) => void queue.push({ at: free, resolve, from: clock.monotonic() }))
    }
    const took: number[] = []
    const all: Promise<number>[] = []
    for (let ms = 0; ms < 10_000; ms++) {
      clock.advance(1)
      while (queue[0] !== undefined && queue[0].at <= clock.monotonic()) {
        const { resolve, from } = queue.shift()!
        resolve(new Response('ok'))
        took.push(clock.monotonic() - from)
        for (let step = 0; step < 10; step++) await Promise.resolve() // the edge, too
      }
      if (ms % 10 < 3) all.push(statusOf(door(handler), contextOf({ clock })))
    }
    expect(took.reduce((sum, one) => sum + one, 0) / took.length).toBeLessThan(250)
    expect(took.length).toBeGreaterThan(950) // of 1,000 that it can
    for (const { resolve } of queue) resolve(new Response('ok'))
    await Promise.all(all)
  })
})

describe('survives the broken', () => {
  test.each<[ShedOptions, ...string[]]>([
    [{}, 'shed: needs at least one of maxInFlight, maxDelay and maxLatency'],
    [{ retryAfter: '1s', until: 'head' }, 'maxInFlight'],
    [{ maxInFlight: 0 }, 'shed: maxInFlight'],
    [{ maxInFlight: -1 }, 'shed: maxInFlight', '-1'],
    [{ maxInFlight: 1.5 }, 'shed: maxInFlight'],
    [{ maxInFlight: Infinity }, 'shed: maxInFlight'],
    [{ maxInFlight: Number.NaN }, 'shed: maxInFlight'],
    [{ maxInFlight: '5' as never }, 'shed: maxInFlight'],
    [{ maxInFlight: null as never }, 'shed: maxInFlight'],
    [{ maxDelay: 200 as never }, 'shed: maxDelay', '200'],
    [{ maxDelay: '19ms' }, 'shed: maxDelay', '20ms'],
    [{ maxDelay: '1 s' as never }, 'shed: maxDelay'],
    [{ maxLatency: '0ms' }, 'shed: maxLatency'],
    [{ maxLatency: -1 as never }, 'shed: maxLatency'],
    [{ maxInFlight: 1, until: 'headers' as never }, 'shed: until'],
    [{ maxInFlight: 1, exempt: '/health' as never }, 'shed: exempt'],
    [{ maxInFlight: 1, exempt: null as never }, 'shed: exempt'],
    [{ maxInFlight: 1, retryAfter: 5 as never }, 'shed: retryAfter'],
    [{ maxInFlight: 1, mode: 'off' as never }, 'shed: mode'],
    [{ maxInFlight: 1, share: 2 }, 'shed: share'],
  ])('throws when made with %o', (options, ...words) => {
    refusesToBeMade(() => shed(options), ...words)
  })

  test('an exemption that throws is a bug; in report mode the request passes, and is counted', async () => {
    const exempt = (): never => {
      throw new Error('bug')
    }
    const { log } = recorder()
    expect(await statusOf(compose(errors({ log }), shed({ maxInFlight: 1, exempt }))(ok))).toBe(500)
    const context = contextOf()
    expect(await statusOf(shed({ maxInFlight: 1, exempt, mode: 'report' })(ok), context)).toBe(200)
    expect(context.events.map(({ kind }) => kind)).toEqual(['degraded'])
  })

  test('PITFALLS 18: on Workers, where a request may vanish, it lets everything pass and says so once', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const said = vi.spyOn(console, 'error').mockImplementation(() => {})
    const { platform } = contextOf({ platform: { name: 'workerd', ephemeral: true } })
    const door = shed({ maxInFlight: 1, maxDelay: '50ms', maxLatency: '50ms' })
    const { handler, open } = gate()
    const vanished = Array.from({ length: 10 }, () => statusOf(door(handler), { ...contextOf(), platform }))
    expect(vi.getTimerCount()).toBe(0)
    expect(await statusOf(door(ok), { ...contextOf(), platform })).toBe(200)
    expect(warned.mock.calls.length + said.mock.calls.length).toBe(1)
    for (let i = 0; i < 10; i++) open()
    await Promise.all(vanished)
    warned.mockRestore()
    said.mockRestore()
  })

  test('PITFALLS 19: the wall clock may jump; elapsed time may stand still', async () => {
    const clock = virtualClock()
    const context = (): Context => contextOf({ clock })
    const door = shed({ maxDelay: '50ms', maxLatency: '50ms' })
    const { handler, open } = gate()
    const first = statusOf(door(handler), context())
    for (const jump of [3_600_000, -7_200_000, 0]) {
      clock.jump(jump)
      expect(refusedIn(await statuses(door(inTime), 20, context))).toBe(0)
    }
    open()
    await first
  })

  test('a clock that begins anew (another server of the same process) sheds nobody for good', async () => {
    const { context, block, pass } = time()
    const door = shed({ maxDelay: '50ms', maxLatency: '50ms' })
    const { handler, open } = gate()
    const first = statusOf(door(handler), context())
    await pass(100_000 / 100)
    block(1_000)
    expect(await statusOf(door(ok), context())).toBe(503)
    const other = virtualClock()
    expect(await statuses(door(ok), 20, () => contextOf({ clock: other }))).toEqual(Array(20).fill(200))
    open()
    await first
  })
})

describe('leaves streams alone', () => {
  test('PITFALLS 10: to the end', () =>
    leavesStreamsAlone(shed({ maxInFlight: 2, maxDelay: '20s', maxLatency: '20s' })))

  test('PITFALLS 10: to the head', () => leavesStreamsAlone(shed({ maxInFlight: 1, until: 'head' })))

  test('a stream is in flight to its last byte', async () => {
    const door = shed({ maxInFlight: 1 })
    const reader = (await send(door(() => new Response(source(10, 1).stream)))).body!.getReader()
    await reader.read()
    expect(await statusOf(door(ok))).toBe(503)
    expect((await reader.read()).done).toBe(true)
    expect(await statusOf(door(ok))).toBe(200)
  })

  test('or, if asked, to its head only', async () => {
    const door = shed({ maxInFlight: 1, until: 'head' })
    const { handler, open } = gate()
    const begun = send(door(handler))
    expect(await statusOf(door(ok))).toBe(503)
    open(() => new Response(source(10).stream))
    const reader = (await begun).body!.getReader()
    await reader.read()
    expect(await statusOf(door(ok))).toBe(200)
    await reader.cancel()
  })

  test('how long a stream lasts is no latency', async () => {
    const clock = virtualClock()
    const door = shed({ maxLatency: '100ms' })
    for (let i = 0; i < 50; i++) {
      const response = await send(door(() => new Response(source(10, 2).stream)), requestTo(), contextOf({ clock }))
      expect(response.status).toBe(200)
      clock.advance(60_000)
      await response.text()
    }
    const { handler, open } = gate()
    const first = statusOf(door(handler), contextOf({ clock }))
    expect(await statusOf(door(ok), contextOf({ clock }))).toBe(200)
    open()
    await first
  })
})
