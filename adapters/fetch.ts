/** A handler as a plain function: for tests, service workers and anything that calls with a Request. */
import type { Clock } from '../src/core/clock.ts'
import type { Connection } from '../src/core/context.ts'
import { createContext } from '../src/core/context.ts'
import type { Handler, MaybePromise } from '../src/core/handler.ts'
import { finish, run } from '../src/core/response.ts'
import { earlyResponse, isUnsupported, UNSUPPORTED_METHOD } from './shared/early.ts'

/** Options of {@link toFetch}. */
export interface FetchOptions {
  /** Who is at the other end. (nobody known) */
  readonly connection?: Connection | undefined
  /** Where time comes from. (the runtime's) */
  readonly clock?: Clock | undefined
  /** Takes work that outlives the response; in a service worker, the event's. (it runs unattended, its errors dropped) */
  readonly waitUntil?: ((work: Promise<unknown>) => void) | undefined
}

/**
 * A handler as `(request) => Response`. It answers synchronously where the handler does, and never throws.
 *
 * @example
 * const fetch = toFetch(app)
 * const response = await fetch(new Request('https://api.test/notes'))
 */
export function toFetch(handler: Handler, options: FetchOptions = {}): (request: Request) => MaybePromise<Response> {
  return (request) => {
    if (isUnsupported(request.method)) return earlyResponse(UNSUPPORTED_METHOD)
    const context = createContext(options)
    return run(handler, request, context, finish)
  }
}
