import { describe, expect, test } from 'vitest'
import { compose } from '../../src/core/compose.ts'
import { errors } from '../../src/core/errors.ts'
import { record } from '../../src/core/event.ts'
import { guard, refusal } from '../../src/core/guard.ts'
import type { Handler } from '../../src/core/handler.ts'
import { Problem } from '../../src/core/problem.ts'
import { onPath } from '../../src/core/request.ts'
import { health } from '../../src/health/health.ts'
import { policy } from '../../src/policy/policy.ts'
import { httpMetrics } from '../../src/telemetry/http-metrics.ts'
import { metricsText } from '../../src/telemetry/openmetrics.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/registry.ts'
import { contextOf, recorder, requestTo, send, source, upload, virtualClock } from '../helpers.ts'
import { parsePage, type Sample } from './parser.ts'

const ok: Handler = () => Response.json('ok')
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const DURATION = 'http_server_request_duration_seconds'

function samples(metrics: Metrics, family: string): readonly Sample[] {
  return parsePage(metricsText(metrics, 'openmetrics'), true).get(family)?.samples ?? []
}

/** What a histogram counted, by labels. */
function counts(metrics: Metrics, family: string): [labels: Record<string, string>, count: number][] {
  return samples(metrics, family).filter(({ name }) => name === `${family}_count`)
    .map(({ labels, value }) => [labels, value])
}

/** How many series there are: with a histogram's buckets, sum and count as one. */
function series(metrics: Metrics): number {
  const all = [...parsePage(metricsText(metrics), false).values()].flatMap((one) => one.samples)
  return all.filter(({ name }) => !/_(?:bucket|sum)$/.test(name)).length
}

