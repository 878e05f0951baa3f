/** The promises of the three ways to count, held against random sequences. Stores are held against the same in their own tests. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Limit, LimitAlgorithm, LimitSet, Verdict } from '../../src/core/store.ts'
import { limitSet } from '../../src/core/store.ts'
import { correct, decide, WINDOWS, type WindowState } from '../../src/core/window.ts'

const ALGORITHMS = ['fixed-window', 'sliding-window', 'token-bucket'] as const
const EPOCH = 1_785_000_000_000
const HOUR = 3_600_000

/** One key, as a store keeps it: its states are replaced by what is to be written, and by nothing else. */
class Key {
  readonly set: LimitSet
  states: readonly (WindowState | undefined)[] = []

  constructor(...limits: Limit[]) {
    this.set = limitSet(limits)
  }

  consume(now: number, ...costs: number[]): Verdict {
    const { verdict, states } = decide(this.set, this.states, costs, now)
    if (states !== undefined) this.states = states
    return verdict
  }

  correct(now: number, then: number, ...changes: number[]): void {
    this.states = correct(this.set, this.states, changes, now, then)
  }

  /** Units in use, by the first limit. */
  used(now: number): number {
    const { remaining } = this.look(now)
    return this.set.limits[0]!.quota - remaining
  }

  look(now: number): { readonly remaining: number; readonly resetIn: number } {
    return decide(this.set, this.states, this.set.limits.map(() => 0), now).verdict.standings[0]!
  }
}

function limit(algorithm: LimitAlgorithm, quota: number, window: number, name = 'one'): Limit {
  return { name, quota, window, algorithm }
}

interface Take {
  readonly at: number
  readonly units: number
}

const start = fc.constantFrom(0, 1, 12_345, EPOCH, EPOCH + 777)
const quota = fc.integer({ min: 1, max: 20 })
const window = fc.oneof(fc.integer({ min: 1, max: 50 }), fc.constantFrom(100, 999, 1_000, 1_001, 60_000))

/** A limit, and requests whose pauses are thousandths of its window: from bursts to more than a window of silence. */
function sequences(algorithm: LimitAlgorithm) {
  const pause = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1_300 }), fc.integer({ min: 850, max: 1_150 }))
  const step = fc.record({ pause, cost: fc.oneof(quota, fc.constant(20)) })
  return fc.record({ quota, window, start, steps: fc.array(step, { maxLength: 60 }) }).map((one) => {
    const steps: Take[] = []
    let at = one.start
    for (const { pause, cost } of one.steps) {
      at += Math.round(pause / 1_000 * one.window)
      steps.push({ at, units: Math.min(cost, one.quota) })
    }
    return { limit: limit(algorithm, one.quota, one.window), steps }
  })
}

/** How long a used unit may stay in use. */
function longest({ algorithm, window }: Limit): number {
  return algorithm === 'sliding-window' ? Math.ceil(window * 8 / 7) + 1 : window
}

function sum(takes: readonly Take[]): number {
  return takes.reduce((total, { units }) => total + units, 0)
}

