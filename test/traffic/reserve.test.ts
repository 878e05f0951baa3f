import { parseList } from 'structured-headers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { compose } from '../../src/core/compose.ts'
import { type Context, ended } from '../../src/core/context.ts'
import { errors } from '../../src/core/errors.ts'
import type { HasReservation } from '../../src/core/facts.ts'
import type { Handler } from '../../src/core/handler.ts'
import type { Store } from '../../src/core/store.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { local } from '../../src/traffic/limiter.ts'
import type { LimitSpec } from '../../src/traffic/limits.ts'
import { reserve, type ReserveOptions } from '../../src/traffic/reserve.ts'
import { contextOf, recorder, requestTo, send, settled, source, virtualClock } from '../helpers.ts'
import { codeOf, leavesStreamsAlone, refusesToBeMade } from '../request/support.ts'

const unhandled = vi.fn()

beforeEach(() => {
  unhandled.mockClear()
  process.on('unhandledRejection', unhandled)
})
afterEach(async () => {
  vi.restoreAllMocks()
  await settled()
  process.off('unhandledRejection', unhandled)
  expect(unhandled).not.toHaveBeenCalled()
})

type Reserving = Handler<HasReservation>

const one = (): string => 'one'
const tokens: LimitSpec = { name: 'tokens', limit: 10_000, window: '1h', unit: 'tokens' }

/** A store that answers later, as one across the network does, and counts its corrections. */
function remote() {
  const memory = memoryStore()
  const corrections: (readonly number[])[] = []
  const store: Store = {
    consume: (set, key, costs, call) => Promise.resolve().then(() => memory.consume(set, key, costs, call)!),
    adjust(set, key, changes, at, call) {
      corrections.push(changes)
      return Promise.resolve().then(() => memory.adjust(set, key, changes, at, call))
    },
  }
  return { store, corrections }
}

/** A memory store that counts its corrections. */
function counting() {
  const memory = memoryStore()
  const corrections: (readonly number[])[] = []
  const store: Store = {
    consume: (set, key, costs, call) => memory.consume(set, key, costs, call),
    adjust(set, key, changes, at, call) {
      corrections.push(changes)
      memory.adjust(set, key, changes, at, call)
    },
  }
  return { store, corrections }
}

function bench(options: Partial<ReserveOptions<{}>> = {}) {
  const wrapper = reserve({ key: one, limits: [tokens], estimate: 4_000, log: () => {}, ...options })
  return {
    wrapper,
    call: (handler: Reserving, context: Context = contextOf()): Promise<Response> =>
      send(wrapper(handler), requestTo(), context),
    /** What is left of each limit, as the next request would be told (and without taking the estimate for good). */
    async left(): Promise<Record<string, number>> {
      let refused: Response | undefined
      const response = await send(wrapper((_request, { reservation }) => {
        reservation.settle(0)
        return new Response()
      }))
      if (response.status === 429) refused = response
      const fields = parseList((refused ?? response).headers.get('ratelimit') ?? '')
      return Object.fromEntries(fields.map(([name, parameters]) => {
        const r = Number(parameters.get('r'))
        return [String(name), refused === undefined && name === 'tokens' ? r + 4_000 : r]
      }))
    },
  }
}

const settling = (units: number): Reserving => (_request, { reservation }) => {
  reservation.settle(units)
  return Response.json('ok')
}

