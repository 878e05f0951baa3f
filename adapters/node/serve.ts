/** A whole server on Node: hardened, fast, and closed without cutting anybody off. */
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, Server, ServerOptions, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WebSocketServerLike as Upgrading } from '@hono/node-server'
import { createAdaptorServer } from '@hono/node-server'
import type { Clock } from '../../src/core/clock.ts'
import type { Context } from '../../src/core/context.ts'
import { createContext } from '../../src/core/context.ts'
import type { Handler, MaybePromise } from '../../src/core/handler.ts'
import type { Log } from '../../src/core/log.ts'
import { consoleLog, safely } from '../../src/core/log.ts'
import type { Duration, Size } from '../../src/core/quantity.ts'
import { bytes, milliseconds } from '../../src/core/quantity.ts'
import { run } from '../../src/core/response.ts'
import { Background } from '../shared/background.ts'
import { early, UNSUPPORTED_METHOD } from '../shared/early.ts'
import { answerClientError, refuseSocket } from './client-error.ts'
import { drain, socketsOf } from './drain.ts'
import type { NodePlatform } from '../shared/node-head.ts'
import { HeadedResponse } from './headed-response.ts'
import { answerEarly, malformed, stateOf } from './incoming.ts'
import { offerIncoming } from './incoming-reader.ts'
import { listenerFor } from './listener.ts'
import { acceptUpgrades, answerUpgrade, sayGoingAway } from './upgrade.ts'

/** What Node has for one request. */
export interface NodeBindings {
  readonly incoming: IncomingMessage
  /** Absent on a WebSocket handshake, which has no ServerResponse. */
  readonly outgoing: ServerResponse
}

/** Added by {@link serve} and `toNode`: Node's own view, e.g. as the `env` of a Hono app inside. */
export interface HasNode {
  readonly node: NodeBindings
}

/** A server of `ws`, as far as it is looked at here. */
export interface WebSocketServerLike {
  readonly options: { readonly noServer?: boolean | undefined }
  readonly clients?: Iterable<{ close(code: number, reason: string): void }> | undefined
  close(): void
}

/** Anything with a `fetch(request, env)`: a Hono app. */
export interface FetchApp {
  fetch(request: Request, env: NodeBindings): MaybePromise<Response>
}

/** Options of {@link serve}. */
export interface ServeOptions {
  /** 0 takes a free one. (3000) */
  readonly port?: number | undefined
  /** The address to listen on; `'0.0.0.0'` or `'::'` for all. (`'127.0.0.1'`) */
  readonly hostname?: string | undefined
  /** How long a request's head may take to arrive, and a new connection to send one. (`'10s'`) */
  readonly headersTimeout?: Duration | undefined
  /**
   * How long a whole request may take to arrive, its body too; then 408. Raise it together with `bodyLimit` for large
   * uploads: 30 seconds for the default 1 MB is 280 kbit/s, for 100 MB they would be 28 Mbit/s. (`'30s'`)
   */
  readonly requestTimeout?: Duration | undefined
  /** How long an idle connection is kept. Longer than load balancers keep theirs, so that they close first. (`'65s'`) */
  readonly keepAliveTimeout?: Duration | undefined
  /** The most that request line and headers may be together; then 431. (`'16kb'`) */
  readonly maxHeaderSize?: Size | undefined
  /** The most connections at a time; more are dropped. (no limit) */
  readonly maxConnections?: number | undefined
  /** On `close`, how long to go on accepting while readiness already fails, so that a balancer can notice. (none) */
  readonly grace?: Duration | undefined
  /** On `close`, how long requests in flight and work in `waitUntil` may take to finish. (`'10s'`) */
  readonly drain?: Duration | undefined
  /** A WebSocket server made with `noServer: true`: handshakes then go through the handler. For a Hono app inside. (none) */
  readonly websocket?: { readonly server: WebSocketServerLike } | undefined
  /** Where time comes from. (the runtime's) */
  readonly clock?: Clock | undefined
  /** Where the server reports what only it sees. (JSON lines on standard error) */
  readonly log?: Log | undefined
}

/** A server that listens. */
export interface NodeServer {
  readonly url: string
  readonly port: number
  readonly server: Server
  /**
   * Readiness fails at once, requests in flight finish, connections and `waitUntil` work drain; what is left after `drain`
   * is cut. Calling it again returns the same promise.
   */
  readonly close: () => Promise<void>
}

const EXPECTATION = early('bad-request', 417, 'This server knows no expectation but 100-continue.')

/**
 * Serves a handler, or an app with a `fetch` (Hono), over HTTP/1.1. Rejects when it cannot listen or an option is wrong.
 *
 * @example
 * const { url, close } = await serve(app, { port: 8080 })
 */
