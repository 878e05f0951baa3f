/** What a Node request must be before a handler sees it, and who sent it. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Connection } from '../../src/core/context.ts'
import type { Early } from '../shared/early.ts'
import { early, isUnsupported, UNSUPPORTED_METHOD } from '../shared/early.ts'

const HOSTS = early('bad-request', 400, 'A request has exactly one Host header.')
const CODING = early('bad-request', 400, 'Transfer-Encoding must be chunked, and nothing else.')
/** The answer to a target that is no path on this server. */
export const TARGET: Early = early('bad-request', 400, 'The request target is not one that this server takes.')

/** What is wrong with a request that parses; mends what can be mended. Checked here because no Fetch Request shows it. */
export function malformed(incoming: IncomingMessage): Early | undefined {
  if (isUnsupported(incoming.method!)) return UNSUPPORTED_METHOD
  const { rawHeaders } = incoming
  let hosts = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    // Node keeps the first of several; a proxy in front may have routed by the last (RFC 9112 §3.2).
    if (name.length === 4 && (name === 'Host' || name === 'host' || name.toLowerCase() === 'host')) hosts++
  }
  if (hosts > 1 || (hosts === 0 && incoming.httpVersion === '1.1')) return HOSTS
  // Node's parser finds fault with other codings, but only once the handler has been called.
  const coding = incoming.headers['transfer-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') return CODING
  return incoming.url!.charCodeAt(0) === 47 ? undefined : targetOf(incoming)
}

/**
 * An absolute target names the authority a second time, and outranks Host (RFC 9112 §3.2.2): a router that looks at one
 * and a guard that looks at the other would disagree. Where both agree, the target becomes its path.
 */
function targetOf(incoming: IncomingMessage): Early | undefined {
  const { url, headers } = incoming
  const match = /^https?:\/\/([^/?#@\\]+)([/?][^#\\]*)?$/i.exec(url!)
  if (match === null || headers.host === undefined) return TARGET
  const scheme = /^https:/i.test(url!) ? 'https' : 'http'
  const named = authority(scheme, match[1]!)
  if (named === undefined || named !== authority(scheme, headers.host)) return TARGET
  const rest = match[2] ?? '/'
  incoming.url = rest.startsWith('/') ? rest : `/${rest}`
  return undefined
}

function authority(scheme: string, host: string): string | undefined {
  const url = URL.canParse(`${scheme}://${host}`) ? new URL(`${scheme}://${host}`) : undefined
  return url !== undefined && url.username === '' && url.pathname === '/' && url.search === '' ? url.host : undefined
}

const STATE: unique symbol = Symbol('sallyport.socket')

/** What is known about one socket, kept on it. */
export interface SocketState {
  readonly connection: Connection
  /** The response to the newest request. */
  response: ServerResponse | undefined
  /** It now speaks another protocol. */
  upgraded: boolean
  /** It was answered on the wire and is about to close. */
  refused: boolean
}

/** The state of a socket, made on first sight: its address costs a system call, and does not change. */
export function stateOf(socket: Socket & { [STATE]?: SocketState }): SocketState {
  return socket[STATE] ??= {
    connection: {
      address: socket.remoteAddress,
      port: socket.remotePort,
      encrypted: (socket as { encrypted?: boolean }).encrypted === true,
    },
    response: undefined,
    upgraded: false,
    refused: false,
  }
}

/** Answers on the response itself, and lets the connection go: what follows on it cannot be trusted to be a request. */
export function answerEarly(outgoing: ServerResponse, { status, fields, body }: Early): void {
  outgoing.shouldKeepAlive = false
  outgoing.writeHead(status, [...fields, 'content-length', String(Buffer.byteLength(body))])
  outgoing.end(body)
}