describe.each([['that answers at once', counting], ['that answers later', remote]] as const)(
  'with a store %s',
  (_kind, storeOf) => {
    test('4,000 are reserved, 812 were used, and 3,188 are given back at once', async () => {
      const { store, corrections } = storeOf()
      const { call, left } = bench({ store })
      let inFlight = 0
      await call(async (_request, { reservation }) => {
        expect(reservation.reserved).toBe(4_000)
        inFlight = (await left())['tokens']!
        reservation.settle(812)
        await settled()
        expect(await left()).toEqual({ tokens: 9_188 })
        return Response.json('ok')
      })
      expect(inFlight).toBe(6_000)
      expect(corrections).toContainEqual([-3_188])
      expect(await left()).toEqual({ tokens: 9_188 })
    })

    test('what was spent in a stream is settled at its end, once', async () => {
      const { store, corrections } = storeOf()
      const { call, left } = bench({ store })
      const response = await call((_request, { reservation }) => {
        const words = ['one', 'two', 'three']
        return new Response(
          new ReadableStream({
            pull(controller) {
              const word = words.shift()
              if (word === undefined) return controller.close()
              reservation.spend(100)
              controller.enqueue(new TextEncoder().encode(word))
            },
          }, { highWaterMark: 0 }),
        )
      })
      expect(corrections).toEqual([])
      expect(await response.text()).toBe('onetwothree')
      await settled()
      expect(corrections).toEqual([[-3_700]])
      expect(await left()).toEqual({ tokens: 9_700 })
    })

    test('fault 43: a client that leaves in the middle of a stream has used what was spent so far', async () => {
      const { store, corrections } = storeOf()
      const { call, left } = bench({ store })
      const response = await call((_request, { reservation }) =>
        new Response(
          new ReadableStream({
            pull(controller) {
              reservation.spend(50)
              controller.enqueue(new Uint8Array(1))
            },
          }, { highWaterMark: 0 }),
        )
      )
      const reader = response.body!.getReader()
      await reader.read()
      await reader.read()
      await reader.cancel('left')
      await settled()
      expect(corrections).toEqual([[-3_900]])
      expect(await left()).toEqual({ tokens: 9_900 })
    })

    test('a settlement above the estimate charges the rest, even beyond the limit', async () => {
      const { store } = storeOf()
      const { call, left } = bench({ store })
      const clock = virtualClock()
      await call(settling(13_000), contextOf({ clock }))
      await settled()
      const refused = await call(settling(1), contextOf({ clock }))
      expect(refused.status).toBe(429)
      expect(await codeOf(refused)).toBe('rate-limit-exceeded')
      expect(await left()).toEqual({ tokens: 0 })
      clock.advance(3_600_000)
      expect((await call(settling(1), contextOf({ clock }))).status).toBe(200)
    })

    test('a settlement of exactly the estimate corrects nothing', async () => {
      const { store, corrections } = storeOf()
      await bench({ store }).call(settling(4_000))
      expect(corrections).toEqual([])
    })

    test('the first settlement counts, be it said or summed up', async () => {
      const { store, corrections } = storeOf()
      const { call } = bench({ store })
      const context = contextOf()
      await call((_request, { reservation }) => {
        reservation.spend(500)
        reservation.settle(812)
        reservation.settle(1)
        reservation.spend(9)
        return Response.json('ok')
      }, context)
      ended(context, { status: 200, bytes: 2, outcome: 'complete' })
      await settled()
      expect(corrections).toEqual([[-3_188]])
    })

    test('who says nothing has used the estimate', async () => {
      const { store, corrections } = storeOf()
      const { call, left } = bench({ store })
      await call(() => Response.json('ok'))
      vi.spyOn(console, 'error').mockImplementation(() => {})
      await call(() => Promise.reject(new Error('bug')))
      expect(corrections).toEqual([])
      expect((await left())['tokens']).toBe(2_000)
    })

    test('refundWhen gives back everything, of limits with a cost of their own, too', async () => {
      const { store, corrections } = storeOf()
      const { call, left } = bench({
        store,
        limits: [tokens, { name: 'calls', limit: 10, window: '1h', cost: 1 }, {
          name: 'free',
          limit: 1,
          window: '1h',
          cost: 0,
        }],
        refundWhen: ({ status }) => status >= 500,
      })
      await call(() => Response.json('broken', { status: 503 }))
      await settled()
      expect(corrections[0]!.map((change) => change + 0)).toEqual([-4_000, -1, 0])
      expect(await left()).toEqual({ tokens: 10_000, calls: 9, free: 1 })
    })

    test('what was said to be used is used, whatever refundWhen says', async () => {
      const { store, corrections } = storeOf()
      const { call } = bench({ store, refundWhen: () => true })
      await call(settling(812))
      await call((_request, { reservation }) => {
        reservation.spend(100)
        return Response.json('ok')
      })
      await settled()
      expect(corrections).toEqual([[-3_188], [-3_900]])
    })

    test('a limit with a cost of its own takes no part in the reservation: it counts as ever', async () => {
      const { store, corrections } = storeOf()
      const { call, left } = bench({ store, limits: [tokens, { name: 'calls', limit: 10, window: '1h', cost: 2 }] })
      let reserved = 0
      await call((_request, { reservation }) => {
        ;({ reserved } = reservation)
        reservation.settle(812)
        return Response.json('ok')
      })
      await settled()
      expect(reserved).toBe(4_000)
      expect(corrections).toEqual([[-3_188, 0]])
      expect(await left()).toEqual({ tokens: 9_188, calls: 6 })
    })

    test('of fifty at once only those get in whose estimates fit', async () => {
      const { store } = storeOf()
      const { wrapper } = bench({ store, estimate: 1_000 })
      const door = wrapper(async () => {
        await settled()
        return Response.json('ok')
      })
      const all = await Promise.all(Array.from({ length: 50 }, () => send(door)))
      expect(all.filter(({ status }) => status === 200)).toHaveLength(10)
      expect(all.filter(({ status }) => status === 429)).toHaveLength(40)
    })
  },
)

