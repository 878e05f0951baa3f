import type { Context as Surroundings, Link, Span, SpanOptions, Tracer } from '@opentelemetry/api'
import { context as active, ROOT_CONTEXT, SpanKind, trace as tracing } from '@opentelemetry/api'
import type { Context } from '../../core/context.ts'
import { onEnd } from '../../core/context.ts'
import { fieldName } from '../../core/fields.ts'
import type { Handler, MaybePromise, Wrapper } from '../../core/handler.ts'
import type { Redaction } from '../../core/redact.ts'
import { standardRedaction } from '../../core/redact.ts'
import { rawPath } from '../../core/request.ts'
import type { Test } from '../../core/when.ts'
import { exemption } from '../../core/when.ts'
import type { RouteOf } from '../http-labels.ts'
import { templateOf } from '../http-labels.ts'
import type { TraceContext } from '../trace-context.ts'
import { parseTraceparent, parseTracestate, RANDOM } from '../trace-context.ts'
import type { Shown } from './span-attributes.ts'
import { describeEnd, requestAttributes, spanMethod } from './span-attributes.ts'
import { failed, globalTracer, idsOnly, quietly, remember, startSpan } from './traced.ts'

/** Options of {@link trace}. */
export interface TraceOptions {
  /** Makes the spans. (the tracer `sallyport` of the provider that is registered with OpenTelemetry's API, if one is) */
  readonly tracer?: Tracer | undefined
  /** Called when a request's span has ended, if it was recorded: to export in time, on Workers. (nothing) */
  readonly flush?: ((context: Context) => void) | undefined
  /** Whose trace to continue, e.g. `fromPeers('10.0.0.0/8')`; all others start a new one with a link to theirs. (nobody's) */
  readonly trust?: Test | undefined
  /** The template that the router chose, e.g. `'/notes/:id'`; asked when the request has ended. (attribute `http.route`) */
  readonly route?: RouteOf | undefined
  /** Show the query, with the values of secret-looking parameters redacted. (false) */
  readonly query?: boolean | undefined
  /** Request headers to show, by name; those whose name is a secret's are redacted. (none) */
  readonly headers?: readonly string[] | undefined
  /** Make a span for each guard, with what it decided. (false) */
  readonly guards?: boolean | undefined
  /** Requests not to trace. (`/health`, `/health/live` and `/health/ready`) */
  readonly skip?: Test | undefined
  /** What may not be shown. (`standardRedaction`) */
  readonly redaction?: Redaction | undefined
}

/**
 * Makes a span of each request, from its arrival to the end of its response, as OpenTelemetry's conventions for HTTP servers
 * have it. Goes into the slot `trace` of a policy.
 *
 * Callers are not trusted: their `traceparent` would let them write into your traces, and their flag let them fill your
 * storage. Theirs is linked, and yours begins anew; `trust` says whose is continued. A `traceparent` that is not exactly
 * right counts as none. What guards recorded become events of the span, stamped with its end, and the request's attributes
 * become its own. The span is active in the handler where a context manager is registered; everywhere `spanOf(context)` has
 * it and `tracedFetch` passes it on. Without an SDK nothing is recorded, but the ids are there, for logs and for calls.
 *
 * Needs:   nothing; reads `clientIp` and `secure` where they are there.
 * Adds:    nothing; attributes `trace.id` and `span.id`.
 * Refuses: nothing.
 * Throws:  when made: TypeError if an option is not usable.
 * Fails:   a tracer that throws is ignored (OpenTelemetry's `diag` says so); a request is never delayed.
 * Costs:   0.2 µs without an SDK; with one 0.5 µs, and what it costs itself (1.5 µs).
 * Source:  OpenTelemetry semantic conventions 1.44, HTTP spans; W3C Trace Context, level 2.
 *
 * @example
 * trace({ trust: fromPeers('10.0.0.0/8'), query: true, guards: true })
 */
