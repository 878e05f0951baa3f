/** The page that Prometheus reads: text format 0.0.4, and OpenMetrics 1.0 for those who ask for it. */
import type { Context } from '../core/context.ts'
import { listMembers, mediaType } from '../core/fields.ts'
import { refuseBy } from '../core/guard.ts'
import type { Handler, MaybePromise } from '../core/handler.ts'
import { isPromise } from '../core/handler.ts'
import { problem } from '../core/problem.ts'
import type { AnyFamily, Metrics } from './registry.ts'
import { Buckets } from './series.ts'

/** How metrics are written. */
export type MetricsFormat = 'prometheus' | 'openmetrics'

/** The media type of each format, as its specification spells it. */
export const METRICS_TYPES: Readonly<Record<MetricsFormat, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** All metrics of a registry, as they are now. Exemplars and units are written in OpenMetrics only. */
export function metricsText(metrics: Metrics, format: MetricsFormat = 'prometheus'): string {
  const open = format === 'openmetrics'
  let out = ''
  for (const family of metrics['~families']()) out += familyText(family, open)
  return open ? `${out}# EOF\n` : out
}

function familyText({ spec, all }: AnyFamily, open: boolean): string {
  const { kind, name, unit, help } = spec
  const sample = kind === 'counter' ? `${name}_total` : name
  // In the older format a family is called what its samples are.
  const family = open ? name : sample
  let out = `# HELP ${family} ${
    help.replace(open ? /[\\\n"]/g : /[\\\n]/g, (char) => char === '\n' ? '\\n' : `\\${char}`)
  }\n`
  out += `# TYPE ${family} ${kind}\n`
  if (open && unit !== '') out += `# UNIT ${family} ${unit}\n`
  let ends: readonly string[] | undefined
  for (const series of all) {
    if (series instanceof Buckets) out += bucketsText(name, series, ends ??= boundsText(series.bounds, open), open)
    else out += `${sample}${braced(series.labels)} ${numberText(series.value)}\n`
  }
  return out
}

/** What follows a bucket's labels; made once for all series of a family. */
function boundsText(bounds: Float64Array, open: boolean): readonly string[] {
  return [...bounds, Infinity].map((bound) => `le="${open ? floatText(bound) : numberText(bound)}"} `)
}

function bucketsText(name: string, series: Buckets, ends: readonly string[], open: boolean): string {
  const { labels, counts, sum, exemplars } = series
  const start = `${name}_bucket{${labels}${labels === '' ? '' : ','}`
  let out = ''
  let total = 0
  for (let at = 0; at < ends.length; at++) {
    total += counts[at]!
    out += start + ends[at]! + total
    const seen = open ? exemplars?.[at] : undefined
    if (seen !== undefined) out += ` # {trace_id="${seen.traceId}"} ${numberText(seen.value)} ${seen.time / 1_000}`
    out += '\n'
  }
  return `${out}${name}_sum${braced(labels)} ${numberText(sum)}\n${name}_count${braced(labels)} ${total}\n`
}

function braced(labels: string): string {
  return labels === '' ? '' : `{${labels}}`
}

function numberText(value: number): string {
  return value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : String(value)
}

/** In OpenMetrics a bound is a float, also where it is whole: `1.0`. */
function floatText(value: number): string {
  const text = numberText(value)
  return /^-?\d+$/.test(text) ? `${text}.0` : text
}

/** OpenMetrics for those who name it, at least as gladly as plain text; the older format for all others. */
export function metricsFormat(accept: string | null): MetricsFormat {
  let open = 0
  let plain = 0
  for (const range of listMembers((accept ?? '').slice(0, 2_000))) {
    const type = mediaType(range)
    const version = /;\s*version\s*=\s*"?([\d.]+)/i.exec(range)?.[1]
    const q = Number(/;\s*q\s*=\s*([\d.]+)/i.exec(range)?.[1] ?? 1)
    if (type === 'application/openmetrics-text' && (version ?? '1.0.0') === '1.0.0') open = Math.max(open, q)
    else if (type === 'text/plain' && (version ?? '0.0.4') === '0.0.4') plain = Math.max(plain, q)
  }
  return open > 0 && open >= plain ? 'openmetrics' : 'prometheus'
}

/** Options of {@link metricsPage}. */
export interface MetricsPageOptions<Needs = {}> {
  /** What to show. */
  readonly metrics: Metrics
  /** Who may see it: only `true` lets in. There is no default: metrics tell routes, load and what is refused. */
  readonly authorize: (request: Request, context: Context & Needs) => MaybePromise<boolean>
}

/**
 * Answers with the metrics, to those who may see them: a handler for the path that Prometheus scrapes.
 *
 * For all others there is nothing there: a 404 does not tell that it exists. There is no default that is open.
 *
 * Needs:   what `authorize` reads.
 * Adds:    nothing.
 * Refuses: 404 `not-found` unless `authorize` gives `true`; 405 `method-not-allowed` for other than GET and HEAD.
 * Throws:  when made: TypeError if `metrics` is no registry or `authorize` no function.
 * Fails:   closed: an `authorize` that throws is a bug, and a 500.
 * Costs:   nothing until it is read; then up to 10 µs per series.
 * Source:  Prometheus text format 0.0.4; OpenMetrics 1.0; RFC 9110 §12.5.1.
 *
 * @example
 * metricsPage({ metrics, authorize: (_request, { principal }: HasPrincipal) => principal.id === 'prometheus' })
 */
export function metricsPage<Needs = {}>(options: MetricsPageOptions<Needs>): Handler<Needs> {
  const { metrics, authorize } = options
  if (typeof metrics?.['~families'] !== 'function') {
    throw new TypeError('metricsPage: metrics must be what createMetrics makes')
  }
  if (typeof authorize !== 'function') throw new TypeError('metricsPage: authorize must be a function')

  const page = (allowed: unknown, request: Request, context: Context): Response => {
    if (allowed !== true) return refuseBy(context, 'metrics-page', problem('not-found'))
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return refuseBy(context, 'metrics-page', problem('method-not-allowed', { headers: { allow: 'GET, HEAD' } }))
    }
    const format = metricsFormat(request.headers.get('accept'))
    return new Response(metricsText(metrics, format), {
      headers: { 'content-type': METRICS_TYPES[format], 'cache-control': 'no-store', vary: 'accept' },
    })
  }

  return (request, context) => {
    const allowed = authorize(request, context)
    return isPromise(allowed) ? allowed.then((one) => page(one, request, context)) : page(allowed, request, context)
  }
}
