/** Closing a server without cutting anybody off. */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { Server as NetServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Background } from '../shared/background.ts'
import { stateOf } from './incoming.ts'

/** How often idle connections are looked for while closing; one must stay idle for that long to be let go. */
const SWEEP = 100
const TICK = 10

/** Every socket that a server has, upgraded ones too. */
export function socketsOf(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return sockets
}

/**
 * Stops listening, lets requests in flight finish and work in `background` settle, for at most `within` milliseconds, and
 * destroys the rest. Tells how many sockets had to be.
 *
 * `http.Server.close` would drop at once whatever is idle that instant, though a busy keep-alive client is so between any
 * two requests, and its next one may be under way: that is the reset under load. So the listener alone is closed, each
 * answer from now on says `Connection: close`, and only what nobody used for a whole sweep is let go.
 */
export async function drain(
  server: Server,
  sockets: ReadonlySet<Socket>,
  background: Background,
  within: number,
): Promise<number> {
  NetServer.prototype.close.call(server)
  const late = performance.now() + within
  let idle = new Map<Socket, number>()
  for (let tick = 0; sockets.size > 0 && performance.now() < late; tick++) {
    if (tick % (SWEEP / TICK) === 0) idle = sweep(sockets, idle)
    await sleep(TICK)
  }
  const cut = sockets.size
  for (const socket of sockets) socket.destroy()
  const rest = new AbortController()
  const deadline = sleep(Math.max(1, late - performance.now()), undefined, { signal: rest.signal }).catch(() => {})
  await Promise.race([background.drain(), deadline])
  rest.abort()
  return cut
}

/** Lets go of what is idle and was so, with not a byte since, at the last sweep; tells what else is idle. */
function sweep(sockets: ReadonlySet<Socket>, before: ReadonlyMap<Socket, number>): Map<Socket, number> {
  const idle = new Map<Socket, number>()
  for (const socket of sockets) {
    if (isBusy(socket)) continue
    if (before.get(socket) === socket.bytesRead) socket.destroySoon()
    else idle.set(socket, socket.bytesRead)
  }
  return idle
}

function isBusy(socket: Socket): boolean {
  const { response, upgraded } = stateOf(socket)
  return upgraded || (response !== undefined && !response.writableFinished && !response.destroyed)
}
