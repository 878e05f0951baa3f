/** What `trace` and the calls going out have in common: the span of a request, and how to start one come what may. */
import type {
  Context as Surroundings,
  ProxyTracerProvider,
  Span,
  SpanContext,
  SpanOptions,
  Tracer,
  TracerProvider,
} from '@opentelemetry/api'
import { diag, INVALID_SPANID, INVALID_TRACEID, trace as tracing } from '@opentelemetry/api'
import type { Context } from '../../core/context.ts'
import type { Redaction } from '../../core/redact.ts'
import { childOf } from '../trace-context.ts'

/** What is known of a request that is traced. */
export interface Traced {
  readonly span: Span
  readonly tracer: Tracer | undefined
  readonly redaction: Redaction
  /** The caller's flag of level 2, if it is trusted: SDKs lose it. */
  readonly random: number
}

// On the attributes, which all views of a context share; what reads these does not see it. A WeakMap costs more than all
// the rest of `trace`.
const TRACED = /* @__PURE__ */ Symbol('traced')

interface Holder {
  [TRACED]?: Traced
}

/** Remembers the span of a request. */
export function remember({ attributes }: Context, traced: Traced): void {
  ;(attributes as Holder)[TRACED] = traced
}

/** What is known of this request. */
export function tracedOf({ attributes }: Context): Traced | undefined {
  return (attributes as Holder)[TRACED]
}

/**
 * The span of this request, to add to it; `undefined` where `trace` is not mounted or skips the request. It may record
 * nothing, but it always has ids.
 */
export function spanOf(context: Context): Span | undefined {
  return tracedOf(context)?.span
}

/**
 * Starts a span. It has valid ids of its own whatever the tracer does: with none, or one that fails, they are ours and nothing
 * is recorded.
 */
export function startSpan(
  tracer: Tracer | undefined,
  name: string,
  options: SpanOptions,
  around: Surroundings,
  parent: SpanContext | undefined,
): Span {
  try {
    const span = tracer?.startSpan(name, options, around)
    if (span !== undefined) {
      const { traceId, spanId } = span.spanContext()
      // A tracer that does nothing gives the parent's ids, or none. The API's own test of digits costs as much as all this.
      if (spanId !== parent?.spanId && isId(traceId, INVALID_TRACEID) && isId(spanId, INVALID_SPANID)) return span
    }
  } catch (error) {
    failed(error)
  }
  return idsOnly(parent)
}

/** A span that records nothing. */
export function idsOnly(parent: SpanContext | undefined): Span {
  return tracing.wrapSpanContext(childOf(parent))
}

function isId(id: string, invalid: string): boolean {
  return id.length === invalid.length && id !== invalid
}

/** Does something with spans that must not touch the request. */
export function quietly(action: () => void): void {
  try {
    action()
  } catch (error) {
    failed(error)
  }
}

/** Where OpenTelemetry says what goes wrong with it: nowhere, unless `diag.setLogger` was called. */
export function failed(error: unknown): void {
  diag.error('sallyport: the tracer failed', error)
}

let provider: unknown
let global: Tracer | undefined

/**
 * The tracer of the provider that is registered with the API; `undefined` if none is. Asked for at each request, so that one
 * may be registered later, or by another copy of the API.
 */
export function globalTracer(): Tracer | undefined {
  const current: Partial<ProxyTracerProvider> & TracerProvider = tracing.getTracerProvider()
  if (global === undefined || current !== provider) {
    provider = current
    // The API's stand-in for a provider that is still to come would make a tracer that does nothing, at a price.
    global = current.getDelegateTracer === undefined
      ? current.getTracer('sallyport')
      : current.getDelegateTracer('sallyport')
  }
  return global
}
