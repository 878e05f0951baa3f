import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createQuantiles } from '../../src/telemetry/quantiles.ts'

function of(values: Iterable<number>) {
  const quantiles = createQuantiles()
  for (const value of values) quantiles.record(value)
  return quantiles
}

/** The value of that rank, by sorting. */
function exact(values: readonly number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(q * (values.length - 1))]!
}

describe('lets the good through', () => {
  test('M5: p50, p95 and p99 of 1 to 100,000 are right to 1 %', () => {
    const quantiles = of(Array.from({ length: 100_000 }, (_, i) => i + 1))
    for (const q of [0.5, 0.95, 0.99]) {
      expect(Math.abs(quantiles.quantile(q) / (q * 100_000) - 1)).toBeLessThanOrEqual(0.0101)
    }
    expect(quantiles).toMatchObject({ count: 100_000, max: 100_000, sum: 5_000_050_000 })
    expect(quantiles.quantile(0)).toBe(1)
    expect(quantiles.quantile(1)).toBe(100_000)
  })

  test('property: every quantile of whatever was recorded is within 1 % of the value of that rank', () => {
    const value = fc.oneof(
      fc.double({ min: 1e-3, max: 1e8, noNaN: true }),
      fc.double({ min: 0.1, max: 2_000, noNaN: true }),
      fc.constantFrom(1e-3, 1, 1.02, 10, 1e8),
    )
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 200 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, q) => {
          const right = exact(values, q)
          expect(Math.abs(of(values).quantile(q) - right)).toBeLessThanOrEqual(right * 0.01 + 1e-9 * right)
        },
      ),
    )
  })

  test('property: what was recorded after a snapshot has its own quantiles, within 1 %, and leaves the snapshot alone', () => {
    const value = fc.oneof(
      fc.double({ min: 0.1, max: 2_000, noNaN: true }),
      fc.constantFrom(0, 1e-4, 1, 1.02, 1e8, 1e9),
    )
    const values = fc.array(value, { maxLength: 100 })
    fc.assert(
      fc.property(values, values, fc.double({ min: 0, max: 1, noNaN: true }), (before, after, q) => {
        const quantiles = of(before)
        const earlier = quantiles.snapshot()
        for (const one of after) quantiles.record(one)
        const rest = quantiles.since(earlier)
        expect(rest.count).toBe(after.length)
        expect(rest.sum).toBeCloseTo(after.reduce((sum, one) => sum + one, 0), -2)
        expect(earlier.quantile(q)).toBe(of(before).quantile(q))
        const right = after.length === 0 ? 0 : exact(after, q)
        // In the outer buckets lies all that is beyond them.
        if (right <= 1e-3) expect(rest.quantile(q)).toBeLessThanOrEqual(1e-3)
        else if (right >= 1e8) expect(rest.quantile(q)).toBeGreaterThanOrEqual(1e8)
        else expect(Math.abs(rest.quantile(q) - right)).toBeLessThanOrEqual(right * 0.01 + 1e-9 * right)
      }),
    )
  })

  test('a snapshot is whole: it tells what the sketch told', () => {
    const quantiles = of([3, 1, 2])
    const copy = quantiles.snapshot()
    quantiles.record(1_000)
    expect(copy).toMatchObject({ count: 3, sum: 6, max: 3 })
    expect(quantiles.since(copy)).toMatchObject({ count: 1, sum: 1_000, max: 1_000 })
    expect(quantiles.since(copy.snapshot()).quantile(0)).toBeCloseTo(1_000, -1)
  })

  test('one value is all its quantiles', () => {
    const quantiles = of([17.3])
    expect([0, 0.5, 0.99, 1].map((q) => quantiles.quantile(q))).toEqual([17.3, 17.3, 17.3, 17.3])
  })
})

describe('survives the broken', () => {
  test('of nothing, all is 0', () => {
    expect(of([]).quantile(0.5)).toBe(0)
    expect(of([])).toMatchObject({ count: 0, sum: 0, max: 0 })
  })

  test('what is not finite is dropped, what is below 0 is 0', () => {
    const quantiles = of([NaN, Infinity, -Infinity, -5])
    expect(quantiles).toMatchObject({ count: 1, sum: 0, max: 0 })
    expect(quantiles.quantile(0.5)).toBe(0)
    expect(of([1]).quantile(2)).toBe(0)
    expect(of([1]).quantile(NaN)).toBe(0)
  })

  test('what is beyond its range is never told to be more than there was', () => {
    expect(of([1e-9, 1e12]).quantile(0)).toBe(1e-9)
    expect(of([1e12, 1e12, 1e12]).quantile(0.5)).toBe(1e12)
  })

  test('since a snapshot, too, what is beyond its range counts as the largest seen', () => {
    const quantiles = of([1e12])
    const earlier = quantiles.snapshot()
    quantiles.record(1e12)
    expect(quantiles.since(earlier)).toMatchObject({ count: 1, max: 1e12 })
  })

  test('what is no snapshot of this sketch is refused', () => {
    const quantiles = of([1, 2])
    expect(() => of([1]).since(quantiles)).toThrow(TypeError)
    expect(() => quantiles.since({ ...quantiles.snapshot() } as never)).toThrow(TypeError)
  })
})
