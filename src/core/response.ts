/** The edge: runs the one handler for a request, writes the announced head on what comes out, and tells how it ended. */
import { tap } from './body.ts'
import type { Context } from './context.ts'
import { ended } from './context.ts'
import { answer } from './errors.ts'
import type { MaybePromise } from './handler.ts'
import { isPromise } from './handler.ts'

/** Runs the handler; whatever it throws or returns, a Response comes out. For adapters. */
export function run<C extends Context>(
  handler: (request: Request, context: C) => MaybePromise<Response>,
  request: Request,
  context: C,
): MaybePromise<Response> {
  try {
    const response = handler(request, context)
    return isPromise(response)
      ? response.then((one) => checked(one, request, context), (error: unknown) => answer(error, request, context))
      : checked(response, request, context)
  } catch (error) {
    return answer(error, request, context)
  }
}

/** A handler that forgot to answer, or answers with a network error (status 0), has a bug. */
function checked(response: Response, request: Request, context: Context): Response {
  if (typeof response?.status === 'number' && response.status !== 0) return response
  return answer(new TypeError('the handler returned no usable Response'), request, context)
}

/**
 * Writes the announced head on a response. Leaves 101 and WebSocket responses untouched (they cannot be rebuilt), copies
 * a response only where it must (see {@link isBare}; immutable headers of a redirect or something fetched), and keeps every
 * `Set-Cookie`.
 */
export function writeHead(response: Response, context: Context): Response {
  const { status } = response
  const { head } = context
  if (status === 101 || (response as { webSocket?: unknown }).webSocket) return response
  try {
    if (!isBare(response, context)) {
      head.applyTo(response.headers, status)
      return response
    }
  } catch {
    // Immutable: the first write throws, so nothing is half written.
  }
  // `response` as init keeps Workers' cf and encoding.
  const copy = new Response(response.body, response)
  head.applyTo(copy.headers, status)
  return copy
}

/**
 * Without a body? Then it may be one object for many requests (`const NO_CONTENT = new Response(null, { status: 204 })`), and
 * what is written on it for one, a cookie, say, would be sent to the next. With a body it can be sent but once.
 */
function isBare(response: Response, { platform }: Context): boolean {
  const { status } = response
  if (status === 204 || status === 205 || status === 304) return true
  // A string has its type from the start and need not be looked at; but on Bun, where looking at it would change it.
  return platform.name !== 'bun' && !response.headers.has('content-type') && response.body === null
}

/**
 * {@link writeHead}, then tells the listeners of `onEnd`: at the end of the body if it is a stream, at once if it is short.
 * `response.body` is not touched to find out (that alone costs more than the pipeline): what `Response.json`, a string or
 * a refusal makes is known by its type.
 */
export function finish(response: Response, context: Context): Response {
  const out = writeHead(response, context)
  if (context.endListeners === undefined) return out
  const { status } = out
  if (status < 200 || status === 204 || status === 205 || status === 304 || isShort(out.headers.get('content-type'))) {
    ended(context, { status, bytes: undefined, outcome: 'complete' })
    return out
  }
  if (out.body === null) {
    ended(context, { status, bytes: 0, outcome: 'complete' })
    return out
  }
  return new Response(tap(out.body, (bytes, outcome) => ended(context, { status, bytes, outcome })), out)
}

/** Types that platforms give to strings and JSON. A stream that borrows one is reported when it starts. */
function isShort(contentType: string | null): boolean {
  return contentType === 'application/json' || contentType === 'application/problem+json' ||
    contentType === 'text/plain;charset=UTF-8' || contentType === 'application/json;charset=utf-8'
}