describe('lets the good through', () => {
  test('PITFALLS 19: where time stands still between I/O, a duration says so, and none is no number', async () => {
    const metrics = createMetrics()
    const context = contextOf({ platform: { name: 'workerd', ephemeral: true } })
    await send(httpMetrics({ metrics })(ok), requestTo(), context)
    expect(counts(metrics, DURATION)).toEqual([
      [{ http_request_method: 'GET', http_response_status_code: '200', clock: 'io' }, 1],
    ])
    expect(samples(metrics, DURATION).find(({ name }) => name === `${DURATION}_sum`)?.value).toBe(0)
  })

  test('M5: one request, under the names and labels of OpenTelemetry, with its buckets', async () => {
    const clock = virtualClock()
    const metrics = createMetrics()
    const handler = httpMetrics({ metrics, route: () => '/notes/:id' })(() => {
      clock.advance(75)
      return Response.json('ok')
    })
    await send(handler, requestTo('/notes/7'), contextOf({ clock }))
    const labels = { http_request_method: 'GET', http_route: '/notes/:id', http_response_status_code: '200' }
    expect(counts(metrics, DURATION)).toEqual([[labels, 1]])
    const all = samples(metrics, DURATION)
    expect(all.slice(0, -2).map((one) => Number(one.labels['le']?.replace('+Inf', 'Infinity')))).toEqual(
      [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, Infinity],
    )
    expect(all.find((one) => one.labels['le'] === '0.05')?.value).toBe(0)
    expect(all.find((one) => one.labels['le'] === '0.075')?.value).toBe(1)
    expect(all.find(({ name }) => name === `${DURATION}_sum`)?.value).toBe(0.075)
  })

  test('counts what is going on, to the end of the stream', async () => {
    const clock = virtualClock()
    const metrics = createMetrics()
    const response = await send(
      httpMetrics({ metrics })(() => new Response(source(1_000, 3).stream)),
      requestTo(),
      contextOf({ clock }),
    )
    const active = () => samples(metrics, 'http_server_active_requests').map(({ value }) => value)
    expect(active()).toEqual([1])
    expect(metrics.performance().requests).toMatchObject({ active: 1, total: 0 })
    expect(counts(metrics, DURATION)).toEqual([])
    clock.advance(3_000)
    expect((await response.arrayBuffer()).byteLength).toBe(3_000)
    expect(active()).toEqual([0])
    expect(metrics.performance()).toMatchObject({
      requests: { active: 0, total: 1, slow: 1 },
      durationMs: { max: 3_000 },
    })
    expect(samples(metrics, 'http_server_response_body_size_bytes').find(({ name }) => name.endsWith('_sum'))?.value)
      .toBe(3_000)
  })

  test('counts bodies that came in, where their length is known and they were taken', async () => {
    const metrics = createMetrics()
    const handler = httpMetrics({ metrics })((request) =>
      new Response(null, { status: request.headers.has('x') ? 413 : 204 })
    )
    const post = (headers: Record<string, string>) => send(handler, upload(source(1, 1).stream, headers))
    await post({ 'content-length': '2000' })
    await post({ 'content-length': '9'.repeat(12), x: '1' })
    await post({ 'content-length': 'nonsense' })
    await post({})
    await send(handler, requestTo())
    const sizes = samples(metrics, 'http_server_request_body_size_bytes')
    expect(sizes.filter(({ name }) => /_(?:sum|count)$/.test(name)).map(({ value }) => value)).toEqual([2_000, 1])
  })

  test('counts what guards and the error boundary recorded', async () => {
    const metrics = createMetrics()
    const gate = (mode: 'enforce' | 'report') =>
      guard({ name: 'gate', mode, decide: () => refusal({ status: 403, code: 'gate-closed' }) })
    const count = httpMetrics({ metrics })
    await send(compose(count, gate('enforce'))(ok))
    await send(compose(count, gate('enforce'))(ok))
    await send(compose(count, gate('report'))(ok))
    await send(
      compose(count, errors({ log: recorder().log }))(() => {
        throw new Error('bug')
      }),
    )
    await send(count((_request, context) => {
      record(context, { kind: 'degraded', guard: 'rate-limit', code: 'guard-unavailable' })
      record(context, { kind: 'suspicious', guard: 'client-ip', code: 'forwarded-untrusted' })
      return ok(requestTo(), context)
    }))
    expect(samples(metrics, 'sallyport_events').map(({ labels, value }) => [...Object.values(labels), value])).toEqual([
      ['refused', 'gate', 'gate-closed', 2],
      ['would-refuse', 'gate', 'gate-closed', 1],
      ['error', 'errors', 'internal-error', 1],
      ['degraded', 'rate-limit', 'guard-unavailable', 1],
      ['suspicious', 'client-ip', 'forwarded-untrusted', 1],
    ])
    expect(counts(metrics, DURATION).map(([{ error_type }, count]) => [error_type, count])).toEqual([
      [undefined, 2],
      [undefined, 2],
      ['500', 1],
    ])
  })

  test('stands in the slot of a policy, and sees its refusals', async () => {
    const metrics = createMetrics()
    const secure = policy({
      metrics: httpMetrics({ metrics }),
      own: guard({ name: 'gate', decide: () => refusal({ status: 403, code: 'forbidden' }) }),
    })
    expect((await send(secure(ok), requestTo(), contextOf({ address: '203.0.113.9' }))).status).toBe(403)
    expect(metrics.performance().statuses).toEqual({ 403: 1 })
  })

  test('M5, M13: totals, error rate, average, percentiles, slow ones and statuses', async () => {
    const clock = virtualClock()
    const metrics = createMetrics()
    let ms = 0
    const handler = httpMetrics({ metrics, slow: '990ms' })(() => {
      clock.advance(ms)
      return Response.json(null, { status: ms % 20 === 0 ? 503 : 200 })
    })
    for (ms = 1; ms <= 1_000; ms++) await send(handler, requestTo(), contextOf({ clock }))
    const { requests, durationMs, statuses } = metrics.performance()
    expect(requests).toEqual({ total: 1_000, active: 0, errors: 50, errorRate: 0.05, aborted: 0, slow: 10 })
    expect(statuses).toEqual({ 200: 950, 503: 50 })
    expect(durationMs).toMatchObject({ average: 500.5, max: 1_000 })
    for (const [key, right] of [['p50', 500], ['p95', 950], ['p99', 990]] as const) {
      expect(Math.abs(durationMs[key] / right - 1)).toBeLessThan(0.011)
    }
    expect(JSON.parse(JSON.stringify(metrics.performance()))).toEqual(metrics.performance())
  })

  test('of nothing, the figures are 0', () => {
    expect(createMetrics().performance()).toEqual({
      requests: { total: 0, active: 0, errors: 0, errorRate: 0, aborted: 0, slow: 0 },
      durationMs: { average: 0, p50: 0, p95: 0, p99: 0, max: 0 },
      statuses: {},
    })
  })

  test('a trace is the example of its bucket', async () => {
    const metrics = createMetrics({ clock: virtualClock() })
    await send(
      httpMetrics({ metrics })((_request, context) => {
        context.attributes['trace.id'] = TRACE
        return Response.json('ok')
      }),
    )
    expect(metricsText(metrics, 'openmetrics')).toContain(`# {trace_id="${TRACE}"} 0 `)
    expect(metricsText(metrics)).not.toContain(TRACE)
  })

  test('PITFALLS 25: health checks are counted apart, and what is skipped is not', async () => {
    const metrics = createMetrics()
    const handler = compose(httpMetrics({ metrics, skip: onPath('/static/*') }), health())(ok)
    for (const path of ['/health/live', '/static/app.js', '/notes']) await (await send(handler, requestTo(path))).text()
    await send(handler, requestTo('/admin/x%5C..%5C..%5Cstatic'))
    expect(metrics.performance().requests).toMatchObject({ total: 2, active: 0 })
    expect(samples(metrics, 'sallyport_health_checks').map(({ labels, value }) => [labels, value])).toEqual([
      [{ http_response_status_code: '200' }, 1],
    ])
  })

  test('is not async: a synchronous handler stays one', () => {
    expect(httpMetrics({ metrics: createMetrics() })(ok)(requestTo(), contextOf())).toBeInstanceOf(Response)
  })
})

