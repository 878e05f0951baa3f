import { expect, test } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'

test('the system clock tells wall time and elapsed time, detached too', () => {
  const { now, monotonic } = systemClock
  expect(Math.abs(now() - Date.now())).toBeLessThan(1_000)
  const begin = monotonic()
  expect(monotonic()).toBeGreaterThanOrEqual(begin)
})
