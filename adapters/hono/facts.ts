/** What each runtime tells Hono about the request: in `c.env`, in another shape on every one of them. */
import type { MiddlewareHandler } from 'hono'
import type { Clock } from '../../src/core/clock.ts'
import type { Connection, Context, ContextInit, Platform } from '../../src/core/context.ts'
import type { Outgoing } from '../shared/node-head.ts'
import type { DenoAddress, KnowsAddress } from '../shared/connections.ts'
import { BunConnection, DenoConnection, edgeConnection } from '../shared/connections.ts'

/** `c.env`, wherever it may come from. All of it may be missing. */
export interface Bindings {
  /** Node. */
  readonly incoming?: { readonly socket: SocketLike; readonly httpVersionMajor?: number }
  readonly outgoing?: Outgoing
  /** Bun: the server, or an object that has it. */
  readonly server?: Partial<KnowsAddress>
  readonly requestIP?: KnowsAddress['requestIP']
  /** Deno. */
  readonly remoteAddr?: DenoAddress
  /** A server of ours made the context already. */
  readonly '~context'?: Context | undefined
}

interface SocketLike {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  readonly encrypted?: boolean
}

type HonoContext = Parameters<MiddlewareHandler>[0]

const OWN_MEMORY = { framed: true, ephemeral: false, draining: false }
const NODE: Platform = { name: 'node', ...OWN_MEMORY }
// HTTP/2 has bodies with neither Content-Length nor Transfer-Encoding.
const NODE_HTTP2: Platform = { ...NODE, framed: false }
const BUN: Platform = { name: 'bun', ...OWN_MEMORY }
const DENO: Platform = { name: 'deno', ...OWN_MEMORY }
const WORKERD: Platform = { name: 'workerd', framed: true, ephemeral: true, draining: false }

/** The facts of this request, by what its runtime left in `c.env`. */
export function factsOf(c: HonoContext, env: Bindings | undefined, clock: Clock | undefined): ContextInit {
  const { raw } = c.req
  if (env?.incoming !== undefined) {
    const { socket, httpVersionMajor = 1 } = env.incoming
    const platform = httpVersionMajor > 1 ? NODE_HTTP2 : NODE
    return { connection: socketConnection(socket), platform, clock, waitUntil: undefined }
  }
  const waitUntil = (work: Promise<unknown>): void => later(c, work)
  if (env !== undefined && 'remoteAddr' in env) {
    return { connection: new DenoConnection(raw, env as Required<Bindings>), platform: DENO, clock, waitUntil }
  }
  const server = env?.server ?? env
  if (typeof server?.requestIP === 'function') {
    return { connection: new BunConnection(raw, server as KnowsAddress), platform: BUN, clock, waitUntil }
  }
  if (isWorkerd()) return { connection: edgeConnection(raw), platform: WORKERD, clock, waitUntil }
  return { connection: undefined, platform: undefined, clock, waitUntil }
}

const known = new WeakMap<SocketLike, Connection>()

/** Once per socket: the address costs a system call, and does not change. */
function socketConnection(socket: SocketLike): Connection {
  let connection = known.get(socket)
  if (connection === undefined) {
    connection = { address: socket.remoteAddress, port: socket.remotePort, encrypted: socket.encrypted === true }
    known.set(socket, connection)
  }
  return connection
}

function isWorkerd(): boolean {
  return (globalThis as { navigator?: { userAgent?: string } }).navigator?.userAgent === 'Cloudflare-Workers'
}

/** `waitUntil` of the platform where there is one: elsewhere Hono's getter throws. A rejection ends here. */
function later(c: HonoContext, work: Promise<unknown>): void {
  const caught = Promise.resolve(work).catch(() => {})
  try {
    c.executionCtx.waitUntil(caught)
  } catch {
    // A server that stays: the work goes on by itself.
  }
}
