import { describe, expect, test } from 'vitest'
import { cpuProbe, memoryProbe } from '../../adapters/node/probes.ts'
import { createContext } from '../../src/core/context.ts'
import { countProbe } from '../../src/health/probes.ts'
import { createAlerts } from '../../src/telemetry/alerts.ts'
import type { AlertRule } from '../../src/telemetry/alerts/rules.ts'
import { errorRateRule, latencyRule, probeRule, standardRules } from '../../src/telemetry/alerts/rules.ts'
import { httpMetrics } from '../../src/telemetry/http-metrics.ts'
import { createMetrics } from '../../src/telemetry/registry.ts'
import { contextOf, recorder, requestTo, send, virtualClock } from '../helpers.ts'

/** A service that is measured, on a clock of its own. */
function service() {
  const clock = virtualClock()
  const metrics = createMetrics()
  let answer = { status: 200, ms: 10 }
  const handler = httpMetrics({ metrics })(() => {
    clock.advance(answer.ms)
    return new Response('hello', { status: answer.status })
  })
  const serve = async (times: number, status = 200, ms = 10): Promise<void> => {
    answer = { status, ms }
    for (let at = 0; at < times; at++) await (await send(handler, requestTo(), contextOf({ clock }))).text()
  }
  const read = (rule: AlertRule) => rule.value(new AbortController().signal, createContext({ clock }))
  return { clock, metrics, serve, read }
}

describe('requests', () => {
  test('M7: more than 5 % errors in the window, in per cent', async () => {
    const { metrics, serve, read } = service()
    const rule = errorRateRule({ metrics })
    expect(rule).toMatchObject({ name: 'error-rate', threshold: 5, unit: '%' })
    await serve(94)
    await serve(6, 500)
    expect(read(rule)).toBe(6)
  })

  test('the window moves on: what is older does not count', async () => {
    const { clock, metrics, serve, read } = service()
    const rule = errorRateRule({ metrics, window: '1m' })
    await serve(100, 500)
    expect(read(rule)).toBe(100)
    for (let at = 0; at < 4; at++) {
      clock.advance(15_000)
      await serve(25, 200, 0)
      read(rule)
    }
    expect(read(rule)).toBe(0)
    await serve(100, 503, 0)
    expect(read(rule)).toBe(50)
    clock.advance(60_000)
    expect(read(rule)).toBe(100) // since the last look before
    clock.advance(60_000)
    expect(read(rule)).toBeUndefined()
  })

  test('too few requests accuse nobody, but can show that all is well; none tell nothing', async () => {
    const { clock, metrics, serve, read } = service()
    const rule = errorRateRule({ metrics, window: '1m', minimum: 20 })
    expect(read(rule)).toBeUndefined()
    await serve(19, 500)
    expect(read(rule)).toBeUndefined()
    await serve(1, 500)
    expect(read(rule)).toBe(100)
    clock.advance(60_000)
    read(rule)
    clock.advance(60_000)
    await serve(1)
    expect(read(rule)).toBe(0)
  })

  test('a client that leaves, and a 4xx, are no errors', async () => {
    const { metrics, serve, read } = service()
    await serve(50, 404)
    metrics['~figures'].record(1, { status: 200, bytes: 0, outcome: 'aborted' }, 1_000)
    expect(read(errorRateRule({ metrics }))).toBe(0)
  })

  test('M7: a 95th percentile above 5 seconds, of the window alone', async () => {
    const { clock, metrics, serve, read } = service()
    const rule = latencyRule({ metrics, window: '1m' })
    expect(rule).toMatchObject({ name: 'latency', threshold: 5_000, unit: 'ms' })
    await serve(1_000, 200, 1)
    const long = read(rule)!
    expect(await long).toBeLessThan(2)
    clock.advance(60_000)
    read(rule)
    await serve(90, 200, 100)
    await serve(10, 200, 8_000)
    expect(Math.abs(Number(await read(rule)) / 8_000 - 1)).toBeLessThanOrEqual(0.01)
    // Of all so far it would have been nothing.
    expect(metrics.performance().durationMs.p95).toBeLessThan(200)
  })

  test('the average of the window is exact', async () => {
    const { clock, metrics, serve, read } = service()
    const rule = latencyRule({ metrics, window: '1m', of: 'average', threshold: '1s', minimum: 2 })
    await serve(2, 200, 7_000)
    expect(read(rule)).toBe(7_000)
    clock.advance(60_000)
    read(rule)
    clock.advance(60_000)
    await serve(1, 200, 500)
    expect(read(rule)).toBe(500)
    await serve(1, 200, 4_500)
    expect(read(rule)).toBe(2_500)
  })
})