describe('no window admits more than its limit', () => {
  test('fixed-window: the quota per window, exactly, and a window starts with the first request', () => {
    fc.assert(fc.property(sequences('fixed-window'), ({ limit, steps }) => {
      const key = new Key(limit)
      let end = -Infinity
      let admitted = 0
      for (const { at, units } of steps) {
        if (at >= end) admitted = 0
        const fits = admitted + units <= limit.quota
        const { allowed, standings: [standing] } = key.consume(at, units)
        expect(allowed).toBe(fits)
        if (fits && admitted === 0) end = at + limit.window
        if (fits) admitted += units
        expect(standing).toEqual({ remaining: limit.quota - admitted, resetIn: admitted === 0 ? 0 : end - at })
      }
    }))
  })

  test('sliding-window: the quota in any interval as long as the window', () => {
    fc.assert(fc.property(sequences('sliding-window'), ({ limit, steps }) => {
      const key = new Key(limit)
      const admitted: Take[] = []
      for (const take of steps) {
        if (key.consume(take.at, take.units).allowed) admitted.push(take)
        // An interval that holds more than any other ends with a request.
        expect(sum(admitted.filter(({ at }) => at > take.at - limit.window))).toBeLessThanOrEqual(limit.quota)
      }
    }))
  })

  test('sliding-window: a unit is back after the window, or up to a seventh later', () => {
    fc.assert(fc.property(sequences('sliding-window'), ({ limit, steps }) => {
      const key = new Key(limit)
      const admitted: Take[] = []
      for (const take of steps) {
        const late = take.at - limit.window * 8 / 7
        const held = sum(admitted.filter(({ at }) => at > late - 1))
        const { allowed } = key.consume(take.at, take.units)
        if (held + take.units <= limit.quota) expect(allowed).toBe(true)
        if (allowed) admitted.push(take)
      }
    }))
  })

  test('token-bucket: the quota at once, and then what has come back since', () => {
    fc.assert(fc.property(sequences('token-bucket'), ({ limit, steps }) => {
      const key = new Key(limit)
      const admitted: Take[] = []
      for (const take of steps) {
        if (!key.consume(take.at, take.units).allowed) continue
        admitted.push(take)
        for (const [i, { at }] of admitted.entries()) {
          const back = (take.at - at) * limit.quota / limit.window
          expect(sum(admitted.slice(i))).toBeLessThanOrEqual(limit.quota + back + 1e-9)
        }
      }
    }))
  })

  test('token-bucket: whoever keeps to the pace is never refused', () => {
    fc.assert(fc.property(quota, fc.integer({ min: 1, max: 1_000 }), start, (quota, pace, start) => {
      const key = new Key(limit('token-bucket', quota, quota * pace))
      for (let i = 0; i < quota; i++) expect(key.consume(start, 1).allowed).toBe(true)
      for (let i = 1; i <= 30; i++) expect(key.consume(start + i * pace, 1).allowed).toBe(true)
      expect(key.consume(start + 30 * pace, 1).allowed).toBe(false)
    }))
  })

  test.each(ALGORITHMS)('%s: of costs that do not fit, none is let through by a smaller one before it', (algorithm) => {
    const key = new Key(limit(algorithm, 10, 7_000))
    expect(key.consume(EPOCH, 9).allowed).toBe(true)
    expect(key.consume(EPOCH, 5)).toMatchObject({ allowed: false, standings: [{ remaining: 1 }] })
    expect(key.consume(EPOCH, 1)).toMatchObject({ allowed: true, standings: [{ remaining: 0 }] })
    expect(key.consume(EPOCH, 1).allowed).toBe(false)
  })
})

