/** Node: `serve(app, { port: 8080 })`, or `createServer(toNode(app))` for a server of your own. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../src/core/clock.ts'
import type { Context, Platform } from '../src/core/context.ts'
import { createContext } from '../src/core/context.ts'
import type { Handler, MaybePromise } from '../src/core/handler.ts'
import { run } from '../src/core/response.ts'
import type { Outgoing } from './shared/node-head.ts'
import { handOver } from './shared/node-head.ts'
import { answerEarly, malformed, stateOf } from './node/incoming.ts'
import { offerIncoming } from './node/incoming-reader.ts'
import { listenerFor } from './node/listener.ts'
import type { HasNode, NodeBindings } from './node/serve.ts'

export type { FetchApp, HasNode, NodeBindings, NodeServer, ServeOptions, WebSocketServerLike } from './node/serve.ts'
export { serve } from './node/serve.ts'
export type { Closable, SignalOptions, UncaughtOptions } from './shared/process.ts'
export { closeOnSignal, onUncaught } from './shared/process.ts'

/** Options of {@link toNode}. */
export interface NodeOptions {
  /** Where time comes from. (the runtime's) */
  readonly clock?: Clock | undefined
  /** Takes work that outlives the response. (it runs unattended, its errors dropped) */
  readonly waitUntil?: ((work: Promise<unknown>) => void) | undefined
}

/**
 * A handler as a listener for a server of your own, or for Express. Set that server's timeouts, and what it answers on
 * `clientError`, yourself; {@link serve} does both.
 *
 * @example
 * createServer(toNode(app)).listen(3000, '127.0.0.1')
 */
export function toNode(
  handler: Handler<HasNode>,
  options: NodeOptions = {},
): (incoming: IncomingMessage, outgoing: ServerResponse) => void {
  const http1: Platform = { name: 'node', framed: true, ephemeral: false, draining: false }
  // HTTP/2 has bodies with neither Content-Length nor Transfer-Encoding.
  const http2: Platform = { ...http1, framed: false }
  const { clock, waitUntil } = options
  const respond = (request: Request, env: NodeBindings): MaybePromise<Response> => {
    const platform = env.incoming.httpVersionMajor > 1 ? http2 : http1
    const { connection } = stateOf(env.incoming.socket)
    const context: Context & { node?: NodeBindings } = createContext({ connection, platform, clock, waitUntil })
    context.node = env
    if (platform === http1) offerIncoming(request, env.incoming)
    handOver(env.outgoing as unknown as Outgoing, context)
    return run(handler, request, context as Context & HasNode)
  }
  const listener = listenerFor(respond)
  return (incoming, outgoing) => {
    const refused = malformed(incoming)
    if (refused === undefined) listener(incoming, outgoing)
    else answerEarly(outgoing, refused)
  }
}
