/**
 * Hono: `app.use(toHono(secure))`. What the wrapper adds is in `c.var`, typed; its head is written on whatever comes out,
 * errors and 404 included. Runs wherever Hono does.
 */
import type { ErrorHandler, MiddlewareHandler } from 'hono'
import type { Clock } from '../src/core/clock.ts'
import type { Context } from '../src/core/context.ts'
import { createContext } from '../src/core/context.ts'
import type { HasParams, HasSanitizer } from '../src/core/facts.ts'
import type { Handler, Wrapper } from '../src/core/handler.ts'
import { isPromise } from '../src/core/handler.ts'
import { finish, run } from '../src/core/response.ts'
import type { Bindings } from './hono/facts.ts'
import { factsOf } from './hono/facts.ts'
import { handOver } from './shared/node-head.ts'

type HonoContext = Parameters<MiddlewareHandler>[0]

/** Options of {@link toHono}. */
export interface HonoOptions {
  /** Where time comes from. (the runtime's) */
  readonly clock?: Clock | undefined
}

/** What one Hono request has, however many wrappers are mounted on it. */
interface Exchange {
  readonly context: Context
  /** Who has run on it. */
  readonly wrappers: Handler<HasHono>[]
  /** The route's error, once an inner wrapper's boundary has answered it. */
  answered: unknown
}

/** The way back into Hono, from within the innermost handler, and the path's parameters where the wrapper is mounted. */
interface HasHono extends HasParams {
  '~hono': { readonly c: HonoContext; readonly next: () => Promise<void>; readonly exchange: Exchange }
}

const EXCHANGE = '~sallyport'
/** What every context has: not facts. */
const BASE = new Set([...Object.keys(createContext()), '~hono', 'params', 'node', 'server', 'info', 'env'])

/** What an adapter outside of Hono may have bound, and what every wrapper on a request sees. */
interface Bound {
  readonly node?: unknown
  readonly server?: unknown
  readonly info?: unknown
  readonly env?: unknown
  readonly sanitize?: HasSanitizer['sanitize'] | undefined
}

/**
 * A wrapper as Hono middleware. It is composed once, here.
 *
 * A route's error reaches the wrapper's error boundary (`errors`, which `policy` has), not `app.onError`, whose answer is
 * dropped. Hono's own default `onError` prints every error: `app.onError(rethrow)` leaves that to the boundary.
 *
 * Hono's path parameters are `params` for a wrapper on a route: `app.get('/notes/:id', toHono(validate({ params })), …)`.
 *
 * Several may be mounted on one request, each once: they share one context and one head.
 *
 * @example
 * const app = new Hono()
 *   .use(toHono(secure))
 *   .get('/', (c) => c.text(c.get('requestId')))
 */
export function toHono<Adds>(
  wrapper: Wrapper<Adds, HasParams>,
  options: HonoOptions = {},
): MiddlewareHandler<{ Variables: { [K in keyof Adds]: Adds[K] } }> {
  const handler: Handler<HasHono> = wrapper(inner)
  return (c, next) => {
    const known = c.get(EXCHANGE as never) as Exchange | undefined
    if (known !== undefined) return nested(handler, c, next, known)
    const env = c.env as Bindings | undefined
    const { outgoing } = env ?? {}
    const given = env?.['~context'] ?? outgoing?.['~context'] ?? undefined
    const context = given ?? createContext(factsOf(c, env, options.clock))
    const exchange: Exchange = { context, wrappers: [handler], answered: undefined }
    c.set(EXCHANGE as never, exchange as never)
    if (given === undefined && outgoing !== undefined) handOver(outgoing, context)
    // A pipeline may stand outside of Hono, in a server of ours.
    const response = run(handler, c.req.raw, entering(c, next, exchange, !hasFacts(context)))
    // Where a server of ours, or Node's response, writes the head, touching `c.res` would only cost.
    const written = given !== undefined || outgoing !== undefined
    const edge = written ? undefined : context
    return isPromise(response)
      ? response.then((one) => deliver(one, c, edge))
      : Promise.resolve(deliver(response, c, edge))
  }
}

