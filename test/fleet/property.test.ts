/**
 * The same random stories told to memory, to Redis, and to the arithmetic that both claim to do: every verdict the
 * same, and no limit ever exceeded.
 */
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Limit, LimitAlgorithm, LimitSet, SharedStore, StoreCall, Verdict } from '../../src/core/store.ts'
import { limitSet } from '../../src/core/store.ts'
import type { WindowState } from '../../src/core/window.ts'
import { correct, decide } from '../../src/core/window.ts'
import type { MemoryStore } from '../../src/stores/memory.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { contextOf } from '../helpers.ts'
import { freshKey } from '../stores/contract.ts'
import { immortal } from './clients.ts'
import type { RedisServer } from './redis-server.ts'
import { startRedis } from './redis-server.ts'

const HOUR = 3_600_000
const ALGORITHMS: readonly LimitAlgorithm[] = ['fixed-window', 'sliding-window', 'token-bucket']
let server: RedisServer
let redis: Redis
let store: SharedStore

beforeAll(async () => {
  server = await startRedis()
  redis = new Redis(server.url)
  store = redisStore(redis, { time: 'caller' })
})
afterAll(async () => {
  expect(await immortal(redis)).toEqual([])
  redis.disconnect()
  await server.stop()
})

/** One clock for stores that go by the wall and stores that go by elapsed time; it may be set back for the former. */
interface Time {
  readonly call: StoreCall
  now: number
}

function timeFrom(now: number): Time {
  const read = (): number => time.now
  const time: Time = { now, call: contextOf({ clock: { now: read, monotonic: read } }) }
  return time
}

/** What `core/window.ts` says, with the states kept in an array. */
class Model {
  #states: readonly (WindowState | undefined)[] = []

