/**
 * Readers of OTLP/JSON, strict: they throw at what is not exactly as the protocol has it: a field that it does not know, an id
 * that is no hex, a time that is no string of nanoseconds.
 */

/** What came as JSON. */
export type Raw = Readonly<Record<string, unknown>>

type Value = string | number | boolean | readonly Value[]

/** A span, as a reader of the collector gets it. */
export interface CollectedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly name: string
  readonly kind: number
  /** Nanoseconds. */
  readonly start: bigint
  readonly end: bigint
  readonly attributes: Readonly<Record<string, Value>>
  readonly events: readonly { readonly name: string; readonly attributes: Readonly<Record<string, Value>> }[]
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly status: number
  readonly resource: Readonly<Record<string, Value>>
  readonly scope: string
}

/** A point of a metric. */
export interface CollectedPoint {
  readonly metric: string
  readonly unit: string
  readonly description: string
  readonly kind: 'sum' | 'gauge' | 'histogram'
  readonly attributes: Readonly<Record<string, Value>>
  readonly value: number
  readonly count: number | undefined
  readonly buckets: readonly number[] | undefined
  readonly bounds: readonly number[] | undefined
  readonly exemplars: readonly { readonly traceId: string; readonly value: number }[]
  readonly start: bigint
  readonly time: bigint
  readonly resource: Readonly<Record<string, Value>>
}

function assert(right: boolean, wrong: string): asserts right {
  if (!right) throw new Error(wrong)
}

/** An object with no other fields than these. */
function fields(value: unknown, what: string, ...known: readonly string[]): Raw {
  assert(typeof value === 'object' && value !== null && !Array.isArray(value), `${what} is no object`)
  const strange = Object.keys(value).filter((key) => !known.includes(key))
  assert(strange.length === 0, `${what} has ${strange.join()}`)
  return value as Raw
}

function list(value: unknown, what: string): readonly unknown[] {
  if (value === undefined) return []
  assert(Array.isArray(value), `${what} is no list`)
  return value as unknown[]
}

function hex(value: unknown, length: number, what: string): string {
  assert(typeof value === 'string' && new RegExp(`^[0-9a-f]{${length}}$`).test(value), `${what} is ${String(value)}`)
  assert(!/^0+$/.test(value), `${what} is zero`)
  return value
}

function nanos(value: unknown, what: string): bigint {
  assert(typeof value === 'string' && /^\d{1,20}$/.test(value), `${what} is ${String(value)}`)
  // Nobody's clock is before 2020, or counts in another unit.
  assert(BigInt(value) > 1_577_836_800_000_000_000n, `${what} is ${value}`)
  return BigInt(value)
}

/** 64 bits: JSON for protocol buffers writes them as text, and readers take numbers as well. */
function integer(value: unknown, what: string): number {
  assert(Number.isSafeInteger(Number(value)) && String(value).trim() !== '', `${what} is ${String(value)}`)
  return Number(value)
}

function text(value: unknown, what: string): string {
  assert(typeof value === 'string', `${what} is no text`)
  return value
}

function valueOf(value: unknown, what: string): Value {
  const entries = Object.entries(
    fields(value, what, 'stringValue', 'boolValue', 'intValue', 'doubleValue', 'arrayValue'),
  )
  assert(entries.length === 1, `${what} has ${entries.length} values`)
  const [kind, one] = entries[0]!
  if (kind === 'stringValue') return text(one, what)
  if (kind === 'intValue') return integer(one, what)
  if (kind === 'arrayValue') return list(fields(one, what, 'values')['values'], what).map((each) => valueOf(each, what))
  assert(kind === 'boolValue' ? typeof one === 'boolean' : typeof one === 'number', `${what} is no ${kind}`)
  return one as Value
}

function attributesOf(value: unknown, what: string): Record<string, Value> {
  const out: Record<string, Value> = {}
  for (const one of list(value, what)) {
    const { key, value } = fields(one, what, 'key', 'value')
    assert(typeof key === 'string' && key !== '' && !(key in out), `${what} has the key ${String(key)}`)
    out[key] = valueOf(value, `${what} ${key}`)
  }
  return out
}

/** What resource and scope say, and the items of each scope. */
function scopes(body: Raw, resources: string, scoped: string, items: string): [Record<string, Value>, string, Raw][] {
  return list(fields(body, 'the request', resources)[resources], resources).flatMap((one) => {
    const { resource, [scoped]: all } = fields(one, resources, 'resource', 'schemaUrl', scoped)
    const about = fields(resource, 'resource', 'attributes', 'droppedAttributesCount')
    const attributes = attributesOf(about['attributes'], 'resource')
    assert(typeof attributes['service.name'] === 'string', 'the resource has no service.name')
    return list(all, scoped).flatMap((each) => {
      const { scope, [items]: found } = fields(each, scoped, 'scope', 'schemaUrl', items)
      const name = text(fields(scope, 'scope', 'name', 'version')['name'], 'scope')
      return list(found, items).map((item): [Record<string, Value>, string, Raw] => [attributes, name, item as Raw])
    })
  })
}

const DROPPED = ['droppedAttributesCount', 'droppedEventsCount', 'droppedLinksCount']
const SPAN = ['traceId', 'spanId', 'traceState', 'parentSpanId', 'flags', 'name', 'kind', 'startTimeUnixNano']
const SPAN_MORE = ['endTimeUnixNano', 'attributes', 'events', 'links', 'status', ...DROPPED]