describe('PITFALLS 4: a refused request changes nothing', () => {
  test.each(ALGORITHMS)(
    '%s: there is nothing to write, and what comes after is decided as if it had not been',
    (algorithm) => {
      fc.assert(fc.property(sequences(algorithm), fc.integer({ min: 1, max: 3 }), ({ limit, steps }, times) => {
        const hammered = new Key(limit)
        const spared = new Key(limit)
        for (const { at, units } of steps) {
          const before = JSON.stringify(hammered.states)
          for (let i = 0; i < times; i++) {
            const { verdict, states } = decide(hammered.set, hammered.states, [limit.quota], at)
            if (verdict.allowed) break
            expect(states).toBeUndefined()
            expect(JSON.stringify(hammered.states)).toBe(before)
          }
          expect(hammered.consume(at, units)).toEqual(spared.consume(at, units))
        }
      }))
    },
  )

  test('several limits are consumed all or nothing, whatever their kinds', () => {
    const step = fc.record({
      pause: fc.integer({ min: 0, max: 400 }),
      costs: fc.tuple(...ALGORITHMS.map(() => fc.nat(4))),
    })
    fc.assert(
      fc.property(fc.tuple(...ALGORITHMS.map(() => quota)), fc.array(step, { maxLength: 40 }), (quotas, steps) => {
        const limits = ALGORITHMS.map((algorithm, i) => limit(algorithm, quotas[i]!, 700 * (i + 1), algorithm))
        const together = new Key(...limits)
        const alone = limits.map((one) => new Key(one))
        let now = EPOCH
        for (const { pause, costs } of steps) {
          now += pause
          const fits = alone.every((key, i) => key.used(now) + costs[i]! <= quotas[i]!)
          const { allowed, standings } = together.consume(now, ...costs)
          expect(allowed).toBe(fits)
          if (allowed) alone.forEach((key, i) => expect(key.consume(now, costs[i]!).standings[0]).toEqual(standings[i]))
          alone.forEach((key, i) => expect(standings[i]!.remaining).toBe(key.look(now).remaining))
        }
      }),
    )
  })

  test.each(ALGORITHMS)('%s: a cost of 0 is let through by a limit that is used up, and takes nothing', (algorithm) => {
    const key = new Key(limit(algorithm, 3, 7_000))
    key.consume(EPOCH, 3)
    expect(key.consume(EPOCH, 0)).toMatchObject({ allowed: true, standings: [{ remaining: 0 }] })
    expect(key.used(EPOCH)).toBe(3)
  })

  test.each(ALGORITHMS)('%s: what decide is given is not written to', (algorithm) => {
    const states = decide(limitSet([limit(algorithm, 3, 700)]), [], [1], EPOCH).states!
    const before = JSON.stringify(states)
    decide(limitSet([limit(algorithm, 3, 700)]), states, [2], EPOCH + 100)
    correct(limitSet([limit(algorithm, 3, 700)]), states, [-1], EPOCH + 100, EPOCH)
    expect(JSON.stringify(states)).toBe(before)
  })
})

describe('resetIn is honest', () => {
  test.each(ALGORITHMS)('%s: a refused cost fits once it has passed, and not a millisecond earlier', (algorithm) => {
    fc.assert(fc.property(sequences(algorithm), ({ limit, steps }) => {
      const key = new Key(limit)
      for (const { at, units } of steps) {
        const { allowed, standings: [standing] } = key.consume(at, units)
        if (allowed) continue
        const { resetIn } = standing!
        const fitsAfter = (wait: number): boolean => decide(key.set, key.states, [units], at + wait).verdict.allowed
        expect(Number.isInteger(resetIn) && resetIn > 0).toBe(true)
        expect(fitsAfter(resetIn)).toBe(true)
        // Where a slot of a sliding window ends between two milliseconds, rounding may add one.
        const early = algorithm === 'sliding-window' ? 2 : 1
        if (resetIn > early) expect(fitsAfter(resetIn - early)).toBe(false)
        expect(resetIn).toBeLessThanOrEqual(longest(limit))
      }
    }))
  })

  test.each(ALGORITHMS)(
    '%s: after an admitted one there is more once it has passed; 0 only where nothing is used',
    (algorithm) => {
      fc.assert(fc.property(sequences(algorithm), ({ limit, steps }) => {
        const key = new Key(limit)
        for (const { at, units } of steps) {
          key.consume(at, units)
          const { remaining, resetIn } = key.look(at)
          expect(resetIn === 0).toBe(remaining === limit.quota)
          if (resetIn > 0) expect(key.look(at + resetIn).remaining).toBeGreaterThan(remaining)
        }
      }))
    },
  )
})

