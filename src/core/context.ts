/** What every handler gets beside the request: the runtime's facts, and the places where wrappers leave theirs. */
import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import type { SecurityEvent } from './event.ts'
import { isPromise } from './handler.ts'
import { ResponseHead } from './head.ts'
import type { ProblemFormat } from './problem.ts'

/** What the runtime itself attests about the peer at the other end of the socket. */
export interface Connection {
  /** The peer's address as the runtime saw it; `undefined` where there is none (a Unix socket, a test). */
  readonly address: string | undefined
  /** The peer's port. */
  readonly port: number | undefined
  /** Was this very connection encrypted? */
  readonly encrypted: boolean
}

/** What holds for every request of one server. One object per adapter, shared. */
export interface Platform {
  /** Which runtime. */
  readonly name: 'node' | 'bun' | 'deno' | 'workerd' | 'fetch'
  /** The runtime guarantees that a body is exactly as long as its Content-Length says. */
  readonly framed: boolean
  /** Memory belongs to one short-lived isolate among many: state kept in it counts only there. */
  readonly ephemeral: boolean
  /** The server is closing: requests in flight finish, readiness fails. */
  readonly draining: boolean
}

/** How the exchange ended, as seen from this side of the socket. */
export interface End {
  /** The status that was sent; what would have been sent if the client left first. */
  readonly status: number
  /** Bytes of body handed to the runtime; `undefined` where the runtime does not tell without a cost per response. */
  readonly bytes: number | undefined
  /** `aborted`: the client left. `failed`: the body's source broke. */
  readonly outcome: 'complete' | 'aborted' | 'failed'
}

/** Called once per request. What it throws is dropped. */
export type EndListener = (end: End) => void

/** A value of one field of the request's log line and span. */
export type AttributeValue = string | number | boolean

/** Fields of this request's one log line and span, by dotted lower-case name. */
export type Attributes = Record<string, AttributeValue>

/** One object per request. Made by {@link createContext}, grown by {@link extend}, never copied. */
export interface Context {
  readonly connection: Connection
  readonly platform: Platform
  readonly clock: Clock
  /** Lets work outlive the response: `ctx.waitUntil` on Workers, awaited by `close()` elsewhere. Safe to detach. */
  readonly waitUntil: (work: Promise<unknown>) => void
  /** The response's header fields, announced: the edge writes them on whatever response comes out. */
  readonly head: ResponseHead
  readonly attributes: Attributes
  /** What guards decided, in order. */
  readonly events: SecurityEvent[]
  /** How refusals and errors look on the wire; `undefined` is RFC 9457. Set by `errors`. */
  format: ProblemFormat | undefined
  /** Told when a guard begins to decide; what it returns, when it has. Set by `trace`, for spans. */
  onGuard: ((guard: string) => (outcome: 'allow' | 'refuse' | 'degraded') => void) | undefined
  /** Who wants to know how the exchange ended; how it did, once it has. Use {@link onEnd}. */
  endListeners: EndListener[] | End | undefined
}

/** What an adapter knows when a request arrives. */
export interface ContextInit {
  readonly connection?: Connection | undefined
  readonly platform?: Platform | undefined
  readonly clock?: Clock | undefined
  readonly waitUntil?: ((work: Promise<unknown>) => void) | undefined
}

const UNKNOWN_PEER: Connection = { address: undefined, port: undefined, encrypted: false }
const PLAIN_FETCH: Platform = { name: 'fetch', framed: false, ephemeral: false, draining: false }
const forget = (work: Promise<unknown>): void => void work.catch(() => {})

/**
 * Makes the context of one request.
 *
 * All fields in one literal, so that every wrapper of a pipeline sees one hidden class; facts follow in pipeline order.
 */
export function createContext(init: ContextInit = {}): Context {
  return {
    connection: init.connection ?? UNKNOWN_PEER,
    platform: init.platform ?? PLAIN_FETCH,
    clock: init.clock ?? systemClock,
    waitUntil: init.waitUntil ?? forget,
    head: new ResponseHead(),
    attributes: {},
    events: [],
    format: undefined,
    onGuard: undefined,
    endListeners: undefined,
  }
}

/** Fields that may be there and undefined. */
const MUTABLE: ReadonlySet<string> = /* @__PURE__ */ new Set(['format', 'onGuard', 'endListeners'])

/**
 * Adds facts to the context of this request: the only place where one is written.
 *
 * Grows the one object (spreading it per wrapper costs three times as much) and throws a TypeError on a key that is
 * taken, because the wrapper outside would silently see another's fact.
 */
export function extend<C extends object, const A extends object>(context: C, adds: A): C & A {
  const grown = context as Record<string, unknown>
  for (const key in adds) {
    // Not `in`, and not Object.assign: together they cost Bun ten times as much.
    if (grown[key] !== undefined || MUTABLE.has(key)) {
      throw new TypeError(`context: '${key}' is already there; is a wrapper mounted twice?`)
    }
  }
  for (const key in adds) grown[key] = adds[key]
  return context as C & A
}

/**
 * Asks to be told how the exchange ended: when the body was sent, when it broke, or when the client left.
 *
 * The edge tells, because only it knows without touching the body: on Node by the socket; elsewhere a body that may be a
 * stream is tapped, and a short one (JSON, text) counts as ended when it is handed to the runtime. So a wrapper that logs
 * or measures need not await the handler, wrap a stream, or be async. Who asks when it has ended is told at once.
 */
export function onEnd(context: Context, listener: EndListener): void {
  const { endListeners } = context
  if (endListeners === undefined) context.endListeners = [listener]
  else if (Array.isArray(endListeners)) endListeners.push(listener)
  else tell(listener, endListeners)
}

/** Tells every listener, once: later calls do nothing. Listeners cannot hurt one another or the response. */
export function ended(context: Context, end: End): void {
  const listeners = context.endListeners
  if (!Array.isArray(listeners)) return
  context.endListeners = end
  for (const listener of listeners) tell(listener, end)
}

function tell(listener: EndListener, end: End): void {
  try {
    const returned: unknown = listener(end)
    if (isPromise(returned)) returned.then(undefined, () => {})
  } catch {
    // An observer's bug must not touch the response; it has already left.
  }
}
