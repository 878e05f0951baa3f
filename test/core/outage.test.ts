import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { MaybePromise } from '../../src/core/handler.ts'
import type { Circumstance, OutageOptions } from '../../src/core/outage.ts'
import { Gate, isOutage } from '../../src/core/outage.ts'
import { contextOf, recorder, settled, virtualClock } from '../helpers.ts'

const unhandled = vi.fn()

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  unhandled.mockClear()
  process.on('unhandledRejection', unhandled)
})
afterEach(async () => {
  if (vi.isFakeTimers()) expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
  await settled()
  process.off('unhandledRejection', unhandled)
  expect(unhandled).not.toHaveBeenCalled()
})

const never = new Promise<string>(() => {})
const refused = (): Promise<string> => Promise.reject(new Error('ECONNREFUSED'))

/** A store whose ways are set from outside, with a gate to it, and what came of it. */
function bench(options: OutageOptions = {}, store: object = {}) {
  const clock = virtualClock()
  const { log, records } = recorder()
  const work: Promise<unknown>[] = []
  const circumstance: Circumstance = contextOf({ clock, waitUntil: (one) => void work.push(one) })
  const ways = {
    ask: (): MaybePromise<string> => Promise.resolve('fine'),
    probe: (): unknown => Promise.resolve('fine'),
    asked: 0,
    probed: 0,
  }
  const gate = new Gate(store, 'test', { log, ...options }, () => {
    ways.probed++
    return ways.probe()
  })
  const call = (): ReturnType<typeof gate.call<string>> =>
    gate.call(circumstance, () => {
      ways.asked++
      return ways.ask()
    })
  return {
    ways,
    clock,
    records,
    work,
    gate,
    circumstance,
    call,
    codes: () => records.map(({ code }) => code),
    /** Time passes, for the clock and for timers. */
    async pass(ms: number): Promise<void> {
      clock.advance(ms)
      await vi.advanceTimersByTimeAsync(ms)
    },
    /** Fails until the breaker is open. */
    async breakIt(): Promise<void> {
      const { ask } = ways
      ways.ask = refused
      for (let i = 0; i < 5; i++) await call()
      ways.ask = ask
    },
    /** Calls, without waiting for more than is due. */
    async outcome(): Promise<string> {
      const answer = await call()
      return isOutage(answer) ? answer.reason : answer
    },
  }
}

const OPEN = 'the store is out; it is not asked'
const SLOW = 'the store did not answer in time'
const FAILED = 'the store failed'

describe('closed: every call goes to the store', () => {
  test('a synchronous store stays synchronous, and no timer is set', () => {
    const { call, ways } = bench()
    ways.ask = () => 'now'
    expect(call()).toBe('now')
    ways.ask = () => {
      throw new Error('down')
    }
    const outage = call()
    expect(isOutage(outage)).toBe(true)
    expect(outage).toMatchObject({ outcome: 'degraded', reason: FAILED })
    expect(vi.getTimerCount()).toBe(0)
  })

  test('an answer in time is given on as it is, be it undefined, false or a text that looks like an outage', async () => {
    const { call, ways } = bench()
    for (const answer of [undefined, false, null, SLOW, { outcome: 'degraded' }]) {
      ways.ask = () => Promise.resolve(answer as string)
      expect(await call()).toBe(answer)
      expect(isOutage(await call())).toBe(false)
    }
  })

  test('a rejection is an outage that tells nothing of its cause', async () => {
    const { call, ways, records } = bench()
    for (const cause of [new Error('redis://user:hunter2@10.0.0.5'), 'text', undefined, null]) {
      ways.ask = () => Promise.reject(cause)
      const outage = await call()
      expect(isOutage(outage)).toBe(true)
      expect(JSON.stringify(outage)).not.toMatch(/hunter2|text/)
    }
    expect(records).toEqual([])
  })

  test.each([[undefined, 250], ['40ms', 40], ['2s', 2_000]] as const)(
    'PITFALLS 5: with a deadline of %s an answer is waited for %i ms',
    async (deadline, ms) => {
      const { ways, outcome, pass } = bench({ deadline })
      ways.ask = () => never
      const done = vi.fn()
      const answer = outcome().finally(done)
      await pass(ms - 1)
      expect(done).not.toHaveBeenCalled()
      await pass(1)
      expect(await answer).toBe(SLOW)
    },
  )

  test('PITFALLS 5: by the real clock, the first request waits its deadline, the next ones not at all', async () => {
    vi.useRealTimers()
    const { ways, outcome } = bench({ deadline: '100ms' })
    ways.ask = () => never
    ways.probe = () => never
    const started = performance.now()
    expect(await outcome()).toBe(SLOW)
    expect(performance.now() - started).toBeLessThan(150 + 100) // others use this machine
    const next = performance.now()
    for (let i = 0; i < 100; i++) expect(await outcome()).toBe(OPEN)
    expect((performance.now() - next) / 100).toBeLessThan(5)
  })
})

