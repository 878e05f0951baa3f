import type { Rollout } from '../core/guard.ts'
import { ALLOW, guard, refusal } from '../core/guard.ts'
import type { Wrapper } from '../core/handler.ts'
import { problem } from '../core/problem.ts'
import type { Size } from '../core/quantity.ts'
import { bytes, count } from '../core/quantity.ts'

/** Options of {@link headerLimit}. */
export interface HeaderLimitOptions extends Rollout {
  /** Names and values together. (`'16kb'`) */
  readonly max?: Size | undefined
  /** Distinct fields. (100) */
  readonly fields?: number | undefined
}

/**
 * Bounds the header before anything reads it. Node's server does so by itself (16 KB); elsewhere the runtime's own bound is
 * far higher or not yours to set.
 *
 * Needs:   nothing.
 * Adds:    nothing.
 * Refuses: 431 `headers-too-large`.
 * Throws:  when made: TypeError if `max` or `fields` is not usable.
 * Fails:   not.
 * Costs:   walks all fields: 1 µs on Node and Bun, 4 to 8 µs on Deno and workerd. Off unless you mount it.
 * Source:  RFC 6585 §5.
 *
 * @example
 * headerLimit({ max: '8kb' })
 */
export function headerLimit(options: HeaderLimitOptions = {}): Wrapper {
  const most = bytes(options.max ?? '16kb', 'headerLimit: max')
  const fields = count(options.fields ?? 100, 'headerLimit: fields')
  const no = refusal(problem('headers-too-large'))
  return guard({
    name: 'header-limit',
    ...options,
    decide(request) {
      let size = 0
      let seen = 0
      for (const [name, value] of request.headers) {
        size += name.length + value.length
        if (++seen > fields || size > most) return no
      }
      return ALLOW
    },
  })
}
