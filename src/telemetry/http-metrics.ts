import { onEnd } from '../core/context.ts'
import { contentLength } from '../core/body.ts'
import type { Wrapper } from '../core/handler.ts'
import type { Duration } from '../core/quantity.ts'
import { milliseconds } from '../core/quantity.ts'
import type { Test } from '../core/when.ts'
import { exemption } from '../core/when.ts'
import type { RouteOf } from './http-labels.ts'
import { isKnownMethod, templateOf } from './http-labels.ts'
import type { Metrics } from './registry.ts'
import type { GaugeSeries } from './series.ts'

/** Options of {@link httpMetrics}. */
export interface HttpMetricsOptions {
  /** Where to count. */
  readonly metrics: Metrics
  /**
   * The template that the router chose, e.g. `'/notes/:id'`; asked when the request has ended. Never the path: each path
   * would be a series of its own. (no label)
   */
  readonly route?: RouteOf | undefined
  /** Requests not to count. Health checks that `health` answered are counted apart, as `sallyport.health.checks`. (none) */
  readonly skip?: Test | undefined
  /** From when on a request is slow, for `metrics.performance()`. (`'1s'`) */
  readonly slow?: Duration | undefined
}

const SIZES: readonly number[] = [256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216]

/**
 * Counts and times requests, as OpenTelemetry's conventions for HTTP servers have it, and what guards decided about them.
 *
 * `http.server.request.duration`, `http.server.active_requests`, `http.server.request.body.size` and
 * `http.server.response.body.size` where they are known, and `sallyport.events` by kind, guard and code. A label is a known
 * method or `_OTHER`, a status, or the route's template: nothing that a client can make up. A request ends when its response
 * has been sent, has broken, or was left behind. Goes into the slot `metrics` of a policy. On Workers the clock stands still
 * between I/O, so that what is only computed takes no time: durations there are labelled `clock="io"`.
 *
 * Needs:   nothing; reads the attribute `trace.id` for exemplars.
 * Adds:    nothing.
 * Refuses: nothing.
 * Throws:  when made: TypeError if `metrics` is no registry or has these names in another form, or an option is not usable.
 * Fails:   a `route` that throws or is none counts without; beyond its budget a metric counts in its overflow series.
 * Costs:   0.4 µs, most of it two looks at the clock; 1 µs with body sizes and an event; 0.5 kB of memory per series.
 * Source:  OpenTelemetry semantic conventions 1.44, HTTP metrics.
 *
 * @example
 * httpMetrics({ metrics, route: (_request, context) => context.attributes['http.route'] as string | undefined })
 */
export function httpMetrics(options: HttpMetricsOptions): Wrapper {
  const { metrics, route } = options
  if (typeof metrics?.['~families'] !== 'function') {
    throw new TypeError('httpMetrics: metrics must be what createMetrics makes')
  }
  if (route !== undefined && typeof route !== 'function') throw new TypeError('httpMetrics: route must be a function')
  if (options.skip !== undefined && typeof options.skip !== 'function') {
    throw new TypeError('httpMetrics: skip must be a function')
  }
  const skip = options.skip && exemption(options.skip)
  const slow = milliseconds(options.slow ?? '1s', 'httpMetrics: slow')
  const figures = metrics['~figures']
  const seconds = metrics.histogram('http.server.request.duration', {
    help: 'Duration of HTTP server requests.',
    unit: 's',
    labels: ['http.request.method', 'http.route', 'http.response.status_code', 'error.type', 'clock'],
  })
  const active = metrics.gauge('http.server.active_requests', {
    help: 'Number of HTTP requests being answered.',
    unit: '{request}',
    labels: ['http.request.method'],
  })
  const size = (direction: 'request' | 'response') =>
    metrics.histogram(`http.server.${direction}.body.size`, {
      help: `Size of HTTP server ${direction} bodies.`,
      unit: 'By',
      buckets: SIZES,
      labels: ['http.request.method', 'http.route'],
      maxSeries: 200,
    })
  const received = size('request')
  const sent = size('response')
  const events = metrics.counter('sallyport.events', {
    help: 'What guards and the error boundary recorded.',
    unit: '{event}',
    labels: ['kind', 'guard', 'code'],
    maxSeries: 500,
  })
  const checks = metrics.counter('sallyport.health.checks', {
    help: 'Health checks answered.',
    unit: '{check}',
    labels: ['http.response.status_code'],
    maxSeries: 10,
  })
  // At most as many as there are methods.
  const gauges = new Map<string, GaugeSeries>()
  const gaugeOf = (method: string): GaugeSeries => {
    let gauge = gauges.get(method)
    if (gauge === undefined) gauges.set(method, gauge = active.series({ 'http.request.method': method }))
    return gauge
  }

  return (next) => (request, context) => {
    if (skip?.(request, context)) return next(request, context)
    const method = isKnownMethod(request.method) ? request.method : '_OTHER'
    const gauge = gaugeOf(method)
    const started = context.clock.monotonic()
    gauge.add(1)
    figures.active++
    onEnd(context, (end) => {
      gauge.add(-1)
      figures.active--
      const { attributes } = context
      const { status, bytes, outcome } = end
      if (attributes['health.check'] === true) return checks.add(1, { 'http.response.status_code': status })
      const ms = Math.max(0, context.clock.monotonic() - started)
      figures.record(ms, end, slow)
      const template = route && templateOf(route, request, context)
      const labels = {
        'http.request.method': method,
        'http.route': template,
        'http.response.status_code': status,
        // A client that leaves is no error of the server's, nor is a 4xx.
        'error.type': outcome === 'failed' ? 'body_failed' : status >= 500 ? status : undefined,
        'clock': context.platform.name === 'workerd' ? 'io' : undefined,
      }
      seconds.observe(ms / 1_000, labels, attributes['trace.id'] as string | undefined)
      if (bytes !== undefined) sent.observe(bytes, labels)
      // What was refused for its length, or did not come to its end, was not received.
      if (method !== 'GET' && method !== 'HEAD' && status !== 413 && outcome === 'complete') {
        const length = contentLength(request)
        if (length !== undefined) received.observe(length, labels)
      }
      for (const event of context.events) events.add(1, event)
    })
    return next(request, context)
  }
}
