import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { httpMetrics } from '../../../src/telemetry/http-metrics.ts'
import { metricsJson } from '../../../src/telemetry/otel/metrics.ts'
import type { OpenTelemetry, OpenTelemetryOptions } from '../../../src/telemetry/otel/setup.ts'
import { openTelemetry } from '../../../src/telemetry/otel/setup.ts'
import { trace } from '../../../src/telemetry/otel/trace.ts'
import { createMetrics, type Metrics } from '../../../src/telemetry/registry.ts'
import { contextOf, recorder, requestTo, send } from '../../helpers.ts'
import { type Collector, startCollector } from '../otlp-collector.ts'
import { type CollectedPoint, type Raw, readPoints } from '../otlp-shapes.ts'

const NOW = Date.UTC(2026, 0, 2)

/** As a strict reader gets them. */
function pointsOf(metrics: Pick<Metrics, '~families'>): CollectedPoint[] {
  const { text, points } = metricsJson(metrics, { 'service.name': 'tts' }, NOW - 1_000.25, NOW)
  const read = readPoints(JSON.parse(text) as Raw)
  expect(read.length).toBe(points)
  return read
}

describe('as OTLP', () => {
  test('counters are cumulative sums, gauges are gauges, histograms have their bounds', () => {
    const metrics = createMetrics()
    const jobs = metrics.counter('jobs', { help: 'Jobs done.', labels: ['job.kind', 'ok'] })
    jobs.add(2, { 'job.kind': 'a', ok: true })
    jobs.add(3, { 'job.kind': 'b' })
    metrics.gauge('depth', { help: 'Jobs waiting.', unit: '{job}' }).set(-1.5)
    const sizes = metrics.histogram('size', { help: 'Sizes.', unit: 'By', buckets: [10, 100] })
    for (const size of [5, 10, 50, 1_000]) sizes.observe(size)
    const points = pointsOf(metrics)
    const short = points.map(({ metric, kind, attributes, value }) => [metric, kind, attributes, value])
    expect(short).toEqual([
      ['jobs', 'sum', { 'job.kind': 'a', ok: 'true' }, 2],
      ['jobs', 'sum', { 'job.kind': 'b' }, 3],
      ['depth', 'gauge', {}, -1.5],
      ['size', 'histogram', {}, 1_065],
    ])
    expect(points.at(-1)).toMatchObject({ unit: 'By', count: 4, buckets: [2, 1, 1], bounds: [10, 100] })
    expect(points[0]).toMatchObject({ description: 'Jobs done.', resource: { 'service.name': 'tts' } })
    expect(points[0]?.start).toBe(BigInt(NOW) * 1_000_000n - 1_000_250_000n)
    expect(points[0]?.time).toBe(BigInt(NOW) * 1_000_000n)
  })

  test('names and units are those that the program gave, not what Prometheus makes of them', () => {
    const metrics = createMetrics()
    metrics.histogram('http.server.request.duration', { help: 'Durations.', unit: 's' }).observe(0.2)
    metrics.counter('jobs_total', { help: 'Jobs.', unit: '{job}' }).add()
    expect(pointsOf(metrics).map(({ metric, unit }) => [metric, unit])).toEqual([
      ['http.server.request.duration', 's'],
      ['jobs_total', '{job}'],
    ])
  })

  test('a histogram keeps what traces belong to its buckets', () => {
    const metrics = createMetrics()
    const seconds = metrics.histogram('wait', { help: 'Waits.', unit: 's', buckets: [1, 2] })
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    seconds.observe(0.5, undefined, traceId)
    seconds.observe(5)
    expect(pointsOf(metrics)[0]?.exemplars).toEqual([{ traceId, value: 0.5 }])
  })

  test('a status is a number, as the conventions have it', () => {
    const metrics = createMetrics()
    metrics.counter('hits', { help: 'Hits.', labels: ['http.response.status_code', 'code'] })
      .add(1, { 'http.response.status_code': 404, code: 7 })
    expect(pointsOf(metrics)[0]?.attributes).toEqual({ 'http.response.status_code': 404, code: '7' })
  })

  test('PITFALLS 20: what is beyond the budget is one point that says so', () => {
    const metrics = createMetrics()
    const hits = metrics.counter('hits', { help: 'Hits.', labels: ['path'], maxSeries: 3 })
    for (let i = 0; i < 100; i++) hits.add(1, { path: `/${i}` })
    const overflow = pointsOf(metrics).filter(({ attributes }) => attributes['otel.metric.overflow'] === true)
    expect(overflow.map(({ value }) => value)).toEqual([98])
  })

  test('labels come back as they were given, whatever is in them', () => {
    const one = fc.string({ unit: 'grapheme', maxLength: 60 })
    fc.assert(fc.property(one, one, (a, b) => {
      const metrics = createMetrics()
      metrics.counter('hits', { help: 'Hits.', labels: ['one.a', 'b'] }).add(1, { 'one.a': a, b })
      const given = Object.fromEntries(Object.entries({ 'one.a': a, b }).filter(([, value]) => value !== ''))
      expect(pointsOf(metrics)[0]?.attributes).toEqual(given)
    }))
    const metrics = createMetrics()
    const nasty = '"} evil{x="y\\",b="z\n'
    metrics.counter('hits', { help: 'Hits.', labels: ['a', 'b'] }).add(1, { a: nasty, b: '\\' })
    expect(pointsOf(metrics)[0]?.attributes).toEqual({ a: nasty, b: '\\' })
  })
})