  consume(set: LimitSet, costs: readonly number[], now: number): Verdict {
    const { verdict, states } = decide(set, this.#states, costs, now)
    this.#states = states ?? this.#states
    return verdict
  }

  adjust(set: LimitSet, changes: readonly number[], now: number, then: number): void {
    this.#states = correct(set, this.#states, changes, now, then)
  }
}

/**
 * A story's time goes by in such steps, and what ends by itself ends at a multiple of them, or a thirtieth: so nothing
 * that the story takes to be alive is so near its end that the server, whose time is real, has let go of it meanwhile.
 */
const TICK = 30_000
const quota = fc.oneof(fc.integer({ min: 1, max: 30 }), fc.constantFrom(1, 7))
const limits = fc.array(
  fc.oneof(
    fc.record({
      algorithm: fc.constantFrom<LimitAlgorithm>('fixed-window', 'token-bucket'),
      quota,
      window: fc.constantFrom(2 * TICK, 3 * TICK, HOUR, 24 * HOUR),
    }),
    fc.record({
      algorithm: fc.constant<LimitAlgorithm>('sliding-window'),
      quota,
      window: fc.constantFrom(60_001, 61_234, 7 * TICK, 1_000_000, HOUR, 24 * HOUR + 1),
    }),
  ),
  { minLength: 1, maxLength: 3 },
)
const start = fc.integer({ min: 56_000_000, max: 60_000_000 }).map((ticks) => ticks * TICK)
const units = fc.tuple(...[0, 1, 2].map(() => fc.integer({ min: 0, max: 9 })))
const changes = fc.tuple(...[0, 1, 2].map(() => fc.integer({ min: -9, max: 12 })))
const ask = fc.record({ kind: fc.constant('ask' as const), units })
const wait = fc.record({
  kind: fc.constant('wait' as const),
  ms: fc.oneof(fc.nat(4), fc.nat(20), fc.nat(30 * HOUR / TICK)).map((ticks) => ticks * TICK),
})
const adjust = fc.record({ kind: fc.constant('adjust' as const), changes, ago: fc.nat(5) })
const quotas = fc.record({ kind: fc.constant('quotas' as const), plus: fc.integer({ min: -3, max: 3 }) })
const jump = fc.record({ kind: fc.constant('jump' as const), ms: fc.constantFrom(-HOUR, HOUR, -TICK, -24 * HOUR) })

type Limits = readonly Omit<Limit, 'name'>[]
const setOf = (some: Limits, plus = 0): LimitSet =>
  limitSet(some.map((one, i) => ({ ...one, name: `n${i}`, quota: Math.max(1, one.quota + plus) })))

describe('told to Redis and to the arithmetic', () => {
  test.each([
    ['without jumps of the clock, and to memory', false],
    ['with jumps of the clock', true],
  ])('%s: the same verdicts', async (_name, jumps) => {
    const memory: MemoryStore | undefined = jumps ? undefined : memoryStore()
    const steps = fc.oneof(
      { weight: 6, arbitrary: ask },
      { weight: 3, arbitrary: wait },
      { weight: 2, arbitrary: adjust },
      { weight: 1, arbitrary: quotas },
      ...(jumps ? [{ weight: 2, arbitrary: jump }] : []),
    )
    const story = fc.array(steps, { minLength: 5, maxLength: 30, size: 'max' })
    await fc.assert(
      fc.asyncProperty(limits, start, story, async (some, from, steps) => {
        const time = timeFrom(from)
        const key = freshKey()
        const model = new Model()
        const consumed = [from]
        let set = setOf(some)
        for (const step of steps) {
          if (step.kind === 'wait' || step.kind === 'jump') time.now += step.ms
          else if (step.kind === 'quotas') set = setOf(some, step.plus)
          else if (step.kind === 'ask') {
            const costs = step.units.slice(0, some.length)
            const expected = model.consume(set, costs, time.now)
            expect(await store.consume(set, key, costs, time.call)).toEqual(expected)
            if (memory !== undefined) expect(memory.consume(set, key, costs, time.call)).toEqual(expected)
            consumed.unshift(expected.at)
          } else {
            const then = consumed[Math.min(step.ago, consumed.length - 1)]!
            const units = step.changes.slice(0, some.length)
            model.adjust(set, units, time.now, then)
            await store.adjust(set, key, units, then, time.call)
            memory?.adjust(set, key, units, then, time.call)
          }
        }
      }),
      { numRuns: 150 },
    )
  }, 120_000)
})

describe('whatever the story', () => {
  const story = fc.array(fc.oneof({ weight: 3, arbitrary: ask }, { weight: 2, arbitrary: wait }), {
    minLength: 10,
    maxLength: 40,
    size: 'max',
  })

  test('no window admits more than its limit, and a refusal changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(limits, start, story, async (some, from, steps) => {
        const time = timeFrom(from)
        const key = freshKey()
        const set = setOf(some)
        const admitted: { readonly at: number; readonly costs: readonly number[] }[] = []
        const kept = (): Promise<string | null> => redis.get(`sallyport:1c:${set.id.length}:${set.id}:${key}`)
        for (const step of steps) {
          if (step.kind === 'wait') {
            time.now += step.ms
            continue
          }
          const costs = step.units.slice(0, some.length)
          const before = await kept()
          const verdict = await store.consume(set, key, costs, time.call)
          if (verdict?.allowed) admitted.push({ at: time.now, costs })
          else expect(await kept()).toBe(before)
          for (const { remaining, resetIn } of verdict?.standings ?? []) {
            expect(remaining).toBeGreaterThanOrEqual(0)
            expect(resetIn).toBeGreaterThanOrEqual(0)
          }
        }
        set.limits.forEach((limit, i) => {
          expectWithin(limit, admitted.map(({ at, costs }) => ({ at, units: costs[i]! })))
        })
      }),
      { numRuns: 120 },
    )
  }, 120_000)

  test('what a refusal names is enough to wait', async () => {
    await fc.assert(
      fc.asyncProperty(limits, start, story, async (some, from, steps) => {
        const time = timeFrom(from)
        const key = freshKey()
        const set = setOf(some)
        for (const step of steps) {
          if (step.kind === 'wait') time.now += step.ms
          else await store.consume(set, key, step.units.slice(0, some.length), time.call)
        }
        const costs = set.limits.map(() => 1)
        const verdict = await store.consume(set, key, costs, time.call)
        if (verdict === undefined || verdict.allowed) return
        time.now += Math.max(...verdict.standings.map(({ remaining, resetIn }) => remaining < 1 ? resetIn : 0))
        expect((await store.consume(set, key, costs, time.call))?.allowed).toBe(true)
      }),
      { numRuns: 80 },
    )
  }, 120_000)
})

