/** The rate-limiting binding of Cloudflare Workers as a store: nearly free, and nearly right. */
import type { Standing, Store, StoreCall } from '../core/store.ts'
import { storeKey } from '../core/store.ts'

/** A rate-limiting binding, as a Worker has it. */
export interface RateLimitBinding {
  limit(options: { readonly key: string }): Promise<{ readonly success: boolean }>
}

/** The binding knows no other periods. */
const PERIODS = [10_000, 60_000]

/**
 * A {@link Store} over a rate-limiting binding. The limit and the period are the binding's own, in wrangler.toml: say the
 * same to the limiter, which can only announce them.
 *
 * Takes the binding, as `import { env } from 'cloudflare:workers'` has it at module scope, or a function of the request's
 * context, where `toCloudflare` puts the bindings.
 *
 * Guarantees: little. Each of Cloudflare's locations counts for itself, from a cache that lags: a key may pass its limit,
 * and one that calls from two places has two. In exchange it adds no latency, and no cost beyond the Worker's own.
 * It tells only yes or no. So a refusal stands at 0 left, and an admission at 1 left, which says "perhaps one more"; both
 * for a whole window.
 * Fails:      rejects with what the runtime says, or with `unexpected reply`; with a TypeError for a cost other than 1.
 * Throws:     when made: TypeError for something that is no binding. When the limiter is made: TypeError for more than one
 *             limit, a window other than 10 s and 60 s, or a constant cost other than 1. How it counts is its own
 *             affair: the limit's algorithm is not asked.
 *
 * @example
 * // wrangler.toml: [[ratelimits]] name = "LIMITER", namespace_id = "1001", simple = { limit = 100, period = 60 }
 * const store = bindingStore(({ env }: HasBindings<Env>) => env.LIMITER)
 * rateLimit({ key: byClientIp, limit: 100, window: '60s', store })
 */
export function bindingStore<Env = unknown>(
  binding: RateLimitBinding | ((context: StoreCall & { readonly env: Env }) => RateLimitBinding),
): Store {
  if (typeof binding !== 'function' && !isBinding(binding)) {
    throw new TypeError('bindingStore: binding must be a rate-limiting binding, or a function that gives one')
  }
  return {
    check({ limits }, costs) {
      if (limits.length !== 1) throw new TypeError(`bindingStore: takes one limit, got ${limits.length}`)
      const { window } = limits[0]!
      if (!PERIODS.includes(window)) throw new TypeError(`bindingStore: window must be 10 s or 60 s, got ${window} ms`)
      if (costs !== undefined && costs[0] !== 1) throw new TypeError(`bindingStore: cost must be 1, got ${costs[0]}`)
    },
    async consume(set, text, costs, call) {
      if (costs.length !== 1 || costs[0] !== 1) throw new TypeError('bindingStore: takes one limit, and cost 1')
      // The call is the request's context, and under `toCloudflare` that has the bindings.
      const limiter = isBinding(binding) ? binding : binding(call as StoreCall & { readonly env: Env })
      const reply: unknown = await limiter.limit({ key: await storeKey('sallyport', 'b', set.id, text) })
      const allowed = (reply as { readonly success?: unknown } | undefined | null)?.success
      if (typeof allowed !== 'boolean') throw new Error('bindingStore: unexpected reply')
      const standing: Standing = { remaining: allowed ? 1 : 0, resetIn: set.limits[0]!.window }
      return { allowed, at: call.clock.now(), standings: [standing] }
    },
  }
}

function isBinding(value: unknown): value is RateLimitBinding {
  return typeof (value as Partial<RateLimitBinding> | undefined | null)?.limit === 'function'
}