export function trace(options: TraceOptions = {}): Wrapper {
  const { tracer, flush, route, guards = false, redaction = standardRedaction } = options
  if (tracer !== undefined && typeof tracer?.startSpan !== 'function') {
    throw new TypeError('trace: tracer must be a Tracer of @opentelemetry/api')
  }
  for (const name of ['flush', 'trust', 'route', 'skip'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'function') {
      throw new TypeError(`trace: ${name} must be a function`)
    }
  }
  const trusts = options.trust && exemption(options.trust)
  const skips = options.skip === undefined ? isHealth : exemption(options.skip)
  const shown: Shown = {
    query: options.query ?? false,
    headers: (options.headers ?? []).map(fieldName).map((name) => ({
      name,
      key: `http.request.header.${name}`,
      hidden: redaction.isSecret(name),
    })),
    redaction,
  }

  return (next) => (request, context) => {
    const { attributes } = context
    // Mounted twice, the outer one has it.
    if (attributes['trace.id'] !== undefined || skips(request, context)) return next(request, context)
    const caller = parseTraceparent(request.headers.get('traceparent'))
    const parent = caller && trusts?.(request, context) === true ? withState(caller, request) : undefined
    const maker = tracer ?? globalTracer()
    const span = maker === undefined ? idsOnly(parent) : begin(maker, request, shown, parent, caller)
    const { traceId, spanId } = span.spanContext()
    attributes['trace.id'] = traceId
    attributes['span.id'] = spanId
    remember(context, { span, tracer, redaction, random: parent === undefined ? 0 : parent.traceFlags & RANDOM })
    if (maker === undefined) return next(request, context)
    const around = tracing.setSpan(ROOT_CONTEXT, span)
    if (isRecording(span)) {
      if (guards) context.onGuard = guardSpans(maker, span, around)
      onEnd(context, (end) => {
        try {
          describeEnd(span, request, context, end, shown, route && templateOf(route, request, context))
        } catch (error) {
          failed(error)
        }
        try {
          span.end()
        } catch (error) {
          failed(error)
        }
        // Returned, so that whoever tells drops the rejection of one that is async.
        return flush?.(context)
      })
    }
    return within(around, next, request, context)
  }
}

const HEALTH: readonly string[] = ['/health', '/health/live', '/health/ready']

/** Compared as it came: what only resembles these is traced. */
function isHealth(request: Request): boolean {
  return request.url.includes('/health') && HEALTH.includes(rawPath(request))
}

function withState(caller: TraceContext, request: Request): TraceContext {
  const traceState = parseTracestate(request.headers.get('tracestate'))
  return traceState === undefined ? caller : { ...caller, traceState }
}

/** Whatever is active here has nothing to do with the request: it may be what started the server. */
function begin(
  tracer: Tracer,
  request: Request,
  shown: Shown,
  parent: TraceContext | undefined,
  caller: TraceContext | undefined,
): Span {
  const around = parent === undefined ? ROOT_CONTEXT : tracing.setSpanContext(ROOT_CONTEXT, parent)
  const options: SpanOptions = { kind: SpanKind.SERVER, attributes: requestAttributes(request, shown) }
  if (parent === undefined && caller !== undefined) options.links = [{ context: caller } satisfies Link]
  return startSpan(tracer, spanMethod(request.method), options, around, parent)
}

function isRecording(span: Span): boolean {
  try {
    return span.isRecording()
  } catch {
    return false
  }
}

function guardSpans(tracer: Tracer, span: Span, around: Surroundings): NonNullable<Context['onGuard']> {
  return (guard) => {
    const attributes = { 'sallyport.guard': guard }
    const child = startSpan(tracer, `guard ${guard}`, { attributes }, around, span.spanContext())
    return (outcome) =>
      quietly(() => {
        child.setAttribute('sallyport.guard.outcome', outcome)
        child.end()
      })
  }
}

/** Calls the handler with the span active, once, whatever the context manager does. */
function within<C extends Context>(
  around: Surroundings,
  next: Handler<C>,
  request: Request,
  context: C,
): MaybePromise<Response> {
  let called = false
  const call = (): MaybePromise<Response> => {
    called = true
    return next(request, context)
  }
  try {
    return active.with(around, call)
  } catch (error) {
    if (called) throw error
    return call()
  }
}