describe('reserving', () => {
  test('an estimate may be a function of the request', async () => {
    const { call, left } = bench({ estimate: () => 2_500 })
    await call((_request, { reservation }) => {
      expect(reservation.reserved).toBe(2_500)
      return Response.json('ok')
    })
    expect((await left())['tokens']).toBe(5_000 + 4_000)
  })

  test('the client is told the units, and where it stands with the estimate taken', async () => {
    const { headers } = await bench().call(settling(812))
    expect(headers.get('ratelimit-policy')).toBe('"tokens";q=10000;qu="tokens";w=3600')
    expect(headers.get('ratelimit')).toBe('"tokens";r=6000;t=3600')
  })

  test('PITFALLS 4: an estimate that does not fit takes nothing, and the handler does not run', async () => {
    const { call, wrapper } = bench()
    await call(settling(7_000))
    const inner = vi.fn(settling(0))
    const context = contextOf()
    const refused = await send(wrapper(inner), requestTo(), context)
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('3600')
    expect(context.events).toMatchObject([{ kind: 'refused', guard: 'reserve', code: 'rate-limit-exceeded' }])
    expect(inner).not.toHaveBeenCalled()
    const small = reserve({ key: one, limits: [tokens], estimate: 3_000 })
    expect((await send(small(settling(0)))).status).toBe(200)
  })

  test('PITFALLS 4: an estimate above the limit is refused for good', async () => {
    const refused = await bench({ estimate: () => 10_001 }).call(settling(0))
    expect(refused.status).toBe(400)
    expect(await codeOf(refused)).toBe('cost-exceeds-limit')
  })

  test('a key of undefined is not counted: nothing is reserved, and settling is nothing', async () => {
    const { store, corrections } = counting()
    await bench({ store, key: () => undefined }).call((_request, { reservation }) => {
      expect(reservation.reserved).toBe(0)
      reservation.settle(5)
      return Response.json('ok')
    })
    expect(corrections).toEqual([])
  })

  test('is not async: a synchronous handler stays one', () => {
    expect(bench().wrapper(settling(1))(requestTo(), contextOf())).toBeInstanceOf(Response)
  })

  test('two at once do not share a reservation', async () => {
    const { call, left } = bench()
    await Promise.all([100, 200].map((units) =>
      call(async (_request, { reservation }) => {
        await settled()
        reservation.settle(units)
        return Response.json('ok')
      })
    ))
    expect(await left()).toEqual({ tokens: 9_700 })
  })

  test('mounted twice it says so, loudly', async () => {
    const { log, records } = recorder()
    const { wrapper } = bench()
    const door = errors({ log })(wrapper((request, context) => wrapper(settling(1))(request, context)))
    expect((await send(door)).status).toBe(500)
    expect(String(records[0]!['error'])).toContain('mounted twice')
  })

  test('what comes back goes to the window it was taken from: a late settlement gives nothing to the next one', async () => {
    const clock = virtualClock()
    const { call, wrapper } = bench()
    let settle: (units: number) => void = () => {}
    await call((_request, { reservation }) => {
      ;({ settle } = reservation)
      return Response.json('ok')
    }, contextOf({ clock }))
    clock.advance(3_600_000)
    const second = await send(wrapper(settling(4_000)), requestTo(), contextOf({ clock }))
    expect(second.headers.get('ratelimit')).toBe('"tokens";r=6000;t=3600')
    settle(0)
    const third = await send(wrapper(settling(4_000)), requestTo(), contextOf({ clock }))
    expect(third.headers.get('ratelimit')).toBe('"tokens";r=2000;t=3600')
  })

  test('a settlement in the background, after the response, counts, too', async () => {
    const { store, corrections } = remote()
    const work: Promise<unknown>[] = []
    const context = contextOf({ waitUntil: (one) => void work.push(one) })
    await bench({ store }).call((_request, { reservation, waitUntil }) => {
      waitUntil(settled().then(() => reservation.settle(812)))
      return Response.json('ok')
    }, context)
    expect(corrections).toEqual([])
    await work[0]
    expect(corrections).toEqual([[-3_188]])
    expect(work).toHaveLength(2)
    await work[1]
  })
})

