/** Deno: `Deno.serve(toDeno(app))`, or `serve(app, { port: 8080 })`. */
import type { Clock } from '../src/core/clock.ts'
import type { Context, Platform } from '../src/core/context.ts'
import { createContext, extend } from '../src/core/context.ts'
import type { Handler, MaybePromise } from '../src/core/handler.ts'
import type { Log } from '../src/core/log.ts'
import { consoleLog } from '../src/core/log.ts'
import type { Duration } from '../src/core/quantity.ts'
import { milliseconds } from '../src/core/quantity.ts'
import { run } from '../src/core/response.ts'
import { Background } from './shared/background.ts'
import type { OpenPlatform } from './shared/closing.ts'
import { closer, leave } from './shared/closing.ts'
import type { DenoAddress } from './shared/connections.ts'
import { DenoConnection } from './shared/connections.ts'
import { earlyResponse, refusedEarly } from './shared/early.ts'

export type { Closable, SignalOptions, UncaughtOptions } from './shared/process.ts'
export { closeOnSignal, onUncaught } from './shared/process.ts'

/** What Deno hands over beside the request. */
export interface DenoInfoLike {
  readonly remoteAddr: DenoAddress
  readonly completed?: Promise<void> | undefined
}

/** Added by {@link toDeno}: what Deno knows of the request. */
export interface HasDenoInfo {
  readonly info: DenoInfoLike
}

/** What `Deno.serve` takes. */
export type DenoHandler = (request: Request, info: DenoInfoLike) => MaybePromise<Response>

/** Options of {@link toDeno}. */
export interface DenoOptions {
  /** Where time comes from. (the runtime's) */
  readonly clock?: Clock | undefined
}

/** Options of {@link serve}. */
export interface ServeOptions extends DenoOptions {
  /** 0 takes a free one. (3000) */
  readonly port?: number | undefined
  /** The address to listen on. (`'127.0.0.1'`) */
  readonly hostname?: string | undefined
  /** On `close`, how long to go on accepting while readiness already fails. (none) */
  readonly grace?: Duration | undefined
  /** On `close`, how long requests in flight and work in `waitUntil` may take to finish. (`'10s'`) */
  readonly drain?: Duration | undefined
  /** Where the server reports what only it sees. (JSON lines on standard error) */
  readonly log?: Log | undefined
}

/** A server that listens. */
export interface DenoServer {
  readonly url: string
  readonly port: number
  /** Readiness fails at once, requests in flight finish, `waitUntil` work drains. Again: the same promise. */
  readonly close: () => Promise<void>
}

/**
 * A handler as the function that `Deno.serve` takes. What `Deno.upgradeWebSocket` returns passes untouched.
 *
 * @example
 * Deno.serve({ port: 3000, hostname: '127.0.0.1' }, toDeno(app))
 */
export function toDeno(handler: Handler<HasDenoInfo>, options: DenoOptions = {}): DenoHandler {
  const platform: Platform = { name: 'deno', framed: true, ephemeral: false, draining: false }
  return handlerOf(handler, platform, new Background(), options.clock)
}

/**
 * Serves a handler. Rejects when it cannot listen or an option is wrong.
 *
 * @example
 * const { url, close } = await serve(app, { port: 8080 })
 */
export function serve(handler: Handler<HasDenoInfo>, options: ServeOptions = {}): Promise<DenoServer> {
  return new Promise((resolve) => resolve(listen(handler, options)))
}

function listen(handler: Handler<HasDenoInfo>, options: ServeOptions): DenoServer {
  const { port = 3000, hostname = '127.0.0.1', log = consoleLog } = options
  const grace = options.grace === undefined ? 0 : milliseconds(options.grace, 'serve: grace')
  const within = milliseconds(options.drain ?? '10s', 'serve: drain')
  const platform: OpenPlatform = { name: 'deno', framed: true, ephemeral: false, draining: false, closing: false }
  const background = new Background()
  const abort = new AbortController()
  const server = (globalThis as unknown as DenoGlobal).Deno.serve(
    { port, hostname, signal: abort.signal, onListen: () => {} },
    handlerOf(handler, platform, background, options.clock),
  )
  const bound = server.addr.port
  const host = hostname === '0.0.0.0' || hostname === '::' ? 'localhost' : hostname
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    port: bound,
    close: closer({
      platform,
      background,
      grace,
      within,
      stop: () => server.shutdown(),
      cut: () => abort.abort(),
      log,
    }),
  }
}

interface DenoGlobal {
  readonly Deno: {
    serve(options: object, handler: DenoHandler): {
      readonly addr: { readonly port: number }
      shutdown(): Promise<void>
    }
  }
}

function handlerOf(
  handler: Handler<HasDenoInfo>,
  platform: Platform,
  { waitUntil }: Background,
  clock: Clock | undefined,
): DenoHandler {
  return (request, info) => {
    const refused = refusedEarly(request)
    if (refused !== undefined) return earlyResponse(refused)
    const connection = new DenoConnection(request, info)
    const context: Context & HasDenoInfo = extend(createContext({ connection, platform, clock, waitUntil }), { info })
    // Not by `info.completed`: it resolves too when the client leaves or the stream breaks (2.9). The body tells.
    return run(handler, request, context, leave)
  }
}
