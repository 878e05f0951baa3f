import { expect, test } from 'vitest'
import type { Context } from '../../../src/core/context.ts'
import { record } from '../../../src/core/event.ts'
import { Recorder } from '../../../src/telemetry/ops/recorder.ts'
import { createMetrics } from '../../../src/telemetry/registry.ts'
import { contextOf } from '../../helpers.ts'

function recording(): { recorder: Recorder; request: (at: number, ms?: number, status?: number) => void } {
  const metrics = createMetrics()
  const recorder = new Recorder(metrics)
  const request = (at: number, ms = 10, status = 200): void => {
    recorder.tick(at)
    metrics['~figures'].record(ms, { status, bytes: 0, outcome: 'complete' }, 1_000)
  }
  return { recorder, request }
}

test('each step of ten seconds has its own rate, errors and quantiles', () => {
  const { recorder, request } = recording()
  for (let i = 0; i < 20; i++) request(i, 10)
  for (let i = 0; i < 10; i++) request(10_000 + i, 100, i < 5 ? 500 : 200)
  const [first, second, ...rest] = recorder.points(20_000)
  expect(first).toMatchObject({ perSecond: 2, errorsPerSecond: 0 })
  expect(first!.p99).toBeCloseTo(10, 0)
  expect(second).toMatchObject({ perSecond: 1, errorsPerSecond: 0.5 })
  expect(second!.p50).toBeGreaterThan(98)
  expect(rest).toEqual([])
})

test('a request after a pause belongs to its own step, and the pause is a gap', () => {
  const { recorder, request } = recording()
  request(0)
  request(35_000)
  const points = recorder.points(40_000)
  expect(points.map(({ perSecond }) => perSecond)).toEqual([0.1, 0, 0, 0.1])
  expect(points[1]!.p50).toBeUndefined()
})

test('a night without requests costs no more than ten minutes, and leaves nothing old', () => {
  const { recorder, request } = recording()
  request(0)
  request(12 * 3_600_000)
  const points = recorder.points(12 * 3_600_000 + 9_000)
  expect(points).toHaveLength(60)
  expect(points.slice(0, -1).every(({ perSecond }) => perSecond === 0)).toBe(true)
  expect(recorder.now(12 * 3_600_000 + 9_000)).toMatchObject({ requests: 1 })
})

test('the last minute forgets what is older', () => {
  const { recorder, request } = recording()
  for (let i = 0; i < 100; i++) request(i, 1_000, 500)
  expect(recorder.now(5_000)).toMatchObject({ requests: 100, perSecond: 20, errorRate: 1 })
  for (let i = 0; i < 60; i++) request(80_000 + i, 10)
  const now = recorder.now(89_999)
  expect(now).toMatchObject({ requests: 60, errorRate: 0 })
  expect(now.latencyMs.max).toBeLessThan(11)
})

test('it holds the last 50 events, 200 sorts of decisions, and short texts', () => {
  const { recorder } = recording()
  for (let i = 0; i < 300; i++) {
    const context = contextOf()
    record(context, { kind: 'refused', guard: `guard-${i}`, code: 'x'.repeat(1_000), status: 403 })
    recorder.decided(context)
  }
  expect(recorder.events).toHaveLength(50)
  expect(recorder.events.at(-1)).toMatchObject({ guard: 'guard-299', status: 403, code: 'x'.repeat(64) })
  const decisions = recorder.decisions()
  expect(decisions).toHaveLength(201)
  expect(decisions[0]).toEqual({ kind: 'refused', guard: 'other', code: 'other', count: 100 })
})

test('whoever gets a 429 is counted as principal, else by network, else by peer; other refusals are not', () => {
  const { recorder } = recording()
  const decided = (status: number, facts: object): void => {
    const context: Context = Object.assign(contextOf({ address: '192.0.2.1' }), facts)
    record(context, { kind: 'refused', guard: 'some', code: 'some', status })
    recorder.decided(context)
  }
  decided(429, { principal: { id: 'ada' }, clientNetwork: '198.51.100.1' })
  decided(429, { clientNetwork: '198.51.100.1' })
  decided(429, {})
  decided(403, { clientNetwork: '203.0.113.9' })
  expect(recorder.limited.top(9).map(({ key }) => key)).toEqual(['id:ada', 'ip:198.51.100.1', 'ip:192.0.2.1'])
})