describe('refuses the bad', () => {
  test('PITFALLS 20: 100,000 random paths and methods add at most 10 series', async () => {
    const metrics = createMetrics()
    const handler = httpMetrics({ metrics })((request) =>
      new Response(null, { status: request.url.length % 2 ? 404 : 200 })
    )
    await send(handler)
    const before = series(metrics)
    let random = 1
    for (let i = 0; i < 100_000; i++) {
      random = (random * 48_271) % 2_147_483_647
      const word = random.toString(36)
      const request = { method: `M${word}`, url: `http://service.test/${word}`, headers: new Headers() }
      await send(handler, request as Request)
    }
    expect(metrics.performance().requests.total).toBe(100_001)
    expect(series(metrics) - before).toBeLessThanOrEqual(10)
    expect(metricsText(metrics)).toContain('http_request_method="_OTHER"')
  }, 30_000)

  test('PITFALLS 20: a route that gives paths ends in the overflow, and the registry holds', async () => {
    const metrics = createMetrics({ maxSeries: 200 })
    const handler = httpMetrics({ metrics, route: (request) => new URL(request.url).pathname })(ok)
    for (let i = 0; i < 1_000; i++) await send(handler, requestTo(`/${i}`))
    expect(series(metrics)).toBeLessThanOrEqual(200)
    const last = counts(metrics, DURATION).find(([labels]) => labels['otel_metric_overflow'] === 'true')
    expect(last?.[1]).toBeGreaterThan(800)
  })

  test('no path, address or name is in the page', async () => {
    const metrics = createMetrics()
    const handler = httpMetrics({ metrics })(() => {
      throw new Problem(404, 'not-found', { detail: 'hunter2' })
    })
    await send(
      errors()(handler),
      requestTo('/hunter2?q=hunter2', { headers: { 'x-user': 'hunter2' } }),
      contextOf({ address: '203.0.113.9' }),
    )
    expect(metricsText(metrics, 'openmetrics')).not.toMatch(/hunter2|203\.0/)
    expect(metrics.performance().statuses).toEqual({ 404: 1 })
  })

  test.each<[what: string, options: object, says: RegExp]>([
    ['no registry', {}, /httpMetrics: metrics must be/],
    ['another thing', { metrics: {} }, /httpMetrics: metrics must be/],
    ['a route that is no function', { metrics: createMetrics(), route: '/x' }, /httpMetrics: route/],
    ['a skip that is no function', { metrics: createMetrics(), skip: '/x' }, /httpMetrics: skip/],
    ['a slow without a unit', { metrics: createMetrics(), slow: 1_000 }, /httpMetrics: slow must be a duration/],
  ])('%s, when made', (_what, options, says) => {
    expect(() => httpMetrics(options as never)).toThrow(says)
  })
})