describe('refuses the bad', () => {
  test.each([-1, 1.5, Number.NaN, Infinity, '5', undefined, null])(
    'units of %s are a bug, and settle nothing',
    async (units) => {
      const { store, corrections } = counting()
      await bench({ store }).call((_request, { reservation }) => {
        for (const say of [reservation.settle, reservation.spend]) {
          expect(() => say(units as number)).toThrow(TypeError)
          expect(() => say(units as number)).toThrow(/^reservation\.(settle|spend): units must be/)
        }
        reservation.settle(812)
        return Response.json('ok')
      })
      expect(corrections).toEqual([[-3_188]])
    },
  )

  test.each<[string, Record<string, unknown>]>([
    ['key', { key: undefined }],
    ['store', { store: {} }],
    ['store', { store: { consume: () => undefined } }],
    ['limits', { limits: [] }],
    ['limits', { limits: undefined }],
    ['limits[0].limit', { limits: [{ ...tokens, limit: 0 }] }],
    ['cost', { estimate: undefined }],
    ['cost', { estimate: 0 }],
    ['cost', { estimate: 1.5 }],
    ['cost', { estimate: 10_001 }],
    ['cost', { estimate: '4000' }],
    ['onOutage', { onOutage: 'open' }],
    ['deadline', { deadline: 250 }],
  ])('throws when made for a bad %s: %j', (option, options) => {
    const make = (): unknown =>
      reserve({ key: one, limits: [tokens], estimate: 4_000, ...options } as unknown as ReserveOptions<{}>)
    refusesToBeMade(make, `reserve: ${option} `)
  })
})

describe('PITFALLS 5: survives the broken', () => {
  const down = (): Store => ({
    consume: () => Promise.reject(new Error('down')),
    adjust: vi.fn(() => Promise.reject(new Error('down'))),
  })

  test('let pass in an outage, a reservation holds nothing and settles nothing', async () => {
    const store = down()
    const context = contextOf()
    const response = await bench({ store, refundWhen: () => true }).call((_request, { reservation }) => {
      expect(reservation.reserved).toBe(0)
      reservation.spend(3)
      reservation.settle(812)
      return Response.json('ok')
    }, context)
    expect(response.status).toBe(200)
    expect(response.headers.get('ratelimit')).toBeNull()
    expect(context.events).toMatchObject([{ kind: 'degraded', guard: 'reserve', code: 'guard-unavailable' }])
    expect(store.adjust).not.toHaveBeenCalled()
  })

  test('closed, it is a 503', async () => {
    const inner = vi.fn(settling(0))
    const refused = await bench({ store: down(), onOutage: 'refuse' }).call(inner)
    expect(refused.status).toBe(503)
    expect(inner).not.toHaveBeenCalled()
  })

  test('local counts estimates in this process', async () => {
    const { call } = bench({ store: down(), onOutage: local(0.5) })
    const all = [await call(settling(0)), await call(settling(0))]
    expect(all.map(({ status }) => status)).toEqual([200, 429])
  })

  test.each<[string, () => unknown]>([
    ['rejects', () => Promise.reject(new Error('down'))],
    ['throws', () => {
      throw new Error('down')
    }],
  ])('a settlement that the store %s is lost, quietly: the estimate stays charged', async (_what, adjust) => {
    const memory = memoryStore()
    const store = { consume: memory.consume.bind(memory), adjust } as unknown as Store
    const { call } = bench({ store })
    expect((await call(settling(812))).status).toBe(200)
    await settled()
    expect((await call(settling(812))).headers.get('ratelimit')).toContain('r=2000')
  })

  test('a refundWhen that throws gives nothing back and touches nobody', async () => {
    const { store, corrections } = counting()
    const { call } = bench({
      store,
      refundWhen: () => {
        throw new Error('bug')
      },
    })
    expect((await call(() => Response.json('ok'))).status).toBe(200)
    expect(corrections).toEqual([])
  })

  test.each([1, 'yes', {}, Promise.resolve(true)])('a refundWhen that gives %s gives nothing back', async (given) => {
    const { store, corrections } = counting()
    await bench({ store, refundWhen: () => given as boolean }).call(() => Response.json('ok'))
    expect(corrections).toEqual([])
  })

  test('a handler that throws after spending has used what it spent', async () => {
    const { store, corrections } = counting()
    const { log } = recorder()
    const { wrapper } = bench({ store })
    const door = compose(errors({ log }), wrapper)((_request, { reservation }) => {
      reservation.spend(70)
      throw new Error('bug')
    })
    expect((await send(door)).status).toBe(500)
    expect(corrections).toEqual([[-3_930]])
  })

  test('fault 43: a stream that breaks has used what was spent', async () => {
    const { store, corrections } = counting()
    const response = await bench({ store }).call((_request, { reservation }) => {
      reservation.spend(70)
      return new Response(source(1, 1, 'error').stream)
    })
    await expect(response.text()).rejects.toThrow()
    expect(corrections).toEqual([[-3_930]])
  })
})

describe('leaves streams alone', () => {
  test('passes request and response on, chunk by chunk', () =>
    leavesStreamsAlone((next) => bench().wrapper(next as Reserving)))
})
