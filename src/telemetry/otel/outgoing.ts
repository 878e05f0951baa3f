import type { Attributes, Span, SpanContext } from '@opentelemetry/api'
import { context as active, ROOT_CONTEXT, SpanKind, trace as tracing } from '@opentelemetry/api'
import type { Context } from '../../core/context.ts'
import type { Redaction } from '../../core/redact.ts'
import { standardRedaction } from '../../core/redact.ts'
import { RANDOM, traceparent } from '../trace-context.ts'
import { broke, callAttributes, spanMethod } from './span-attributes.ts'
import type { Traced } from './traced.ts'
import { globalTracer, quietly, startSpan, tracedOf } from './traced.ts'

/** The platform's `fetch`, or something that can stand in its place. */
export type Fetch = typeof globalThis.fetch

/**
 * A `fetch` whose calls belong to the trace of this request, on runtimes without a context manager too: the context is given.
 *
 * Each call has a span of its own, from its start until the response's head is there, and tells the other side its ids in
 * `traceparent` and `tracestate`, in place of what the caller set: to pass on a client's headers is not to pass on its trace.
 * No baggage is added. The query in `url.full` is redacted, and credentials are left out. Bodies and signals are passed on
 * untouched. Where `trace` is not mounted each call begins a trace.
 *
 * Throws what `fetch` throws.
 *
 * @example
 * const response = await tracedFetch(context)('https://api.example/notes')
 */
export function tracedFetch(context: Context, fetch: Fetch = globalThis.fetch): Fetch {
  if (typeof fetch !== 'function') throw new TypeError('tracedFetch: fetch must be a function')
  return (input, init) => {
    const traced = tracedOf(context)
    const span = begin(traced, input as Request | URL | string, init)
    let answer: Promise<Response>
    try {
      answer = send(fetch, input as Request | URL | string, init, span.spanContext(), traced?.random ?? 0)
    } catch (error) {
      failed(span, error)
      return Promise.reject(error)
    }
    return answer.then((response) => {
      succeeded(span, response)
      return response
    }, (error: unknown) => {
      failed(span, error)
      throw error
    })
  }
}

function begin(traced: Traced | undefined, input: Request | URL | string, init: RequestInit | undefined): Span {
  const parent = traced && parentOf(traced.span)
  const around = parent === undefined ? ROOT_CONTEXT : tracing.setSpan(ROOT_CONTEXT, parent)
  const asked = init?.method ?? (isRequest(input) ? input.method : 'GET')
  // As `fetch` does for most of them.
  const method = typeof asked === 'string' ? asked.toUpperCase() : 'GET'
  const attributes = attributesOf(method, isRequest(input) ? input.url : input, traced?.redaction ?? standardRedaction)
  return startSpan(
    traced?.tracer ?? globalTracer(),
    spanMethod(method),
    { kind: SpanKind.CLIENT, attributes },
    around,
    parent?.spanContext(),
  )
}

/** The span that is active here, if it is one of this trace: a handler may have made some of its own. */
function parentOf(server: Span): Span {
  try {
    const inner = tracing.getSpan(active.active())
    if (inner !== undefined && inner.spanContext().traceId === server.spanContext().traceId) return inner
  } catch {
    // A context manager that fails is none.
  }
  return server
}

function attributesOf(method: string, input: URL | string, redaction: Redaction): Attributes {
  try {
    return callAttributes(method, new URL(input), redaction)
  } catch {
    return {} // `fetch` says what is wrong with it.
  }
}

function send(
  fetch: Fetch,
  input: Request | URL | string,
  init: RequestInit | undefined,
  ids: SpanContext,
  random: number,
): Promise<Response> {
  // A Request in place of the options, as is usual on Workers: it has no properties of its own to copy.
  if (isRequest(init)) return send(fetch, new Request(input, init), undefined, ids, random)
  const headers = new Headers(init?.headers ?? (isRequest(input) ? input.headers : undefined))
  headers.delete('tracestate')
  quietly(() => {
    headers.set('traceparent', traceparent({ ...ids, traceFlags: ids.traceFlags | (random & RANDOM) }))
    const state = ids.traceState?.serialize()
    if (state) headers.set('tracestate', state)
  })
  return fetch(input, { ...init, headers })
}

/** By its form, not by `instanceof`: servers on Node have classes of their own. */
function isRequest(value: unknown): value is Request {
  return typeof value === 'object' && value !== null && typeof (value as Request).url === 'string'
}

function succeeded(span: Span, { status }: Response): void {
  quietly(() => {
    if (span.isRecording()) {
      span.setAttribute('http.response.status_code', status)
      if (status >= 400) broke(span, String(status))
    }
    span.end()
  })
}

function failed(span: Span, error: unknown): void {
  quietly(() => {
    broke(span, error instanceof Error ? error.name : '_OTHER')
    span.end()
  })
}