describe('survives the broken', () => {
  test.each<[what: string, route: () => unknown]>([
    ['throws', () => {
      throw new Error('bug')
    }],
    ['is a promise', () => Promise.resolve('/x')],
    ['is no text', () => 7],
    ['is undefined', () => undefined],
  ])('a route that %s is no label', async (_what, route) => {
    const metrics = createMetrics()
    await send(httpMetrics({ metrics, route: route as never })(ok))
    expect(counts(metrics, DURATION)).toEqual([[{ http_request_method: 'GET', http_response_status_code: '200' }, 1]])
  })

  test('PITFALLS 19: a clock that runs backwards makes no negative duration', async () => {
    const metrics = createMetrics()
    let now = 1_000
    const clock = { now: () => 0, monotonic: () => now -= 100 }
    await send(httpMetrics({ metrics })(ok), requestTo(), contextOf({ clock }))
    expect(samples(metrics, DURATION).find(({ name }) => name.endsWith('_sum'))?.value).toBe(0)
    expect(metrics.performance().durationMs.max).toBe(0)
  })

  test('PITFALLS 10: a client that leaves is no error', async () => {
    const metrics = createMetrics()
    const reader = (await send(httpMetrics({ metrics })(() => new Response(source(10).stream)))).body!.getReader()
    await reader.read()
    await reader.cancel('left')
    expect(metrics.performance().requests).toMatchObject({ total: 1, errors: 0, aborted: 1, active: 0 })
    expect(counts(metrics, DURATION)[0]![0]).not.toHaveProperty('error_type')
  })

  test('fault 44: a stream that breaks is one', async () => {
    const metrics = createMetrics()
    const response = await send(httpMetrics({ metrics })(() => new Response(source(10, 2, 'error').stream)))
    await expect(response.arrayBuffer()).rejects.toThrow('the source broke')
    expect(metrics.performance().requests).toMatchObject({ errors: 1, errorRate: 1, active: 0 })
    expect(counts(metrics, DURATION)[0]![0]).toMatchObject({ error_type: 'body_failed' })
  })

  test('a handler that throws without a boundary is counted, and leaves nothing going on', async () => {
    const metrics = createMetrics()
    const handler = httpMetrics({ metrics })(() => {
      throw new Response(null, { status: 418 })
    })
    await send(handler)
    expect(metrics.performance()).toMatchObject({ requests: { total: 1, active: 0 }, statuses: { 418: 1 } })
  })

  test('50 at once are 50', async () => {
    const metrics = createMetrics()
    const handler = httpMetrics({ metrics })(async () => {
      await Promise.resolve()
      return Response.json('ok')
    })
    const all = Array.from({ length: 50 }, () => send(handler))
    expect(metrics.performance().requests.active).toBe(50)
    await Promise.all(all)
    expect(metrics.performance().requests).toMatchObject({ active: 0, total: 50 })
  })
})

describe('leaves streams alone', () => {
  test('PITFALLS 17: the first chunk is there before the second is made', async () => {
    const body = source(4)
    const handler = httpMetrics({ metrics: createMetrics() })(() => new Response(body.stream))
    const reader = (await send(handler)).body!.getReader()
    expect((await reader.read()).value).toHaveLength(4)
    expect(body.pulled).toBeLessThanOrEqual(2)
    await reader.cancel()
    expect(body.cancelled).toBe(true)
  })
})