describe('when it opens', () => {
  test('a store that is silent opens it at once', async () => {
    const { ways, outcome, pass } = bench()
    ways.ask = () => never
    const first = outcome()
    await pass(250)
    expect(await first).toBe(SLOW)
    expect(await outcome()).toBe(OPEN)
    expect(ways.asked).toBe(1)
  })

  test('a store that is slow once, while it answers others, is not silent', async () => {
    const { ways, outcome, pass } = bench()
    ways.ask = () => never
    const slow = outcome()
    await pass(10)
    ways.ask = () => Promise.resolve('fine')
    expect(await outcome()).toBe('fine')
    await pass(240)
    expect(await slow).toBe(SLOW)
    expect(await outcome()).toBe('fine')
  })

  test('five failures in a row open it, of whatever kind; a success between starts again', async () => {
    const { ways, outcome } = bench()
    const fail = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) {
        ways.ask = i % 2 === 0 ? refused : () => {
          throw new Error('down')
        }
        expect(await outcome()).toBe(FAILED)
      }
    }
    await fail(4)
    ways.ask = () => Promise.resolve('fine')
    expect(await outcome()).toBe('fine')
    await fail(5)
    ways.ask = () => Promise.resolve('fine')
    expect(await outcome()).toBe(OPEN)
  })

  test('breaker.failures says how many', async () => {
    const { ways, outcome } = bench({ breaker: { failures: 1 } })
    ways.ask = refused
    expect([await outcome(), await outcome()]).toEqual([FAILED, OPEN])
  })

  test('it says so synchronously, without a timer', async () => {
    const { call, breakIt, ways } = bench()
    await breakIt()
    ways.probe = () => 'fine'
    expect(isOutage(call())).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
    await settled0()
  })

  test('fault 36: a thousand calls to a store that hangs all end at their deadline, with one alarm', async () => {
    const { ways, outcome, pass, codes } = bench()
    ways.ask = () => never
    const all = Array.from({ length: 1_000 }, () => outcome())
    await pass(250)
    expect(new Set(await Promise.all(all))).toEqual(new Set([SLOW]))
    expect(codes()).toEqual(['store-outage'])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('users of one store object share its breaker; other stores are not affected', async () => {
    const store = {}
    const one = bench({}, store)
    const two = bench({}, store)
    const other = bench()
    await one.breakIt()
    two.ways.probe = refused
    expect([await two.outcome(), await other.outcome()]).toEqual([OPEN, 'fine'])
    expect([...one.codes(), ...two.codes()]).toEqual(['store-outage'])
  })
})

describe('open: no request waits, probes go out in the background', () => {
  test('at most two a second, and none without a request', async () => {
    const { ways, outcome, pass, breakIt } = bench()
    ways.probe = refused
    await breakIt()
    await pass(5_000)
    expect(ways.probed).toBe(0)
    for (let i = 0; i < 1_000; i++) {
      expect(await outcome()).toBe(OPEN)
      await pass(10)
    }
    expect(ways.probed).toBe(20)
    expect(ways.asked).toBe(5)
  })

  test('one at a time: while one waits for its deadline, no other goes out', async () => {
    const { ways, outcome, pass, breakIt } = bench({ deadline: '3s' })
    ways.probe = () => never
    await breakIt()
    for (let i = 0; i < 29; i++) {
      expect(await outcome()).toBe(OPEN)
      await pass(100)
    }
    expect(ways.probed).toBe(1)
    await pass(100)
    expect(await outcome()).toBe(OPEN)
    await pass(0)
    expect(ways.probed).toBe(2)
    await pass(3_000)
  })

  test('a probe is work of the request that it goes out with, and starts after it has been answered', async () => {
    const { ways, call, work, breakIt } = bench()
    ways.probe = () => {
      throw new Error('a store that fails synchronously')
    }
    await breakIt()
    expect(isOutage(call())).toBe(true)
    expect(ways.probed).toBe(0)
    expect(work).toHaveLength(1)
    await expect(work[0]).resolves.toBeUndefined()
    expect(ways.probed).toBe(1)
  })

  test('fault 35: a store that is back is used within a second, long before openFor', async () => {
    const { ways, outcome, pass, breakIt } = bench()
    ways.probe = refused
    await breakIt()
    for (let i = 0; i < 73; i++) {
      await outcome()
      await pass(100)
    }
    ways.probe = () => Promise.resolve('fine')
    let waited = 0
    while (await outcome() === OPEN) {
      await pass(50)
      waited += 50
    }
    expect(waited).toBeLessThanOrEqual(1_000)
    expect(await outcome()).toBe('fine')
  })

  test('a probe that is answered too late does not close it', async () => {
    const { ways, outcome, pass, breakIt } = bench()
    ways.probe = () => new Promise((resolve) => setTimeout(resolve, 300))
    await breakIt()
    expect(await outcome()).toBe(OPEN)
    await pass(300)
    expect(await outcome()).toBe(OPEN)
    await pass(300)
  })

  test('the answer to a call that was under way closes it, too', async () => {
    const { ways, outcome, breakIt } = bench()
    let answer: (text: string) => void = () => {}
    ways.ask = () => new Promise((resolve) => answer = resolve)
    const early = outcome()
    await breakIt()
    ways.ask = () => Promise.resolve('fine')
    expect(await outcome()).toBe(OPEN)
    answer('late but in time')
    expect(await early).toBe('late but in time')
    expect(await outcome()).toBe('fine')
    await settled0()
  })

  test('calls that wait since before the recovery do not open it again', async () => {
    const { ways, outcome, pass } = bench()
    ways.ask = () => never
    const first = outcome()
    await pass(200)
    const straggler = outcome()
    await pass(50)
    expect(await first).toBe(SLOW)
    expect(await outcome()).toBe(OPEN) // and its probe is answered
    await pass(0)
    await pass(200)
    expect(await straggler).toBe(SLOW)
    ways.ask = () => Promise.resolve('fine')
    expect(await outcome()).toBe('fine')
  })
})

