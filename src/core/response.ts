/** The edge: runs the one handler for a request, writes the announced head on what comes out, and tells how it ended. */
import { tap } from './stream.ts'
import type { Context } from './context.ts'
import { ended } from './context.ts'
import { answer } from './errors.ts'
import type { MaybePromise } from './handler.ts'
import { isPromise } from './handler.ts'

/**
 * Runs the handler; whatever it throws or returns, a Response comes out, by way of `leave`: for adapters. Synchronous where
 * the handler is.
 */
export function run<C extends Context>(
  handler: (request: Request, context: C) => MaybePromise<Response>,
  request: Request,
  context: C,
  leave: (response: Response, context: C, request: Request) => Response = same,
): MaybePromise<Response> {
  try {
    const response = handler(request, context)
    return isPromise(response)
      ? response.then(
        (one) => leave(checked(one, request, context), context, request),
        (error: unknown) => leave(answer(error, request, context), context, request),
      )
      : leave(checked(response, request, context), context, request)
  } catch (error) {
    return leave(answer(error, request, context), context, request)
  }
}

function same(response: Response): Response {
  return response
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
  return isUpgrade(response) ? response : written(response, context, response.headers.get('content-type'))
}

function isUpgrade(response: Response): boolean {
  return response.status === 101 || Boolean((response as { webSocket?: unknown }).webSocket)
}

function written(response: Response, context: Context, type: string | null): Response {
  const { status } = response
  const { head } = context
  try {
    if (!isBare(response, context, type)) {
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
function isBare(response: Response, { platform }: Context, type: string | null): boolean {
  if (isBodiless(response.status)) return true
  // A string has its type from the start and need not be looked at; but on Bun, where looking at it would change it.
  return type === null && platform.name !== 'bun' && response.body === null
}

function isBodiless(status: number): boolean {
  return status === 204 || status === 205 || status === 304
}

/**
 * {@link writeHead}, then tells the listeners of `onEnd`: at the end of the body if it is a stream, at once if it is short
 * or will not be sent (HEAD). `response.body` is not touched to find out (that alone costs more than the pipeline): what
 * `Response.json`, a string or a refusal makes is known by its type. A response that cannot be sent (its body has been
 * read, or is locked) is a bug: a 500.
 */
export function finish(response: Response, context: Context, request: Request): Response {
  try {
    return deliver(response, context, request)
  } catch (error) {
    return deliver(answer(error, request, context), context, request)
  }
}

function deliver(response: Response, context: Context, request: Request): Response {
  const { status } = response
  if (isUpgrade(response)) {
    ended(context, { status, bytes: undefined, outcome: 'complete' })
    return response
  }
  // Read once, and before the head is written: on Deno a look-up is as long as the list.
  const type = response.headers.get('content-type')
  const out = written(response, context, type)
  if (context.endListeners === undefined) return out
  if (request.method === 'HEAD') ended(context, { status, bytes: 0, outcome: 'complete' })
  else if (isBodiless(status) || isShort(type, context)) {
    ended(context, { status, bytes: undefined, outcome: 'complete' })
  } else if (out.body === null) ended(context, { status, bytes: 0, outcome: 'complete' })
  else return new Response(tap(out.body, (bytes, outcome) => ended(context, { status, bytes, outcome })), out)
  return out
}

/** Types that platforms give to strings and JSON. A stream that borrows one is reported when it starts. */
function isShort(type: string | null, { platform }: Context): boolean {
  switch (type) {
    case 'application/json':
    case 'application/json;charset=utf-8':
    case 'application/problem+json':
    case 'text/plain;charset=UTF-8':
      return true
    case null:
      // Bun gives a string its type only when it is sent, and a tap would change it.
      return platform.name === 'bun'
    default:
      return false
  }
}
