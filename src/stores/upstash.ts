/**
 * Upstash, over REST: everything in it with `@upstash/redis` ({@link upstashStore}), or an existing
 * `@upstash/ratelimit` instance as a store ({@link ratelimitStore}). Both clients are yours; configure the one for
 * Redis so that it gives up when the limiter has:
 *
 * ```ts
 * new Redis({
 *   url, token,
 *   retry: { retries: 0 }, // five by default, over 4 s, while the limiter waits 250 ms
 *   // A function: of a signal as such, an aborted call answers `'Aborted'`, and so does every call after it.
 *   signal: () => AbortSignal.timeout(1_000),
 *   enableTelemetry: false, // it sends three headers about this process
 * })
 * ```
 *
 * Leave its automatic pipelining and its deserialisation as they are: calls of one turn go out in one request, and what
 * is stored is marked so that it is not taken for JSON.
 */
import type { MaybePromise } from '../core/handler.ts'
import { isPromise } from '../core/handler.ts'
import type { SharedStore, Store, Verdict } from '../core/store.ts'
import { storeKey } from '../core/store.ts'
import type { RedisStoreOptions } from './scripted.ts'
import { byHash, scriptedStore } from './scripted.ts'

/** What {@link upstashStore} needs of a client: `new Redis()` of `@upstash/redis`. */
export interface UpstashClient {
  evalsha(sha: string, keys: string[], args: string[]): Promise<unknown>
  eval(script: string, keys: string[], args: string[]): Promise<unknown>
}

/** What {@link ratelimitStore} needs: `new Ratelimit()` of `@upstash/ratelimit`. */
export interface UpstashRatelimit {
  limit(identifier: string, request?: { rate?: number }): Promise<UpstashAnswer>
}

/** What it answers. */
export interface UpstashAnswer {
  readonly success: boolean
  readonly remaining: number
  /** Milliseconds since 1970. */
  readonly reset: number
  readonly reason?: string | undefined
  readonly pending?: Promise<unknown> | undefined
}

/**
 * A {@link SharedStore} in Upstash: the scripts of `redisStore`, one round trip per call. Throws a TypeError for
 * anything but a client, and for bad options.
 */
export function upstashStore(redis: UpstashClient, options: RedisStoreOptions = {}): SharedStore {
  if (typeof redis?.evalsha !== 'function' || typeof redis.eval !== 'function') {
    throw new TypeError('upstashStore: redis must be a client of @upstash/redis')
  }
  const run = byHash(
    (sha, key, args) => redis.evalsha(sha, [key], [...args]),
    (text, key, args) => redis.eval(text, [key], [...args]),
  )
  return scriptedStore('upstashStore', run, options)
}

const LONGEST_IDENTIFIER = 128

/**
 * An existing `@upstash/ratelimit` instance as a {@link Store}, for one limit. What it guarantees is that library's:
 * some of its ways to count also count what they refuse. It decides by its own limit and window; say the same in
 * `rateLimit`, which announces them. What it lets pass because it has waited too long (`timeout`) is no answer: the
 * limiter's outage policy decides. Throws a TypeError for anything but such an instance; so does a limiter with several
 * limits.
 */
export function ratelimitStore(ratelimit: UpstashRatelimit): Store {
  if (typeof ratelimit?.limit !== 'function') {
    throw new TypeError('ratelimitStore: ratelimit must be an instance of @upstash/ratelimit')
  }
  const ask = (identifier: string, rate: number): Promise<UpstashAnswer> => ratelimit.limit(identifier, { rate })
  return {
    check({ limits }) {
      if (limits.length !== 1) throw new TypeError(`ratelimitStore: takes one limit, got ${limits.length}`)
    },
    consume(_set, key, costs, { clock, waitUntil }) {
      const cost = costs[0]!
      const identifier: MaybePromise<string> = key.length > LONGEST_IDENTIFIER ? storeKey('', 'u', '', key) : key
      const answer = isPromise(identifier) ? identifier.then((hash) => ask(hash, cost)) : ask(identifier, cost)
      return answer.then((one): Verdict => {
        if (isPromise(one?.pending)) waitUntil(one.pending)
        if (one?.reason === 'timeout') throw new Error('ratelimitStore: @upstash/ratelimit has timed out')
        if (typeof one?.success !== 'boolean' || !Number.isFinite(one.remaining) || !Number.isFinite(one.reset)) {
          throw new Error('ratelimitStore: unexpected reply')
        }
        const now = clock.now()
        // It may say less than nothing, or enough for what it has refused.
        const remaining = Math.max(0, one.success ? one.remaining : Math.min(one.remaining, cost - 1))
        return {
          allowed: one.success,
          at: now,
          standings: [{ remaining, resetIn: Math.max(1, Math.ceil(one.reset - now)) }],
        }
      })
    },
  }
}