/** The spans of an ExportTraceServiceRequest. */
export function readSpans(body: Raw): CollectedSpan[] {
  return scopes(body, 'resourceSpans', 'scopeSpans', 'spans').map(([resource, scope, raw]) => {
    const span = fields(raw, 'span', ...SPAN, ...SPAN_MORE)
    const start = nanos(span['startTimeUnixNano'], 'startTimeUnixNano')
    const end = nanos(span['endTimeUnixNano'], 'endTimeUnixNano')
    assert(end >= start, 'the span ends before it starts')
    const kind = integer(span['kind'], 'kind')
    assert(kind >= 1 && kind <= 5, `kind is ${kind}`)
    return {
      traceId: hex(span['traceId'], 32, 'traceId'),
      spanId: hex(span['spanId'], 16, 'spanId'),
      parentSpanId: span['parentSpanId'] === undefined ? undefined : hex(span['parentSpanId'], 16, 'parentSpanId'),
      name: text(span['name'], 'name'),
      kind,
      start,
      end,
      attributes: attributesOf(span['attributes'], 'span'),
      events: list(span['events'], 'events').map((one) => {
        const event = fields(one, 'event', 'timeUnixNano', 'name', 'attributes', ...DROPPED)
        nanos(event['timeUnixNano'], 'event')
        return { name: text(event['name'], 'event'), attributes: attributesOf(event['attributes'], 'event') }
      }),
      links: list(span['links'], 'links').map((one) => {
        const link = fields(one, 'link', 'traceId', 'spanId', 'traceState', 'attributes', 'flags', ...DROPPED)
        return { traceId: hex(link['traceId'], 32, 'link'), spanId: hex(link['spanId'], 16, 'link') }
      }),
      status: integer(fields(span['status'] ?? {}, 'status', 'code', 'message')['code'] ?? 0, 'status'),
      resource,
      scope,
    }
  })
}

const POINT = ['attributes', 'startTimeUnixNano', 'timeUnixNano', 'exemplars', 'flags']
const DISTRIBUTION = ['count', 'sum', 'bucketCounts', 'explicitBounds', 'min', 'max']

/** The points of an ExportMetricsServiceRequest. */
export function readPoints(body: Raw): CollectedPoint[] {
  return scopes(body, 'resourceMetrics', 'scopeMetrics', 'metrics').flatMap(([resource, , raw]) => {
    const metric = fields(raw, 'metric', 'name', 'description', 'unit', 'sum', 'gauge', 'histogram')
    const kinds = (['sum', 'gauge', 'histogram'] as const).filter((kind) => metric[kind] !== undefined)
    assert(kinds.length === 1, `the metric is ${kinds.join(' and ')}`)
    const kind = kinds[0]!
    const more = { sum: ['aggregationTemporality', 'isMonotonic'], gauge: [], histogram: ['aggregationTemporality'] }
    const data = fields(metric[kind], kind, 'dataPoints', ...more[kind])
    if (kind !== 'gauge') assert(data['aggregationTemporality'] === 2, `${kind} is not cumulative`)
    if (kind === 'sum') assert(data['isMonotonic'] === true, 'the sum is not monotonic')
    const points = list(data['dataPoints'], 'dataPoints')
    assert(points.length > 0, 'a metric without points')
    return points.map((one) => ({
      metric: text(metric['name'], 'name'),
      unit: text(metric['unit'], 'unit'),
      description: text(metric['description'], 'description'),
      kind,
      resource,
      ...pointOf(one, kind),
    }))
  })
}

function pointOf(
  one: unknown,
  kind: string,
): Omit<CollectedPoint, 'metric' | 'unit' | 'description' | 'kind' | 'resource'> {
  const point = fields(one, kind, ...POINT, ...(kind === 'histogram' ? DISTRIBUTION : ['asDouble', 'asInt']))
  const start = nanos(point['startTimeUnixNano'], 'startTimeUnixNano')
  const time = nanos(point['timeUnixNano'], 'timeUnixNano')
  assert(time >= start, 'the point is before its start')
  const value = point[kind === 'histogram' ? 'sum' : 'asDouble']
  assert(typeof value === 'number', `${kind} has no value`)
  const common = { attributes: attributesOf(point['attributes'], 'point'), start, time, value }
  if (kind !== 'histogram') return { ...common, count: undefined, buckets: undefined, bounds: undefined, exemplars: [] }
  const count = integer(point['count'], 'count')
  const buckets = list(point['bucketCounts'], 'bucketCounts').map((each) => integer(each, 'bucketCounts'))
  const bounds = list(point['explicitBounds'], 'explicitBounds') as readonly number[]
  assert(buckets.length === bounds.length + 1, 'the buckets do not fit the bounds')
  assert(bounds.every((bound, at) => at === 0 || bound > bounds[at - 1]!), 'the bounds do not ascend')
  assert(buckets.reduce((sum, each) => sum + each, 0) === count, 'the buckets do not make up the count')
  const exemplars = list(point['exemplars'], 'exemplars').map((each) => {
    const { traceId, asDouble, timeUnixNano } = fields(each, 'exemplar', 'traceId', 'asDouble', 'timeUnixNano')
    nanos(timeUnixNano, 'exemplar')
    return { traceId: hex(traceId, 32, 'exemplar'), value: asDouble as number }
  })
  return { ...common, count, buckets, bounds, exemplars }
}
