/** Bun: `Bun.serve(toBun(app))`, or `serve(app, { port: 8080 })`. */
import type { Clock } from '../src/core/clock.ts'
import type { Context, Platform } from '../src/core/context.ts'
import { createContext, ended, extend } from '../src/core/context.ts'
import type { Handler, MaybePromise } from '../src/core/handler.ts'
import type { Log } from '../src/core/log.ts'
import { consoleLog } from '../src/core/log.ts'
import type { Duration, Size } from '../src/core/quantity.ts'
import { bytes, milliseconds } from '../src/core/quantity.ts'
import { run } from '../src/core/response.ts'
import { Background } from './shared/background.ts'
import type { OpenPlatform } from './shared/closing.ts'
import { closer, leave } from './shared/closing.ts'
import type { KnowsAddress } from './shared/connections.ts'
import { BunConnection } from './shared/connections.ts'
import { earlyResponse, refusedEarly } from './shared/early.ts'

export type { Closable, SignalOptions, UncaughtOptions } from './shared/process.ts'
export { closeOnSignal, onUncaught } from './shared/process.ts'

/** The part of Bun's server that is used here. */
export interface BunServerLike extends KnowsAddress {
  readonly port?: number | undefined
  readonly url?: unknown
  upgrade(request: Request, options?: object): boolean
  stop(closeActiveConnections?: boolean): Promise<void> | void
}

/** Added by {@link toBun}: the server, e.g. for `context.server.upgrade(request)`. */
export interface HasBunServer {
  readonly server: BunServerLike
}

/** A handler that may answer `undefined` once it has upgraded the request to a WebSocket. */
export type BunHandler = (request: Request, context: Context & HasBunServer) => MaybePromise<Response | undefined>

/** What `Bun.serve` takes. */
export interface BunApp {
  fetch(request: Request, server: BunServerLike): MaybePromise<Response>
}

/** Options of {@link toBun}. */
export interface BunOptions {
  /** Where time comes from. (the runtime's) */
  readonly clock?: Clock | undefined
}

/** Options of {@link serve}. */
export interface ServeOptions extends BunOptions {
  /** 0 takes a free one. (3000) */
  readonly port?: number | undefined
  /** The address to listen on. (`'127.0.0.1'`) */
  readonly hostname?: string | undefined
  /** The most that the runtime takes as a body; `bodyLimit` refuses earlier. (`'128mb'`) */
  readonly maxRequestBodySize?: Size | undefined
  /** How long a connection may be silent; at most 255 seconds. (`'10s'`) */
  readonly idleTimeout?: Duration | undefined
  /** Bun's WebSocket handlers, passed on. (none) */
  readonly websocket?: object | undefined
  /** On `close`, how long to go on accepting while readiness already fails. (none) */
  readonly grace?: Duration | undefined
  /** On `close`, how long requests in flight and work in `waitUntil` may take to finish. (`'10s'`) */
  readonly drain?: Duration | undefined
  /** Where the server reports what only it sees. (JSON lines on standard error) */
  readonly log?: Log | undefined
}

/** A server that listens. */
export interface BunServer {
  readonly url: string
  readonly port: number
  readonly server: BunServerLike
  /** Readiness fails at once, requests in flight finish, `waitUntil` work drains. Again: the same promise. */
  readonly close: () => Promise<void>
}

/**
 * A handler as the object that `Bun.serve` takes.
 *
 * @example
 * Bun.serve({ ...toBun(app), port: 3000, hostname: '127.0.0.1' })
 */
export function toBun(handler: Handler<HasBunServer> | BunHandler, options: BunOptions = {}): BunApp {
  const platform: Platform = { name: 'bun', framed: true, ephemeral: false, draining: false }
  return { fetch: fetchOf(handler, platform, new Background(), options.clock) }
}

/**
 * Serves a handler. Rejects when it cannot listen or an option is wrong.
 *
 * @example
 * const { url, close } = await serve(app, { port: 8080 })
 */
export function serve(handler: Handler<HasBunServer> | BunHandler, options: ServeOptions = {}): Promise<BunServer> {
  return new Promise((resolve) => resolve(listen(handler, options)))
}

function listen(handler: Handler<HasBunServer> | BunHandler, options: ServeOptions): BunServer {
  const { port = 3000, hostname = '127.0.0.1', log = consoleLog, websocket } = options
  const grace = options.grace === undefined ? 0 : milliseconds(options.grace, 'serve: grace')
  const within = milliseconds(options.drain ?? '10s', 'serve: drain')
  const idleTimeout = Math.ceil(milliseconds(options.idleTimeout ?? '10s', 'serve: idleTimeout') / 1_000)
  const maxRequestBodySize = bytes(options.maxRequestBodySize ?? '128mb', 'serve: maxRequestBodySize')
  const platform: OpenPlatform = { name: 'bun', framed: true, ephemeral: false, draining: false, closing: false }
  const background = new Background()
  const fetch = fetchOf(handler, platform, background, options.clock)
  const settings = {
    port,
    hostname,
    idleTimeout,
    maxRequestBodySize,
    development: false,
    // Without `development`, Bun shares a port that is taken instead of refusing it.
    reusePort: false,
    fetch,
    ...(websocket && { websocket }),
  }
  const server = (globalThis as unknown as BunGlobal).Bun.serve(settings)
  return {
    url: String(server.url).replace(/\/$/, ''),
    port: server.port!,
    server,
    close: closer({
      platform,
      background,
      grace,
      within,
      stop: async () => await server.stop(),
      cut: () => server.stop(true),
      log,
    }),
  }
}

interface BunGlobal {
  readonly Bun: { serve(settings: object): BunServerLike }
}

function fetchOf(
  handler: BunHandler,
  platform: Platform,
  { waitUntil }: Background,
  clock: Clock | undefined,
): BunApp['fetch'] {
  // A pipeline passes `undefined` on; only a handshake may end so (see `upgrade`).
  const answering = handler as (request: Request, context: Context & HasBunServer) => MaybePromise<Response>
  return (request, server) => {
    const refused = refusedEarly(request)
    if (refused !== undefined) return earlyResponse(refused)
    const connection = new BunConnection(request, server)
    const context = extend(createContext({ connection, platform, clock, waitUntil }), { server })
    if (request.headers.has('upgrade')) return upgrade(answering, request, context)
    return run(answering, request, context, leave)
  }
}

/** A handshake: a handler that answers nothing has upgraded it, and Bun wants nothing more. */
async function upgrade(
  handler: (request: Request, context: Context & HasBunServer) => MaybePromise<Response>,
  request: Request,
  context: Context & HasBunServer,
): Promise<Response> {
  let upgraded = false
  const response = await run(
    async (one, grown) => {
      const answer: Response | undefined = await handler(one, grown)
      if (answer !== undefined) return answer
      upgraded = true
      return new Response()
    },
    request,
    context,
  )
  if (!upgraded) return leave(response, context, request)
  ended(context, { status: 101, bytes: 0, outcome: 'complete' })
  return undefined as unknown as Response
}
