import { isToken } from '../core/fields.ts'
import type { Rollout } from '../core/guard.ts'
import { ALLOW, guard, refusal } from '../core/guard.ts'
import type { Wrapper } from '../core/handler.ts'
import { problem } from '../core/problem.ts'

/** Options of {@link methods}. */
export interface MethodsOptions extends Rollout {
  /** Methods served here. `GET` brings `HEAD`. */
  readonly allow: readonly string[]
}

/**
 * Serves only these methods. Method names are case-sensitive: `get` is not `GET`.
 *
 * Needs:   nothing.
 * Adds:    nothing.
 * Refuses: 405 `method-not-allowed`, with `Allow`.
 * Throws:  when made: TypeError if `allow` is empty, holds no token, or holds TRACE, TRACK or CONNECT.
 * Fails:   not.
 * Costs:   one hash look-up.
 * Source:  RFC 9110 §9.1, §15.5.6; ASVS 5 4.1.4.
 *
 * @example
 * methods({ allow: ['GET', 'POST', 'DELETE'] })
 */
export function methods(options: MethodsOptions): Wrapper {
  if (!Array.isArray(options.allow) || options.allow.length === 0) {
    throw new TypeError('methods: allow must be a list of methods')
  }
  for (const method of options.allow) {
    const usable = typeof method === 'string' && isToken(method) &&
      !['TRACE', 'TRACK', 'CONNECT'].includes(method.toUpperCase())
    if (!usable) throw new TypeError(`methods: allow holds '${method}', which cannot be served`)
  }
  const allowed = new Set(options.allow)
  if (allowed.has('GET')) allowed.add('HEAD')
  const no = refusal(problem('method-not-allowed', { headers: { allow: [...allowed].join(', ') } }))
  return guard({ name: 'methods', ...options, decide: (request) => allowed.has(request.method) ? ALLOW : no })
}