/** For `app.onError(rethrow)`: a route's error goes to the boundary of the wrapper, and Hono does not print it. */
export const rethrow: ErrorHandler = (error) => {
  throw error
}

/** A second wrapper on the same request: its errors are the outer one's to answer, and so is the head to write. */
function nested(
  handler: Handler<HasHono>,
  c: HonoContext,
  next: () => Promise<void>,
  exchange: Exchange,
): Promise<Response> {
  if (exchange.wrappers.includes(handler)) throw new TypeError('toHono: this wrapper is mounted twice on one route')
  exchange.wrappers.push(handler)
  const context = entering(c, next, exchange, false)
  const answered = (response: Response): Response => {
    exchange.answered = c.error
    publish(context, exchange.context)
    return deliver(response, c)
  }
  const response = handler(c.req.raw, context)
  return isPromise(response) ? response.then(answered) : Promise.resolve(answered(response))
}

/**
 * The context for a wrapper, with the way back into Hono. The first has the request's own. A later one has a view of it:
 * the same head, events, attributes and listeners, but none of the facts, for it may add the same ones (two policies both
 * add `requestId`); save `sanitize`, so that a policy's cleans what a route's `validate` sees.
 */
function entering(c: HonoContext, next: () => Promise<void>, exchange: Exchange, first: boolean): Context & HasHono {
  const { context } = exchange
  const entered: Context & Partial<{ -readonly [K in keyof HasHono]: HasHono[K] }> = first ? context : viewOf(context)
  entered['~hono'] = { c, next, exchange }
  const params = c.req.param() as HasParams['params']
  // Where there are none, a router further in may add its own.
  if (Object.keys(params).length > 0) entered.params = params
  return entered as Context & HasHono
}

/** Written out, not copied and cleared: deleting what a copy should not have costs more than the rest of a pipeline. */
function viewOf(context: Context & Bound): Context & Bound {
  return {
    connection: context.connection,
    platform: context.platform,
    clock: context.clock,
    waitUntil: context.waitUntil,
    head: context.head,
    attributes: context.attributes,
    events: context.events,
    format: context.format,
    onGuard: context.onGuard,
    get endListeners() {
      return context.endListeners
    },
    set endListeners(listeners) {
      context.endListeners = listeners
    },
    node: context.node,
    server: context.server,
    info: context.info,
    env: context.env,
    sanitize: context.sanitize,
  }
}

function hasFacts(context: Context): boolean {
  for (const key in context) if (!BASE.has(key)) return true
  return false
}

/** Hands over to Hono's next middleware, and what came of it back. */
function inner(request: Request, context: Context & HasHono): Promise<Response> {
  const { c, next, exchange } = context['~hono']
  if (request !== c.req.raw) c.req.raw = request
  publish(context, exchange.context)
  for (const key in context) {
    if (!BASE.has(key)) c.set(key as never, (context as unknown as Record<string, unknown>)[key] as never)
  }
  return next().then(() => {
    // Hono catches what routes throw before any middleware sees it.
    const { error } = c
    if (error !== undefined && error !== exchange.answered) throw error
    // Reading `c.res` would make one.
    if (!c.finalized) throw new TypeError('the route returned no Response')
    return c.res
  })
}

/** A later wrapper's facts hold for the earlier ones, too: one request has one id, in its head and in every log. */
function publish(view: Context, context: Context): void {
  if (view === context) return
  const [from, to] = [view, context] as unknown as Record<string, unknown>[] as [
    Record<string, unknown>,
    Record<string, unknown>,
  ]
  for (const key in from) if (!BASE.has(key)) to[key] = from[key]
}

/** Makes `response` Hono's, with the head of `context` written on it unless somebody else does. */
function deliver(response: Response, c: HonoContext, context?: Context): Response {
  const out = context === undefined ? response : finish(response, context, c.req.raw)
  // Hono ignores what a middleware returns once there is a response, and merges the old headers into one that is assigned.
  if (c.finalized && out !== c.res) {
    c.res = undefined
    c.res = out
  }
  return out
}
