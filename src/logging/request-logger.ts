import type { Context } from '../core/context.ts'
import { extend } from '../core/context.ts'
import type { HasLog } from '../core/facts.ts'
import type { Wrapper } from '../core/handler.ts'
import type { Logger } from '../core/log.ts'

/**
 * Knows which request is being served, also where there is no context: an `AsyncLocalStorage` of `node:async_hooks`, which
 * Node, Bun and Deno have, and Workers with the flag `nodejs_als`.
 */
export interface RequestStorage {
  readonly run: <T>(context: Context, serve: () => T) => T
  readonly getStore: () => Context | undefined
}

/** Options of {@link requestLogger}. */
export interface RequestLoggerOptions {
  /** What the request's lines are written to. */
  readonly logger: Logger
  /** Remembers the request for a logger that was made with the same storage. (none) */
  readonly storage?: RequestStorage | undefined
}

/**
 * Adds `log`: a logger whose lines carry the request's id, trace id and attributes.
 *
 * Stands in the slot `accessLog` of a policy, beside `accessLog`. With `storage`, whatever is logged while the request is
 * served carries them, also by code that has no context.
 *
 * Needs:   nothing; logs `requestId` where it is there.
 * Adds:    `log`.
 * Refuses: nothing.
 * Throws:  when made: TypeError if `logger` is no logger, or `storage` no storage.
 * Fails:   a logger does not fail; what its sinks lose is counted in `dropped`.
 * Costs:   0.1 µs; with a storage what the runtime charges for it.
 * Source:  ASVS 5 16.2.1.
 *
 * @example
 * policy({ accessLog: compose(accessLog(), requestLogger({ logger })) })((_request, context) => {
 *   context.log.info('note found', { note: 7 })
 *   return new Response('hello')
 * })
 */
export function requestLogger(options: RequestLoggerOptions): Wrapper<HasLog> {
  const { logger, storage } = options
  if (typeof logger?.of !== 'function') throw new TypeError('requestLogger: logger must be what createLogger makes')
  if (storage !== undefined && (typeof storage?.run !== 'function' || typeof storage.getStore !== 'function')) {
    throw new TypeError('requestLogger: storage must be an AsyncLocalStorage')
  }
  return (next) => (request, context) => {
    const logged = extend(context, { log: logger.of(context) })
    return storage === undefined ? next(request, logged) : storage.run(logged, () => next(request, logged))
  }
}