describe('corrections', () => {
  /** Takes and gives back, each taking at most once. `back` picks the taking, `share` says how much of it. */
  const acts = fc.array(
    fc.record({
      pause: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 900 })),
      units: quota,
      back: fc.option(fc.nat(100), { nil: undefined }),
      share: fc.constantFrom(0, 0.25, 0.5, 1),
    }),
    { maxLength: 60 },
  )

  interface Claim {
    readonly at: number
    units: number
    settled: boolean
  }

  /** Runs a random life; `check` sees it after each act. */
  function live(
    algorithm: LimitAlgorithm,
    quota: number,
    list: readonly { pause: number; units: number; back: number | undefined; share: number }[],
    check: (key: Key, claims: readonly Claim[], now: number) => void,
  ): void {
    const key = new Key(limit(algorithm, quota, 700))
    const claims: Claim[] = []
    let now = EPOCH
    for (const { pause, units, back, share } of list) {
      now += pause
      const claim = back === undefined ? undefined : claims[back % Math.max(1, claims.length)]
      if (claim !== undefined && !claim.settled) {
        const given = Math.floor(claim.units * share)
        claim.settled = true
        claim.units -= given
        key.correct(now, claim.at, -given)
      } else if (key.consume(now, Math.min(units, quota)).allowed) {
        claims.push({ at: now, units: Math.min(units, quota), settled: false })
      }
      check(key, claims, now)
    }
  }

  test('fixed-window: what is given back is what was taken from this window, and nothing of an earlier one', () => {
    fc.assert(fc.property(quota, acts, (quota, list) => {
      live('fixed-window', quota, list, (key, claims, now) => {
        let opened = -Infinity
        for (const { at } of claims) if (at >= opened + 700) opened = at
        const open = claims.filter(({ at }) => at >= opened && now < opened + 700)
        expect(key.used(now)).toBe(sum(open))
      })
    }))
  })

  test('sliding-window: what is given back goes to the slot it was taken from', () => {
    fc.assert(fc.property(quota, acts, (quota, list) => {
      live('sliding-window', quota, list, (key, claims, now) => {
        const live = claims.filter(({ at }) => Math.floor(now / 100) - Math.floor(at / 100) < 8)
        expect(key.used(now)).toBe(sum(live))
      })
    }))
  })

  test('token-bucket: what was used in all is never more than the quota and what has come back', () => {
    fc.assert(fc.property(quota, acts, (quota, list) => {
      live('token-bucket', quota, list, (key, claims, now) => {
        const back = (now - (claims[0]?.at ?? now)) * quota / 700
        expect(sum(claims)).toBeLessThanOrEqual(quota + back + 1e-9)
        expect(key.used(now)).toBeGreaterThanOrEqual(0)
      })
    }))
  })

  test.each(ALGORITHMS)('%s: a refund never leaves more than the quota', (algorithm) => {
    fc.assert(fc.property(quota, acts, (quota, list) => {
      live(algorithm, quota, list, (key, _claims, now) => {
        expect(key.look(now).remaining).toBeLessThanOrEqual(quota)
        expect(key.consume(now, quota + 1).allowed).toBe(false)
      })
    }))
  })

  test.each(ALGORITHMS)('%s: a charge goes beyond the quota, and blocks until it has been worked off', (algorithm) => {
    const key = new Key(limit(algorithm, 10, 7_000))
    key.consume(EPOCH, 4)
    key.correct(EPOCH + 1, EPOCH, 16)
    expect(key.consume(EPOCH + 2, 1)).toMatchObject({ allowed: false, standings: [{ remaining: 0 }] })
    expect(key.consume(EPOCH + 14_000, 10).allowed).toBe(true)
  })

  test.each(ALGORITHMS)('%s: a charge to a key that nothing is kept of opens a window', (algorithm) => {
    const key = new Key(limit(algorithm, 10, 7_000))
    key.correct(EPOCH, EPOCH - HOUR, 3)
    expect(key.used(EPOCH)).toBe(3)
  })

  test.each(ALGORITHMS)('%s: a refund to a key that nothing is kept of is nothing', (algorithm) => {
    const key = new Key(limit(algorithm, 10, 7_000))
    key.correct(EPOCH, EPOCH, -3)
    expect(key.look(EPOCH)).toEqual({ remaining: 10, resetIn: 0 })
    key.consume(EPOCH, 2)
    key.correct(EPOCH + 30_000, EPOCH, -2)
    key.consume(EPOCH + 30_000, 4)
    expect(key.used(EPOCH + 30_000)).toBe(4)
  })

  test.each(['fixed-window', 'sliding-window'] as const)('%s: no charge wraps round to nothing', (algorithm) => {
    const key = new Key(limit(algorithm, 10, 7_000))
    for (let i = 0; i < 3; i++) key.correct(EPOCH, EPOCH, 4_294_967_295)
    expect(key.consume(EPOCH, 1).allowed).toBe(false)
  })
})