describe('half-open: after openFor one request tries for itself', () => {
  test.each([[undefined, 30_000], ['2s', 2_000]] as const)(
    'with openFor %s exactly one of a hundred, after %i ms, and again after its failure',
    async (openFor, ms) => {
      const { ways, outcome, pass, breakIt } = bench({ breaker: { openFor } })
      ways.probe = refused
      await breakIt()
      await pass(ms - 1)
      expect(await outcome()).toBe(OPEN)
      await pass(1)
      ways.ask = refused
      for (let round = 1; round <= 2; round++) {
        const all = await Promise.all(Array.from({ length: 100 }, () => outcome()))
        expect(all.filter((one) => one === FAILED)).toHaveLength(1)
        expect(all.filter((one) => one === OPEN)).toHaveLength(99)
        expect(ways.asked).toBe(5 + round)
        await pass(ms)
      }
      ways.ask = () => Promise.resolve('fine')
      expect([await outcome(), await outcome()]).toEqual(['fine', 'fine'])
    },
  )

  test('while it tries, the others are not held up', async () => {
    const { ways, outcome, pass, breakIt } = bench()
    ways.probe = refused
    await breakIt()
    await pass(30_000)
    ways.ask = () => never
    const trying = outcome()
    expect(await outcome()).toBe(OPEN)
    await pass(250)
    expect(await trying).toBe(SLOW)
    expect(await outcome()).toBe(OPEN)
  })

  test('a probe that was cut off (Workers drop what outlives a request) is not waited for beyond openFor', async () => {
    const { ways, outcome, pass, clock, breakIt } = bench()
    ways.probe = () => never
    await breakIt()
    await outcome()
    clock.advance(30_000) // its timer never comes
    ways.ask = refused
    expect(await outcome()).toBe(FAILED)
    clock.advance(500)
    expect(await outcome()).toBe(OPEN)
    await settled0()
    expect(ways.probed).toBe(2)
    await pass(250)
  })
})

