/**
 * Names as OpenTelemetry writes them (`http.server.request.duration`, unit `s`), and as Prometheus has to read them
 * (`http_server_request_duration_seconds`): the mapping of OpenTelemetry's "Prometheus and OpenMetrics Compatibility".
 */
import { show } from '../core/quantity.ts'

/** What kind of metric: how its values may change. */
export type MetricKind = 'counter' | 'gauge' | 'histogram'

/** A unit in UCUM as OpenTelemetry uses it; in braces it only annotates: `'{request}'`. */
export type MetricUnit = 's' | 'ms' | 'By' | '1' | `{${string}}`

const UNITS: Readonly<Record<string, string>> = { s: 'seconds', ms: 'milliseconds', By: 'bytes' }

/** The unit as a word at the end of the name; `''` where there is none. */
export function unitWord(kind: MetricKind, unit: MetricUnit | undefined, metric: string): string {
  if (unit === undefined || (typeof unit === 'string' && /^\{[^{}]*\}$/.test(unit))) return ''
  if (unit === '1') return kind === 'gauge' ? 'ratio' : ''
  if (Object.hasOwn(UNITS, unit)) return UNITS[unit]!
  throw new TypeError(`${metric}: unit must be 's', 'ms', 'By', '1' or a word in braces, got ${show(unit)}`)
}

/** The name of a metric's family: without `_total`, which its counter gets when written, and with its unit. */
export function familyName(name: string, kind: MetricKind, unit: string): string {
  if (typeof name !== 'string' || !/^[A-Za-z][\w.]{0,127}$/.test(name)) {
    throw new TypeError(`metrics: a name must be letters, digits, '_' and '.', from a letter on, got ${show(name)}`)
  }
  let base = underscored(name)
  if (kind === 'counter' && base.endsWith('_total')) base = base.slice(0, -'_total'.length)
  return unit === '' || base.endsWith(`_${unit}`) ? base : `${base}_${unit}`
}

/** All names that a family may write; no other family may write them. */
export function sampleNames(family: string, kind: MetricKind): readonly string[] {
  const created = `${family}_created`
  if (kind === 'counter') return [family, `${family}_total`, created]
  return kind === 'gauge' ? [family] : [family, `${family}_bucket`, `${family}_sum`, `${family}_count`, created]
}

/** The label that marks the one series of all that was too much (OpenTelemetry metrics SDK, "Cardinality limits"). */
export const OVERFLOW = 'otel_metric_overflow="true"'

const TAKEN: readonly string[] = ['le', 'quantile', 'otel_metric_overflow']

/** Label names as written. Throws a TypeError for one that is none, is taken, or stands there twice. */
export function labelNames(names: readonly string[], metric: string): readonly string[] {
  if (!Array.isArray(names)) throw new TypeError(`${metric}: labels must be a list of names`)
  const written = names.map((name: unknown) => {
    if (typeof name !== 'string' || !/^[A-Za-z][\w.]{0,63}$/.test(name)) {
      throw new TypeError(
        `${metric}: a label must be letters, digits, '_' and '.', from a letter on, got ${show(name)}`,
      )
    }
    const label = underscored(name)
    if (TAKEN.includes(label)) throw new TypeError(`${metric}: the label '${name}' is taken by the format`)
    return label
  })
  if (new Set(written).size < written.length) {
    throw new TypeError(`${metric}: labels must differ, dots being underscores`)
  }
  return written
}

function underscored(name: string): string {
  return name.replace(/[._]+/g, '_')
}

const MOST = 128

/**
 * A label's value as it is kept: at most 128 characters, and well-formed, because two halves of characters would both be
 * written as U+FFFD, and the same series twice spoils the whole page.
 */
export function labelValue(text: string): string {
  return (text.length > MOST ? text.slice(0, MOST) : text).replace(/\p{Surrogate}/gu, '\ufffd')
}

/** A label's value between its quotes. The same in both formats. */
export function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (char) => char === '\n' ? '\\n' : `\\${char}`)
}