describe('PITFALLS 19, fault 40: a clock that jumps', () => {
  test.each(ALGORITHMS)(
    '%s: back by an hour, it frees nobody, and blocks nobody longer than one window',
    (algorithm) => {
      fc.assert(fc.property(sequences(algorithm), fc.nat(1_000), ({ limit, steps }, pause) => {
        const key = new Key(limit)
        for (const { at, units } of steps) key.consume(HOUR + at, units)
        const last = HOUR + (steps.at(-1)?.at ?? 0) + Math.round(pause / 1_000 * limit.window)
        const now = last - HOUR
        const before = key.used(last)
        const { standings: [standing] } = key.consume(now, limit.quota)
        if (before > 0) expect(key.used(now)).toBeGreaterThanOrEqual(before)
        expect(standing!.resetIn).toBeLessThanOrEqual(longest(limit))
        expect(key.consume(now + longest(limit), limit.quota).allowed).toBe(true)
      }))
    },
  )

  test.each(ALGORITHMS)('%s: forth by an hour, all windows are over, and nothing is negative', (algorithm) => {
    fc.assert(fc.property(sequences(algorithm), ({ limit, steps }) => {
      const key = new Key(limit)
      for (const { at, units } of steps) key.consume(at, units)
      const now = (steps.at(-1)?.at ?? EPOCH) + HOUR
      expect(key.look(now)).toEqual({ remaining: limit.quota, resetIn: 0 })
    }))
  })

  test.each(ALGORITHMS)('%s: a refund from the future is held within what is used', (algorithm) => {
    const key = new Key(limit(algorithm, 10, 7_000))
    key.consume(EPOCH, 6)
    key.correct(EPOCH - HOUR, EPOCH, -4)
    expect(key.used(EPOCH - HOUR)).toBe(2)
    key.correct(EPOCH - HOUR, EPOCH, -400)
    expect(key.used(EPOCH - HOUR)).toBe(0)
  })
})

describe('states', () => {
  test.each(ALGORITHMS)('%s: one of another shape, or one that is over, is none', (algorithm) => {
    const set = limitSet([limit(algorithm, 5, 700)])
    const other = { expires: EPOCH + 700, cells: [5, 5, 5] }
    const over = { expires: EPOCH, cells: new Array<number>(WINDOWS[algorithm].width).fill(5) }
    for (const state of [other, over, undefined]) {
      expect(decide(set, [state], [5], EPOCH).verdict.allowed).toBe(true)
    }
  })

  test.each(ALGORITHMS)('%s: it may be forgotten when it expires, and not before', (algorithm) => {
    fc.assert(fc.property(sequences(algorithm), ({ limit, steps }) => {
      const key = new Key(limit)
      for (const { at, units } of steps) {
        key.consume(at, units)
        const { expires } = key.states[0]!
        expect(key.look(Math.ceil(expires))).toEqual({ remaining: limit.quota, resetIn: 0 })
        const before = Math.ceil(expires) - (algorithm === 'sliding-window' ? 2 : 1)
        if (before >= at) expect(key.look(before).remaining).toBeLessThan(limit.quota)
      }
    }))
  })

  test.each(ALGORITHMS)('%s: a quota that is changed while running keeps the count', (algorithm) => {
    const key = new Key(limit(algorithm, 10, 7_000))
    key.consume(EPOCH, 6)
    const lower = limitSet([limit(algorithm, 5, 7_000)])
    const higher = limitSet([limit(algorithm, 20, 7_000)])
    expect(lower.id).toBe(key.set.id)
    if (algorithm === 'token-bucket') return // what is owed drains at the new rate from the start
    expect(decide(lower, key.states, [1], EPOCH).verdict).toMatchObject({
      allowed: false,
      standings: [{ remaining: 0 }],
    })
    expect(decide(higher, key.states, [14], EPOCH).verdict).toMatchObject({
      allowed: true,
      standings: [{ remaining: 0 }],
    })
  })
})