describe('probes', () => {
  const call = createContext({ clock: virtualClock() })
  const { signal } = new AbortController()

  test('M7: memory and processor of this machine are numbers in per cent', async () => {
    for (const check of [memoryProbe(), cpuProbe()]) {
      const value = await probeRule('it', check, { threshold: 80 }).value(signal, call)
      expect(value).toBeGreaterThanOrEqual(0)
    }
  })

  test('the largest of what was observed in the unit, or the measurement asked for', async () => {
    const check = () => [
      { status: 'pass', measurement: 'heap', observedValue: 85, observedUnit: '%' },
      { status: 'pass', measurement: 'system', observedValue: 40, observedUnit: '%' },
      { status: 'pass', measurement: 'current', observedValue: 1e9, observedUnit: 'bytes' },
    ]
    expect(await probeRule('it', check, { threshold: 80 }).value(signal, call)).toBe(85)
    expect(await probeRule('it', check, { threshold: 80, measurement: 'system' }).value(signal, call)).toBe(40)
    expect(await probeRule('it', check, { threshold: 80, unit: 'bytes' }).value(signal, call)).toBe(1e9)
  })

  test('any health check that observes a number will do', async () => {
    const check = countProbe(() => 7, { unit: 'jobs' })
    expect(await probeRule('it', check, { threshold: 5, unit: 'jobs' }).value(signal, call)).toBe(7)
  })

  test('a probe that fails, or observes nothing of the kind, is unreadable, not well', async () => {
    const { log, records } = recorder()
    const given = [false, undefined, null, {}, [], { observedValue: 'x', observedUnit: '%' }, { observedValue: 5 }]
    const alerts = createAlerts({
      rules: given.map((one, at) => probeRule(`p${at}`, () => one, { threshold: 80 })),
      log,
    })
    await alerts.check()
    expect(alerts.unknown()).toEqual(given.map((_one, at) => `p${at}`))
    expect(records.length).toBe(given.length)
    expect(String(records[0]!['error'])).toBe('Error: its check observed nothing in %')
  })
})

describe('the standard rules', () => {
  test('M7: memory 80 %, processor 80 %, error rate 5 %, latency 5 s', () => {
    const { metrics } = service()
    const rules = standardRules({ metrics, memory: memoryProbe(), cpu: cpuProbe() })
    expect(rules.map(({ name, threshold, unit }) => [name, threshold, unit])).toEqual([
      ['memory', 80, '%'],
      ['cpu', 80, '%'],
      ['error-rate', 5, '%'],
      ['latency', 5_000, 'ms'],
    ])
    expect(standardRules({ metrics }).map(({ name }) => name)).toEqual(['error-rate', 'latency'])
  })

  test('M7 and M8: all four fire, each in its band', async () => {
    const { clock, metrics, serve } = service()
    const full = (value: number) => () => ({ status: 'warn', observedValue: value, observedUnit: '%' })
    const alerts = createAlerts({
      rules: standardRules({ metrics, memory: full(95), cpu: full(121) }),
      channels: [],
      clock,
    })
    await serve(93)
    await serve(7, 500, 9_000)
    await alerts.check()
    clock.advance(60_000)
    await serve(100, 500, 9_000)
    await alerts.check()
    expect(Object.fromEntries(alerts.active().map(({ name, severity }) => [name, severity]))).toEqual({
      'error-rate': 'critical',
      latency: 'critical',
      cpu: 'critical',
      memory: 'medium',
    })
    expect(alerts.recent().map(({ name, severity }) => [name, severity])).toEqual([
      ['error-rate', 'critical'],
      ['cpu', 'critical'],
      ['latency', 'critical'],
      ['error-rate', 'high'],
      ['memory', 'medium'],
    ])
  })
})

describe('refuses what cannot be', () => {
  const { metrics } = service()
  test('a bad option is a TypeError that names it', () => {
    expect(() => errorRateRule({ metrics, threshold: 5 })).toThrow('errorRateRule: threshold must be a share')
    expect(() => errorRateRule({ metrics: {} as never })).toThrow(
      'errorRateRule: metrics must be what createMetrics makes',
    )
    expect(() => errorRateRule({ metrics, window: 60 as never })).toThrow('errorRateRule: window must be')
    expect(() => latencyRule({ metrics, minimum: 0 })).toThrow('latencyRule: minimum must be')
    expect(() => latencyRule({ metrics, threshold: 5 as never })).toThrow('latencyRule: threshold must be')
    expect(() => latencyRule({ metrics, of: 'max' as never })).toThrow('latencyRule: of must be')
    expect(() => probeRule('it', {} as never, { threshold: 1 })).toThrow(`the check of 'it' must be a function`)
  })
})