export async function serve(app: Handler<HasNode> | FetchApp, options: ServeOptions = {}): Promise<NodeServer> {
  const { port = 3000, hostname = '127.0.0.1', clock, websocket, log = consoleLog } = options
  const grace = options.grace === undefined ? 0 : milliseconds(options.grace, 'serve: grace')
  const within = milliseconds(options.drain ?? '10s', 'serve: drain')
  const platform: NodePlatform = { name: 'node', framed: true, ephemeral: false, draining: false, closing: false }
  const background = new Background()
  const { waitUntil } = background
  const handler: Handler<HasNode> = typeof app === 'function' ? app : (request, { node }) => app.fetch(request, node)

  const respond = (request: Request, env: NodeBindings): MaybePromise<Response> => {
    const { incoming, outgoing } = env
    const { connection } = stateOf(incoming.socket)
    const context: Context & { node?: NodeBindings } = createContext({ connection, platform, clock, waitUntil })
    context.node = env
    if (!(outgoing instanceof HeadedResponse)) return answerUpgrade(handler, request, context as Context & HasNode)
    outgoing['~context'] = context
    offerIncoming(request, incoming)
    return run(handler, request, context as Context & HasNode, expected)
  }

  const listener = listenerFor(respond)
  const guarded: RequestListener = (incoming, outgoing) => {
    stateOf(incoming.socket).response = outgoing
    const refused = malformed(incoming)
    if (refused === undefined) listener(incoming, outgoing)
    else answerEarly(outgoing, refused)
  }
  const server = createAdaptorServer({
    fetch: (request, env) => respond(request, env as NodeBindings),
    serverOptions: serverOptions(options),
    // Its own listener is replaced by one that checks first, and that answers bad targets with a problem.
    createServer: ((settings: ServerOptions) => createServer(settings, guarded)) as typeof createServer,
    ...(websocket && { websocket: { server: websocket.server as unknown as Upgrading } }),
  }) as Server
  // The size of a head is limited; a limit on their number would drop some silently, a second Host among them.
  server.maxHeadersCount = 0
  if (options.maxConnections !== undefined) server.maxConnections = options.maxConnections
  server.on('clientError', answerClientError)
  server.on('connect', (_incoming: IncomingMessage, socket: Duplex) => refuseSocket(socket, UNSUPPORTED_METHOD))
  server.on(
    'checkExpectation',
    (_incoming: IncomingMessage, outgoing: ServerResponse) => answerEarly(outgoing, EXPECTATION),
  )
  acceptUpgrades(server, websocket !== undefined, platform)
  const sockets = socketsOf(server)

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host: hostname }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const bound = (server.address() as AddressInfo).port

  const shut = async (): Promise<void> => {
    platform.draining = true
    if (grace > 0) await sleep(grace)
    platform.closing = true
    if (websocket !== undefined) sayGoingAway(websocket.server)
    const cut = await drain(server, sockets, background, within)
    if (cut + background.size > 0) {
      const message = `close: cut ${cut} connections and ${background.size} pieces of background work`
      safely(log, { level: 'warn', message, code: 'drain-deadline' })
    }
  }
  let closing: Promise<void> | undefined
  return { url: urlOf(hostname, bound), port: bound, server, close: () => closing ??= shut() }
}

/** Notes on Node's response what the handler's has as status. */
function expected(response: Response, { node }: HasNode): Response {
  return (node.outgoing as HeadedResponse).expect(response)
}

function serverOptions(options: ServeOptions): ServerOptions {
  const headersTimeout = milliseconds(options.headersTimeout ?? '10s', 'serve: headersTimeout')
  const requestTimeout = milliseconds(options.requestTimeout ?? '30s', 'serve: requestTimeout')
  if (headersTimeout > requestTimeout) {
    throw new TypeError('serve: headersTimeout must not be longer than requestTimeout')
  }
  const settings = {
    ServerResponse: HeadedResponse,
    headersTimeout,
    requestTimeout,
    keepAliveTimeout: milliseconds(options.keepAliveTimeout ?? '65s', 'serve: keepAliveTimeout'),
    // Node looks every 30 seconds unless told: a timeout of 10 would be up to 40.
    connectionsCheckingInterval: Math.min(1_000, Math.ceil(headersTimeout / 4)),
    maxHeaderSize: bytes(options.maxHeaderSize ?? '16kb', 'serve: maxHeaderSize'),
    // Checked by us, to answer with a problem.
    requireHostHeader: false,
    // Since 24.9 and 22.21: other upgrades (curl asks for h2c) are ignored, as HTTP allows, and answered as requests.
    shouldUpgradeCallback: ({ headers }: IncomingMessage): boolean => headers.upgrade?.toLowerCase() === 'websocket',
  }
  return settings as unknown as ServerOptions
}

function urlOf(hostname: string, port: number): string {
  const host = hostname === '0.0.0.0' || hostname === '::' ? 'localhost' : hostname
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}