describe.each(ALGORITHMS)('a clock that jumps: %s', (algorithm) => {
  const set = limitSet([{ name: 'jump', quota: 10, window: 60_000, algorithm }])
  const takes = async (key: string, time: Time, most = 40): Promise<number> => {
    let taken = 0
    while (taken < most && (await store.consume(set, key, [1], time.call))?.allowed) taken++
    return taken
  }

  test('back by an hour: nobody is freed, and nobody is shut out for longer than a window', async () => {
    const time = timeFrom(1_800_000_000_000)
    const key = freshKey()
    expect(await takes(key, time)).toBe(10)
    time.now -= HOUR
    const refused = await store.consume(set, key, [1], time.call)
    expect(refused?.allowed).toBe(false)
    expect(refused?.standings[0]?.resetIn).toBeGreaterThan(0)
    expect(refused?.standings[0]?.resetIn).toBeLessThanOrEqual(Math.ceil(60_000 * 8 / 7))
    expect(await redis.pttl(`sallyport:1c:${set.id.length}:${set.id}:${key}`)).toBeLessThanOrEqual(
      Math.ceil(60_000 * 8 / 7),
    )
    time.now += Math.ceil(60_000 * 8 / 7)
    expect(await takes(key, time)).toBe(10)
  })

  test('forth by an hour, and back: one window more, not two', async () => {
    const time = timeFrom(1_800_000_000_000)
    const key = freshKey()
    expect(await takes(key, time)).toBe(10)
    time.now += HOUR
    expect(await takes(key, time)).toBe(10)
    time.now -= HOUR
    expect(await takes(key, time)).toBe(0)
    time.now += HOUR
    expect(await takes(key, time)).toBeLessThanOrEqual(10)
  })

  test('a clock that stands still admits the limit, and says so without a negative wait', async () => {
    const time = timeFrom(1_800_000_000_000)
    const key = freshKey()
    expect(await takes(key, time)).toBe(10)
    expect((await store.consume(set, key, [1], time.call))?.standings[0]?.resetIn).toBeGreaterThan(0)
  })
})

interface Admission {
  readonly at: number
  readonly units: number
}

/** What each way to count promises, said without the arithmetic that keeps it. */
function expectWithin({ algorithm, quota, window }: Limit, admitted: readonly Admission[]): void {
  const sum = (some: readonly Admission[]): number => some.reduce((total, { units }) => total + units, 0)
  if (algorithm === 'fixed-window') {
    let rest = admitted.filter(({ units }) => units > 0)
    while (rest.length > 0) {
      const end = rest[0]!.at + window
      expect(sum(rest.filter(({ at }) => at < end))).toBeLessThanOrEqual(quota)
      rest = rest.filter(({ at }) => at >= end)
    }
    return
  }
  admitted.forEach((last, j) => {
    for (const [i, first] of admitted.slice(0, j + 1).entries()) {
      const span = last.at - first.at
      const most = algorithm === 'token-bucket' ? quota + span * quota / window : span < window ? quota : Infinity
      expect(sum(admitted.slice(i, j + 1))).toBeLessThanOrEqual(most)
    }
  })
}
