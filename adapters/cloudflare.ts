/** Cloudflare Workers: `export default toCloudflare(app)`; and uploads to R2: `r2Sink(env.BUCKET)`. */
import type { Clock } from '../src/core/clock.ts'
import type { Context, Platform } from '../src/core/context.ts'
import { createContext, extend } from '../src/core/context.ts'
import type { Handler, MaybePromise } from '../src/core/handler.ts'
import { finish, run } from '../src/core/response.ts'
import { edgeConnection } from './shared/connections.ts'
import { earlyResponse, isUnsupported, UNSUPPORTED_METHOD } from './shared/early.ts'

export {
  type R2BucketLike,
  type R2ObjectLike,
  type R2PartLike,
  type R2PutOptionsLike,
  r2Sink,
  type R2SinkOptions,
  type R2UploadLike,
  type StoredObject,
} from './cloudflare/r2-sink.ts'

/** Added by {@link toCloudflare}: the Worker's bindings. */
export interface HasBindings<Env> {
  readonly env: Env
}

/** What Workers hand over beside the request. */
export interface ExecutionContextLike {
  waitUntil(work: Promise<unknown>): void
}

/** What a module Worker exports. */
export interface WorkerLike<Env> {
  fetch(request: Request, env: Env, execution: ExecutionContextLike): MaybePromise<Response>
}

/** Options of {@link toCloudflare}. */
export interface CloudflareOptions {
  /** Where time comes from. (the runtime's) */
  readonly clock?: Clock | undefined
}

/**
 * A handler as a module Worker. The bindings are `context.env`: a handler that needs them fits here and nowhere else.
 *
 * The peer's address is what Cloudflare's edge says in `CF-Connecting-IP`, which no client can set there; a local run has
 * none. Memory belongs to one isolate of many: `context.platform.ephemeral` is true.
 *
 * @example
 * export default toCloudflare<{ readonly NOTES: KVNamespace }>(secure(async (_request, { env }) =>
 *   new Response(await env.NOTES.get('first'))))
 */
export function toCloudflare<Env = unknown>(
  handler: Handler<HasBindings<Env>>,
  options: CloudflareOptions = {},
): WorkerLike<Env> {
  const platform: Platform = { name: 'workerd', framed: true, ephemeral: true, draining: false }
  return {
    fetch(request, env, execution) {
      if (isUnsupported(request.method)) return earlyResponse(UNSUPPORTED_METHOD)
      const context: Context & HasBindings<Env> = extend(
        createContext({
          connection: edgeConnection(request),
          platform,
          clock: options.clock,
          // Bound: detached, the runtime's own throws `Illegal invocation`. Caught: a rejection would fail the request.
          waitUntil: (work) => execution.waitUntil(Promise.resolve(work).catch(() => {})),
        }),
        { env },
      )
      return run(handler, request, context, finish)
    },
  }
}
