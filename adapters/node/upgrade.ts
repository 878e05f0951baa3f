/** WebSocket handshakes on Node: they run through the handler, and carry its head, like any other request. */
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Context, Platform } from '../../src/core/context.ts'
import { ended } from '../../src/core/context.ts'
import { run, writeHead } from '../../src/core/response.ts'
import type { Handler } from '../../src/core/handler.ts'
import { early } from '../shared/early.ts'
import { refuseSocket } from './client-error.ts'
import { malformed, stateOf } from './incoming.ts'
import type { HasNode, NodeBindings, WebSocketServerLike } from './serve.ts'

const NOT_WEBSOCKET = early('bad-request', 400, 'This server upgrades to WebSocket only.')
const DRAINING = early('not-ready')

/**
 * Marks upgraded sockets, which HTTP no longer counts, for `close`. Where handshakes go through the handler, checks them
 * first as every request is.
 */
export function acceptUpgrades(server: Server, handled: boolean, platform: Platform): void {
  if (!handled) {
    // The user's own listener. Ours must not be there before it: its presence makes Node upgrade.
    let marks = false
    server.on('newListener', (event) => {
      if (event !== 'upgrade' || marks) return
      marks = true
      server.on('upgrade', (incoming: IncomingMessage) => void (stateOf(incoming.socket).upgraded = true))
    })
    return
  }
  // `@hono/node-server` answers a refused handshake only if it is the only listener: so we stand in its place.
  const [theirs] = server.listeners('upgrade') as ((incoming: IncomingMessage, socket: Duplex, head: Buffer) => void)[]
  server.removeAllListeners('upgrade')
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    stateOf(socket as Socket).upgraded = true
    const refused = malformed(incoming) ??
      (incoming.headers.upgrade?.toLowerCase() !== 'websocket'
        ? NOT_WEBSOCKET
        : platform.draining
        ? DRAINING
        : undefined)
    if (refused === undefined) theirs?.(incoming, socket, head)
    else refuseSocket(socket, refused)
  })
}

/** Runs the handler on a handshake. The head goes on the response, which tells `ws` what to add, or the client why not. */
export async function answerUpgrade(
  handler: Handler<HasNode>,
  request: Request,
  context: Context & HasNode,
): Promise<Response> {
  const env: NodeBindings & { '~context'?: Context } = context.node
  env['~context'] = context
  const before = Object.getOwnPropertySymbols(env).length
  const response = writeHead(await run(handler, request, context), context)
  // An accepted handshake leaves its mark on the bindings; the response itself does not tell.
  const accepted = Object.getOwnPropertySymbols(env).length > before
  ended(context, { status: accepted ? 101 : response.status, bytes: 0, outcome: 'complete' })
  return response
}

/** Tells every WebSocket client that the server goes away (RFC 6455 §7.4.1). */
export function sayGoingAway(server: WebSocketServerLike): void {
  for (const client of server.clients ?? []) client.close(1001, 'going away')
}