describe('to a collector', () => {
  let collector: Collector
  let all: OpenTelemetry[] = []
  beforeEach(async () => {
    collector = await startCollector()
  })
  afterEach(async () => {
    await Promise.all(all.map(({ close }) => close()))
    all = []
    await collector.close()
    expect(collector.complaints).toEqual([])
  })

  function set(options: Partial<OpenTelemetryOptions>): { telemetry: OpenTelemetry; metrics: Metrics } {
    const metrics = createMetrics()
    const telemetry = openTelemetry({ url: collector.url, service: 'tts', log: () => {}, metrics, ...options })
    all.push(telemetry)
    return { telemetry, metrics }
  }

  const handlerOf = ({ telemetry, metrics }: { telemetry: OpenTelemetry; metrics: Metrics }) =>
    trace({ ...telemetry })(httpMetrics({ metrics })(() => new Response('hello')))

  test('on servers they go by timer, each time all that was counted since the start', async () => {
    const both = set({ metricsEvery: '30ms' })
    const handler = handlerOf(both)
    await call(handler)
    const counts = (): (number | undefined)[] =>
      collector.points.filter(({ metric }) => /request.duration/.test(metric)).map(({ count }) => count)
    await collector.until(() => counts().length >= 2)
    await call(handler)
    await collector.until(() => counts().at(-1) === 2)
    expect(counts()[0]).toBe(1)
    expect(new Set(collector.points.map(({ start }) => start)).size).toBe(1)
    const [point] = collector.points
    expect(Object.keys(point?.resource ?? {})).toEqual(['service.instance.id', 'service.name'])
  })

  test('spans and metrics are of the same process, and a duration names a trace', async () => {
    const both = set({ metricsEvery: '1h' })
    await call(handlerOf(both))
    await both.telemetry.close()
    const duration = collector.points.find(({ metric }) => /request.duration/.test(metric))
    expect(duration?.exemplars.map(({ traceId }) => traceId)).toEqual(collector.spans.map(({ traceId }) => traceId))
    expect(duration?.resource).toEqual(collector.spans[0]?.resource)
    expect(duration?.attributes).toEqual({ 'http.request.method': 'GET', 'http.response.status_code': 200 })
  })

  test('PITFALLS 21: on the edge a request takes them along when it is time, never a timer', async () => {
    const both = set({ metricsEvery: '1s' })
    const handler = handlerOf(both)
    const exports = (): number => collector.requests.filter(({ path }) => path === '/v1/metrics').length
    const once = async (): Promise<number> => {
      const work: Promise<unknown>[] = []
      const context = contextOf({ platform: { ephemeral: true }, waitUntil: (one) => void work.push(one) })
      await call(handler, requestTo('/'), context)
      await Promise.all(work)
      return exports()
    }
    expect(await once()).toBe(1)
    expect(await once()).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    expect(exports()).toBe(1)
    expect(await once()).toBe(2)
  })

  test('a collector that is out is said once, and nothing is lost by it', async () => {
    const { log, records } = recorder()
    const both = set({ metricsEvery: '20ms', log })
    collector.behave(500)
    await call(handlerOf(both))
    await collector.until(() => collector.requests.filter(({ path }) => path === '/v1/metrics').length >= 3)
    expect(records.filter(({ code }) => code === 'metrics-not-exported').length).toBe(1)
    collector.behave('take')
    await collector.until(() => collector.points.some(({ count }) => count === 1))
  })

  test('a registry that fails stops nothing', async () => {
    const { log, records } = recorder()
    const metrics = {
      ...createMetrics(),
      '~families': () => {
        throw new Error('broken')
      },
    }
    const { telemetry } = set({ metrics, log, metricsEvery: '10ms' })
    const handler = trace({ ...telemetry })(() => new Response('hello'))
    await call(handler)
    await telemetry.close()
    expect(collector.spans.length).toBe(1)
    expect(records.map(({ message }) => message)).toEqual([
      'openTelemetry: metrics are not exported, they could not be written (Error)',
    ])
  })
})

/** To the end: on some runtimes a body counts as sent only when it has been read. */
async function call(...given: Parameters<typeof send>): Promise<Response> {
  const response = await send(...given)
  await response.text()
  return response
}
