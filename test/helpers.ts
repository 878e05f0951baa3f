/** Small things that tests share: a virtual clock, a context, a call through the edge, streams that keep count. */
import type { Clock } from '../src/core/clock.ts'
import type { Connection, Context, Platform } from '../src/core/context.ts'
import { createContext } from '../src/core/context.ts'
import type { Handler } from '../src/core/handler.ts'
import type { Log, LogRecord } from '../src/core/log.ts'
import { finish, run } from '../src/core/response.ts'

/** A clock that stands still until it is told otherwise. */
export interface VirtualClock extends Clock {
  /** Lets time pass. */
  advance(ms: number): void
  /** Sets the wall clock back or forth, as NTP does: elapsed time does not notice. */
  jump(ms: number): void
}

export function virtualClock(start: number = Date.UTC(2026, 0, 1)): VirtualClock {
  let wall = start
  let elapsed = 0
  return {
    now: () => wall,
    monotonic: () => elapsed,
    advance(ms) {
      wall += ms
      elapsed += ms
    },
    jump(ms) {
      wall += ms
    },
  }
}

/** What a test may say about its context; all optional. */
export interface Circumstances {
  readonly address?: string | undefined
  readonly connection?: Partial<Connection> | undefined
  readonly platform?: Partial<Platform> | undefined
  readonly clock?: Clock | undefined
  readonly waitUntil?: ((work: Promise<unknown>) => void) | undefined
}

/** A context as an adapter makes one, with a platform of its own (so that what is said once per server is said again). */
export function contextOf({ address, connection, platform, clock, waitUntil }: Circumstances = {}): Context {
  return createContext({
    connection: { address, port: 50_000, encrypted: false, ...connection },
    platform: { name: 'fetch', framed: false, ephemeral: false, draining: false, ...platform },
    clock: clock ?? virtualClock(),
    waitUntil,
  })
}

/** A request to `http://service.test`. */
export function requestTo(path = '/', init: RequestInit = {}): Request {
  return new Request(`http://service.test${path}`, init)
}

/** A request whose body is a stream, without a Content-Length unless `headers` has one. */
export function upload(body: ReadableStream<Uint8Array>, headers: Record<string, string> = {}, path = '/'): Request {
  return new Request(`http://service.test${path}`, { method: 'POST', body, headers, duplex: 'half' } as RequestInit)
}

/** Sends a request through a handler as the plainest adapter does: run it, write the head, tell the end. */
export async function send(
  handler: Handler,
  request: Request = requestTo(),
  context: Context = contextOf(),
): Promise<Response> {
  return finish(await run(handler, request, context), context, request)
}

/** A log that keeps its records. */
export function recorder(): { log: Log; records: LogRecord[] } {
  const records: LogRecord[] = []
  return { log: (record) => void records.push(record), records }
}

/** A byte source that counts what is taken from it and remembers how it was cancelled. */
export interface Source {
  readonly stream: ReadableStream<Uint8Array>
  /** Chunks handed out so far. */
  pulled: number
  cancelled: boolean
  reason: unknown
}

/** `count` chunks (or without end) of `size` bytes, one per pull and never ahead of the reader; then `then`. */
export function source(size: number, count: number = Infinity, then: 'close' | 'error' | 'hang' = 'close'): Source {
  const out: Source = {
    pulled: 0,
    cancelled: false,
    reason: undefined,
    stream: new ReadableStream<Uint8Array>({
      pull(controller): void | Promise<void> {
        if (out.pulled < count) {
          out.pulled++
          controller.enqueue(new Uint8Array(size).fill(97))
          return
        }
        if (then === 'close') controller.close()
        else if (then === 'error') controller.error(new Error('the source broke'))
        else return new Promise(() => {})
      },
      cancel(reason) {
        out.cancelled = true
        out.reason = reason
      },
    }, { highWaterMark: 0 }),
  }
  return out
}

/** Lets everything that is due run: promise reactions and stream steps. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0))
}