describe('one alarm per outage', () => {
  test('fault 35: an alarm with the cause when it opens, nothing while it lasts, an all-clear with how long it was', async () => {
    const { ways, outcome, pass, breakIt, records } = bench()
    ways.probe = refused
    await breakIt()
    ways.ask = refused
    for (let i = 0; i < 1_000; i++) {
      await outcome()
      await pass(100)
    }
    expect(records).toEqual([{
      level: 'error',
      message: 'test: the store is out; requests get the outage policy until it answers',
      code: 'store-outage',
      cause: expect.objectContaining({ message: 'ECONNREFUSED' }) as unknown,
    }])
    ways.probe = () => Promise.resolve('fine')
    await pass(500)
    await outcome()
    await pass(0)
    expect(records).toHaveLength(2)
    expect(records[1]).toMatchObject({ level: 'warn', code: 'store-recovered' })
    expect(records[1]!['seconds']).toBeCloseTo(100, -1)
  })

  test('an outage that begins again right after its end is the same one', async () => {
    const { ways, outcome, pass, breakIt, codes } = bench()
    for (let i = 0; i < 10; i++) {
      await breakIt()
      expect(await outcome()).toBe(OPEN) // and its probe is answered
      await pass(0)
      expect(await outcome()).toBe('fine')
      await pass(5_000)
    }
    expect(ways.probed).toBe(10)
    expect(codes()).toEqual(['store-outage', 'store-recovered'])
  })

  test('one that begins again and lasts is told again: the last word is not that all is well', async () => {
    const { ways, outcome, pass, breakIt, codes } = bench()
    await breakIt()
    await outcome()
    await pass(1_000)
    expect(codes()).toEqual(['store-outage', 'store-recovered'])
    ways.probe = refused
    await breakIt()
    ways.ask = refused
    for (let i = 0; i < 700; i++) {
      await outcome()
      await pass(100)
    }
    expect(codes()).toEqual(['store-outage', 'store-recovered', 'store-outage'])
    ways.probe = () => Promise.resolve('fine')
    await pass(500)
    await outcome()
    await pass(0)
    expect(codes()).toEqual(['store-outage', 'store-recovered', 'store-outage', 'store-recovered'])
  })

  test('another outage, later, is another alarm', async () => {
    const { outcome, pass, breakIt, codes } = bench()
    for (let i = 0; i < 2; i++) {
      await breakIt()
      await outcome()
      await settled0()
      await pass(60_000)
    }
    expect(codes()).toEqual(['store-outage', 'store-recovered', 'store-outage', 'store-recovered'])
  })

  test('failures that do not open it are not told', async () => {
    const { ways, outcome, records } = bench()
    for (let i = 0; i < 20; i++) {
      ways.ask = i % 5 === 4 ? () => Promise.resolve('fine') : refused
      await outcome()
    }
    expect(records).toEqual([])
  })

  test('a log that throws or rejects touches nobody', async () => {
    for (
      const log of [
        () => {
          throw new Error('log')
        },
        () => Promise.reject(new Error('log')) as unknown as void,
      ]
    ) {
      const { outcome, breakIt, pass } = bench({ log })
      await breakIt()
      expect(await outcome()).toBe(OPEN)
      await pass(0)
      expect(await outcome()).toBe('fine')
    }
  })
})

describe('leaves nothing behind', () => {
  test('PITFALLS 16: what comes after the deadline is dropped, a rejection too', async () => {
    const { ways, outcome, pass } = bench({ breaker: { failures: 1_000 } })
    const outcomes: Promise<string>[] = []
    for (const late of ['resolves', 'rejects']) {
      ways.ask = () =>
        new Promise((resolve, reject) =>
          setTimeout(() => late === 'resolves' ? resolve('late') : reject(new Error('late')), 400)
        )
      outcomes.push(outcome())
    }
    await pass(400)
    expect(await Promise.all(outcomes)).toEqual([SLOW, SLOW])
  })

  test('PITFALLS 16: no timer is open after a thousand calls that ended in every way', async () => {
    const { ways, outcome, pass } = bench({ breaker: { failures: 10_000 } })
    const endings: (() => MaybePromise<string>)[] = [
      () => 'now',
      () => Promise.resolve('fine'),
      refused,
      () => {
        throw new Error('thrown')
      },
      () => new Promise((resolve) => setTimeout(() => resolve('slow'), 100)),
      () => never,
    ]
    const all = Array.from({ length: 1_000 }, (_, i) => {
      ways.ask = endings[i % endings.length]!
      return outcome()
    })
    await pass(250)
    expect(new Set(await Promise.all(all))).toEqual(new Set(['now', 'fine', FAILED, 'slow', SLOW]))
    expect(vi.getTimerCount()).toBe(0)
  })

  test('PITFALLS 18: making one asks nothing, reads no clock and sets no timer', () => {
    const { ways, work } = bench()
    expect([ways.asked, ways.probed, work.length, vi.getTimerCount()]).toEqual([0, 0, 0, 0])
  })
})

test.each<[string, Record<string, unknown>]>([
  ['deadline', { deadline: 250 }],
  ['deadline', { deadline: '0ms' }],
  ['deadline', { deadline: '25d' }],
  ['breaker.failures', { breaker: { failures: 0 } }],
  ['breaker.failures', { breaker: { failures: 1.5 } }],
  ['breaker.failures', { breaker: { failures: '5' } }],
  ['breaker.openFor', { breaker: { openFor: 30 } }],
  ['breaker.openFor', { breaker: { openFor: '0s' } }],
])('throws when made for a bad %s: %j', (option, options) => {
  const make = (): Gate => new Gate({}, 'user', options as OutageOptions, () => {})
  expect(make).toThrow(TypeError)
  expect(make).toThrow(`user: ${option} must be`)
})

/** Lets promise reactions run, by the faked timers. */
async function settled0(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0)
}
